"""Uploads as `multipart/form-data`, as `curl -F file=@data.csv` sends them."""

import pytest
from fastapi import Request

from labelaudit.schemas import UploadOptions
from service.api.app import MAX_BODY_BYTES
from service.api.upload_bodies import MAX_ENVELOPE_BYTES, open_body
from service.db.tables import Upload
from tests.service.api.test_datasets import CSV, files_in
from tests.support.awaiting import awaited
from worker.runtime.runner import run_one

FORM = "multipart/form-data; boundary=frontier"
FILE = ("data.csv", CSV.encode())


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One kind: what is tested happens before the database."""
    return sqlite_url


def send(client, *, file=FILE, query=None, **fields: str | list[str]):
    return client.post("/v1/datasets", files={"file": file}, data=fields, params=query)


def form(*parts: tuple[str, bytes], ending: bytes = b"--frontier--\r\n") -> bytes:
    """Parts as their header and their content."""
    return b"".join(
        b"--frontier\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n"
        for head, content in parts
    ) + ending  # fmt: skip


def field(name: str, content: bytes) -> tuple[str, bytes]:
    return f'Content-Disposition: form-data; name="{name}"', content


def file_part(content: bytes, name: str = "file", filename: str = "a.csv") -> tuple[str, bytes]:
    return f'Content-Disposition: form-data; name="{name}"; filename="{filename}"', content


def send_raw(client, content: bytes, media_type: str = FORM):
    return client.post("/v1/datasets", content=content, headers={"Content-Type": media_type})


def test_the_file_of_a_form_is_the_dataset_without_its_envelope(uploader, worker):
    answer = send(uploader, label_column="label", name="mine")
    assert answer.status_code == 202
    dataset = answer.json()
    assert (dataset["name"], dataset["filename"]) == ("mine", "data.csv")
    assert dataset["bytes"] == len(CSV)
    assert run_one(worker)
    ready = uploader.get(answer.headers["location"]).json()
    assert (ready["status"], ready["sample_count"]) == ("completed", 20)
    assert ready["columns"]["label"] == "label"


@pytest.mark.parametrize("follows", [False, True], ids=["before the file", "after it"])
def test_fields_count_wherever_they_stand(uploader, database, follows):
    fields = [
        field("name", "Füchse".encode()),
        field("feature_column", b"a"),
        field("feature_column", b"b"),
        field("sha256", b"0" * 64),
    ]
    parts = [file_part(CSV.encode()), *fields] if follows else [*fields, file_part(CSV.encode())]
    refused = send_raw(uploader, form(*parts))
    assert refused.json()["type"] == "/problems/checksum-mismatch"
    parts.remove(fields[-1])
    dataset = send_raw(uploader, form(*parts)).json()
    assert dataset["name"] == "Füchse"
    with database.read() as session:
        (upload,) = session.query(Upload).all()
    assert upload.columns == {"features": ["a", "b"]}


def test_a_form_and_a_body_of_the_same_file_are_one_request(uploader):
    headers = {"Idempotency-Key": "one-and-the-same"}
    first = uploader.post("/v1/datasets", files={"file": FILE}, headers=headers).json()
    again = uploader.post(
        "/v1/datasets", params={"filename": "data.csv"}, content=CSV, headers=headers
    ).json()
    assert again["id"] == first["id"]


def test_a_field_counts_before_the_parameter_of_its_name(uploader):
    query = {"name": "of the query", "filename": "query.csv"}
    dataset = send(uploader, query=query, name="of the form").json()
    assert (dataset["name"], dataset["filename"]) == ("of the form", "query.csv")


@pytest.mark.parametrize(
    ("body", "slug", "says"),
    [
        (form(field("name", b"x")), "form-needs-one-file", "no field `file`"),
        (form(field("file", b"a,b")), "form-needs-one-file", "has no file"),
        (form(file_part(b"", filename="")), "form-needs-one-file", "has no file"),
        (form(file_part(b"a"), file_part(b"b")), "form-needs-one-file", "more than one"),
        (form(file_part(b"a", name="data")), "form-needs-one-file", "field `data`"),
        (form(file_part(b"a"), field("lable_column", b"y")), "unknown-parameter", "label_column"),
        (form(field("lable_column", b"y"), file_part(b"a")), "unknown-parameter", "label_column"),
        (form(file_part(b"a"), field("name", b"x" * 201)), "invalid-request", "/name"),
        (form(file_part(b"a"), *[field("name", b"x")] * 2), "invalid-request", "2 times"),
        (form(file_part(b"a"), ending=b""), "form-unreadable", "breaks off"),
        (form(file_part(b"a"))[:-7], "form-unreadable", "breaks off"),
        (b"sample_id,label\n1,2\n", "form-unreadable", "boundary"),
        (form(file_part(b"")), "empty-file", "empty"),
        (b"\r\n" * MAX_ENVELOPE_BYTES, "form-unreadable", "besides its file"),
        (form(file_part(b"a")) + b"x" * 2 * MAX_ENVELOPE_BYTES, "form-unreadable", "besides its"),
        (form(field("name", b"x" * 2 * MAX_ENVELOPE_BYTES)), "form-unreadable", "besides its"),
    ],
)  # fmt: skip
def test_a_form_that_is_not_one_file_and_options_is_refused(uploader, storage, body, slug, says):
    answer = send_raw(uploader, body)
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (422, f"/problems/{slug}")
    assert says in problem["detail"]
    assert files_in(storage) == []
    assert uploader.get("/v1/datasets").json()["items"] == []
    assert uploader.get("/v1/uploads").json()["items"] == []


def test_an_encoded_part_is_refused(uploader):
    head, content = file_part(b"YQ==")
    answer = send_raw(uploader, form((f"{head}\r\nContent-Transfer-Encoding: base64", content)))
    assert "base64" in answer.json()["detail"]


@pytest.mark.parametrize("media_type", ["multipart/form-data", "multipart/form-data; boundary="])
def test_a_form_needs_a_boundary(uploader, media_type):
    answer = send_raw(uploader, form(file_part(b"a")), media_type)
    assert answer.json()["type"] == "/problems/form-unreadable"


def test_the_limit_is_of_the_file(settings, uploader, storage):
    settings.max_upload_bytes = len(CSV) - 1
    refused = send(uploader)
    assert (refused.status_code, files_in(storage)) == (413, [])
    assert f"has {len(CSV)} bytes" in refused.json()["detail"]
    settings.max_upload_bytes = len(CSV)
    assert send(uploader, name="x" * 200).status_code == 202


def test_the_quota_counts_the_file(settings, uploader):
    settings.quota_bytes = len(CSV)
    assert send(uploader).status_code == 202
    assert send(uploader).json()["type"] == "/problems/quota-exceeded"


@pytest.mark.parametrize(
    "media_type",
    ["application/x-www-form-urlencoded", "multipart/mixed; boundary=a", "Text/HTML", "image/png"],
)
def test_an_envelope_is_415_with_the_command_that_works(uploader, media_type):
    refuse_envelope(uploader, "/v1/datasets", media_type)


@pytest.mark.parametrize("media_type", [FORM, "application/x-www-form-urlencoded"])
def test_the_address_of_resumable_uploads_names_the_right_one(uploader, media_type):
    refuse_envelope(uploader, "/v1/uploads", media_type)


def test_a_large_form_is_sent_to_the_datasets_too(uploader):
    answer = uploader.post("/v1/uploads", files={"file": ("big.zip", b"x" * (MAX_BODY_BYTES + 1))})
    assert answer.status_code == 415
    assert "-F file=@data.csv http://127.0.0.1/v1/datasets" in answer.json()["detail"]


def test_too_much_json_is_a_problem(uploader):
    answer = uploader.post("/v1/uploads", json={"name": "x" * MAX_BODY_BYTES, "length": 1})
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/upload-too-large")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == answer.json()["request_id"]


def refuse_envelope(uploader, path, media_type):
    answer = uploader.post(path, content=b"a=b", headers={"Content-Type": media_type})
    assert answer.status_code == 415
    assert "-F file=@data.csv http://127.0.0.1/v1/datasets" in answer.json()["detail"]


@pytest.mark.parametrize("media_type", ["text/csv", "application/json", "application/zip", ""])
def test_a_body_that_can_be_a_dataset_is_taken_as_it_is(uploader, media_type):
    assert send_raw(uploader, CSV.encode(), media_type).json()["bytes"] == len(CSV)


# ------------------------------------------------------------------------------------ as it arrives


class Left(Exception):
    """The caller is gone."""


def arriving(content: bytes, chunk: int, *, then: Exception | None = None) -> Request:
    """A request whose body arrives in such chunks."""
    messages = [
        {"type": "http.request", "body": content[start : start + chunk], "more_body": True}
        for start in range(0, len(content), chunk)
    ]
    ending = {"type": "http.request", "body": b"", "more_body": False}
    left = iter([*messages, ending])

    async def receive():
        message = next(left)
        if then is not None and message is ending:
            raise then
        return message

    headers = [(b"content-type", FORM.encode()), (b"content-length", b"%d" % len(content))]
    return Request({"type": "http", "headers": headers}, receive)


async def read(request: Request) -> tuple[list[bytes], UploadOptions, int | None]:
    """The chunks of the file, the options, and the length that was expected."""
    body = await open_body(request, UploadOptions())
    return [part async for part in body.file()], body.options, body.length


@pytest.mark.parametrize("chunk", [1, 2, 7, 64, 1 << 16])
def test_boundaries_may_fall_between_chunks(chunk):
    content = b"\r\n--frontie\r\n x--frontier\r\n\r\n--" * 3
    body = form(field("name", b"n"), file_part(content))
    found, options, length = awaited(read(arriving(body, chunk)))
    assert b"".join(found) == content
    assert options == UploadOptions(name="n", filename="a.csv")
    assert length == len(content)


def test_each_chunk_goes_on_as_it_comes():
    """Also of a file that seems to end everywhere."""
    content = b"\r\n--frontie" * 2**15
    found, _, length = awaited(read(arriving(form(file_part(content)), 2**14)))
    assert sum(map(len, found)) == length == len(content)
    assert max(map(len, found)) <= 2**14 + len("\r\n--frontier--\r\n")
    assert len(found) >= len(content) // 2**14


def test_a_caller_who_leaves_leaves_nothing(uploader, storage):
    """What the stream raises passes through to the storage, which keeps no part."""
    request = arriving(form(file_part(CSV.encode())), 16, then=Left())

    async def receive():
        body = await open_body(request, UploadOptions())
        await storage.receive("datasets/a/upload", body.file(), limit=1 << 20)

    with pytest.raises(Left):
        awaited(receive())
    assert files_in(storage) == []

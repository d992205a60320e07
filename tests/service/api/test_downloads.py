"""Downloads that break off and go on, over a real connection."""

import shutil
import subprocess
from collections.abc import Iterator

import httpx2
import pytest

from service.core.config import Settings
from service.db.engine import Database
from service.exports import records as exports
from service.storage.local import Storage
from tests.support.factories import Store, make_audit, make_dataset, person, summarise
from tests.support.live import LiveService, serving

pytestmark = pytest.mark.application
CONTENT = bytes(range(256)) * 400


@pytest.fixture(scope="module")
def service(sqlite_template, tmp_path_factory) -> Iterator[LiveService]:
    """A service without a worker, on a database of its own."""
    folder = tmp_path_factory.mktemp("downloads")
    shutil.copy(sqlite_template, folder / "labelaudit.sqlite3")
    settings = Settings(data_dir=folder, free_space_watermark_bytes=0, workers=0)
    with serving(settings) as service:
        yield service


@pytest.fixture(scope="module")
def store(service) -> Iterator[Store]:
    database = Database(service.settings.resolved_database_url)
    yield Store(database, Storage(service.settings.resolved_storage_dir))
    database.dispose()


@pytest.fixture(scope="module")
def dataset(store) -> str:
    return make_dataset(store)


@pytest.fixture(scope="module")
def audit(store, dataset) -> str:
    audit_id = make_audit(store, dataset)
    summarise(store, audit_id)
    return f"/v1/audits/{audit_id}"


@pytest.fixture(scope="module")
def export(store, dataset) -> str:
    with store.database.write() as session:
        made = exports.start_export(
            session, dataset, format="csv", dataset_version=None, principal=person("Uma")
        )
        exports.complete_export(
            session,
            made.id,
            filename="a.csv",
            bytes=len(CONTENT),
            sha256="0" * 64,
            counts={"changed": 0, "kept": 0, "excluded": 0},
        )
    with store.storage.writing(exports.file_key(made.id)) as path:
        path.write_bytes(CONTENT)
    return f"/v1/exports/{made.id}/file"


@pytest.fixture(scope="module")
def client(service) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {service.token}"}
    # drawing a report loads the plotting library
    with httpx2.Client(base_url=service.url, headers=headers, timeout=60) as client:
        yield client


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-0", 0, 1), ("bytes=100-199", 100, 200), ("bytes=102000-", 102000, 102400),
     ("bytes=-400", 102000, 102400), ("bytes=102000-999999", 102000, 102400)],
)  # fmt: skip
def test_a_part_of_an_export(client, export, asked, start, end):
    answer = client.get(export, headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == CONTENT[start:end]
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(CONTENT)}"
    assert answer.headers["content-length"] == str(end - start)


def test_a_part_that_the_file_does_not_have_is_416(client, export):
    answer = client.get(export, headers={"Range": f"bytes={len(CONTENT)}-"})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(CONTENT)}"
    assert answer.json()["type"] == "/problems/range-not-satisfiable"


@pytest.mark.parametrize("unreadable", ["pages=1-2", "bytes=", "bytes=9-2", "half of it"])
def test_a_range_that_nobody_can_read_is_ignored(client, export, unreadable):
    answer = client.get(export, headers={"Range": unreadable})
    assert (answer.status_code, len(answer.content)) == (200, len(CONTENT))


def test_a_part_of_another_version_is_the_whole_file(client, export):
    etag = client.head(export).headers["etag"]
    for known, status in ((etag, 206), ('"another"', 200), (f"W/{etag}", 200)):
        answer = client.get(export, headers={"Range": "bytes=5-", "If-Range": known})
        assert answer.status_code == status


@pytest.mark.parametrize(
    "path", ["{export}", "{audit}/suspects.csv", "{audit}/suspects.parquet", "{audit}/report.html",
             "{audit}/plots/tiers.svg"],
)  # fmt: skip
def test_head_says_what_get_says_without_a_body(client, audit, export, path):
    address = path.format(audit=audit, export=export)
    headers = {"Accept-Encoding": "identity"}
    whole, head = client.get(address, headers=headers), client.head(address, headers=headers)
    assert (whole.status_code, head.status_code, head.content) == (200, 200, b"")

    def compared(answer):
        # `vary` comes with a body that is long enough to be compressed
        passing = {"date", "x-request-id", "transfer-encoding", "vary"}
        return {name: value for name, value in answer.headers.items() if name not in passing}

    assert compared(head) == compared(whole)
    assert whole.headers["accept-ranges"] == ("bytes" if path == "{export}" else "none")
    known = {"If-None-Match": whole.headers["etag"]}
    for ask in (client.get, client.head):
        assert ask(address, headers=known).status_code == 304


def test_head_of_what_is_not_there_is_an_error_without_a_body(client):
    answer = client.head("/v1/exports/ex_none/file")
    assert (answer.status_code, answer.content) == (404, b"")


def test_only_what_is_sent_is_noted_in_the_access_log(client, export):
    def downloads():
        log = client.get("/v1/access-log", params={"action": "download"}).json()["items"]
        return [line for line in log if line["subject"] == export.split("/")[3]]

    before = len(downloads())
    client.head(export)
    assert len(downloads()) == before
    client.get(export, headers={"Range": "bytes=0-9"})
    assert len(downloads()) == before + 1


def curl(service: LiveService, *arguments: str) -> str:
    """What it says of the transfer when it is done."""
    key = f"Authorization: Bearer {service.token}"
    said = ["-w", "%{http_code} %{size_download}"]
    command = ["curl", "-sSf", "-H", key, *said, *arguments]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")


@needs_curl
def test_curl_goes_on_where_it_stopped(service, export, tmp_path):
    target = tmp_path / "export"
    target.write_bytes(CONTENT[:70_000])
    said = curl(service, "-C", "-", "-o", str(target), service.url + export)
    assert said == f"206 {len(CONTENT) - 70_000}"
    assert target.read_bytes() == CONTENT


@needs_curl
def test_curl_uploads_a_form(service, client, tmp_path):
    source = tmp_path / "täglich.csv"
    source.write_text("text,label\n" + "some words,a\nother words,b\n" * 50)
    form = ["-F", f"file=@{source}", "-F", "label_column=label", f"{service.url}/v1/datasets"]
    assert curl(service, "-o", str(tmp_path / "answer"), *form).startswith("202 ")
    newest = client.get("/v1/datasets", params={"limit": 1}).json()["items"][0]
    assert (newest["filename"], newest["bytes"]) == ("täglich.csv", source.stat().st_size)

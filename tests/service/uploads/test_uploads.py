"""Resumable uploads: nothing of a file is lost, sent twice, or becomes two datasets."""

import base64
import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest

from service.core.config import Settings
from service.db.tables import Dataset, Upload, now
from tests.service.api.test_datasets import CSV, files_in
from worker.runtime.runner import run_one

CONTENT = CSV.encode()
TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}


def metadata(**values: str) -> str:
    return ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in values.items())


def announce(client, length: int = len(CONTENT), **values: str):
    headers = {**TUS, "Upload-Length": str(length)}
    values = {"filename": "mine.csv", **values}
    return client.post("/v1/uploads", headers={**headers, "Upload-Metadata": metadata(**values)})


def begin(client, length: int = len(CONTENT), **values: str) -> str:
    answer = announce(client, length, **values)
    assert answer.status_code == 201, answer.text
    location: str = answer.headers["location"]
    return location


def send(client, location: str, content: bytes, offset: int, **headers: str):
    return client.patch(
        location, content=content, headers={**BYTES, "Upload-Offset": str(offset), **headers}
    )


def datasets_of(client) -> list[dict]:
    return client.get("/v1/datasets").json()["items"]


def test_a_file_sent_in_pieces_becomes_one_dataset(uploader, worker):
    location = begin(uploader, name="my people", sha256=hashlib.sha256(CONTENT).hexdigest())
    assert send(uploader, location, CONTENT[:100], 0).headers["upload-offset"] == "100"
    assert uploader.head(location, headers=TUS).headers["upload-offset"] == "100"
    assert datasets_of(uploader) == []
    last = send(uploader, location, CONTENT[100:], 100)
    assert (last.status_code, last.headers["upload-offset"]) == (204, str(len(CONTENT)))
    [dataset] = datasets_of(uploader)
    assert last.headers["upload-dataset"] == dataset["id"]
    assert (dataset["name"], dataset["bytes"]) == ("my people", len(CONTENT))
    assert dataset["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert run_one(worker)
    assert datasets_of(uploader)[0]["status"] == "completed"
    shown = uploader.get(location).json()
    assert (shown["status"], shown["dataset_id"]) == ("completed", dataset["id"])


def test_an_upload_can_be_created_with_json_and_sent_like_any_other(uploader, worker):
    wanted = {
        "length": len(CONTENT),
        "filename": "mine.csv",
        "name": "my people",
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "columns": {"label": "label"},
    }
    created = uploader.post("/v1/uploads", json=wanted)
    upload = created.json()
    assert (created.status_code, upload["status"], upload["parts"]) == (201, "running", None)
    assert (upload["offset"], upload["length"]) == (0, len(CONTENT))
    location = created.headers["location"]
    assert location == f"/v1/uploads/{upload['id']}"
    send(uploader, location, CONTENT, 0)
    run_one(worker)
    [dataset] = datasets_of(uploader)
    assert (dataset["name"], dataset["status"]) == ("my people", "completed")


def test_an_upload_needs_its_length_in_one_way_or_the_other(uploader):
    for answer in (
        uploader.post("/v1/uploads", headers=TUS),
        uploader.post("/v1/uploads", json={"filename": "mine.csv"}),
        uploader.post("/v1/uploads", json={"length": 0}),
    ):
        assert answer.status_code == 422, answer.text
        assert "length" in answer.text.lower()


def test_asking_again_after_the_last_byte_makes_no_second_dataset(uploader):
    location = begin(uploader)
    first = send(uploader, location, CONTENT, 0).headers["upload-dataset"]
    again = uploader.head(location, headers=TUS)
    assert again.headers["upload-offset"] == str(len(CONTENT))
    assert again.headers["upload-dataset"] == first
    assert send(uploader, location, b"", len(CONTENT)).headers["upload-dataset"] == first
    assert len(datasets_of(uploader)) == 1


def test_column_roles_travel_with_the_announcement(uploader, worker):
    content = CSV.replace("label,text", "first,second").encode()
    roles = json.dumps({"label": "first", "text": "second"})
    location = begin(uploader, len(content), columns=roles)
    send(uploader, location, content, 0)
    run_one(worker)
    assert datasets_of(uploader)[0]["columns"]["label"] == "first"


def test_a_wrong_offset_is_a_conflict_that_says_the_right_one(uploader):
    location = begin(uploader)
    send(uploader, location, CONTENT[:50], 0)
    answer = send(uploader, location, CONTENT[:50], 0)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/upload-offset-conflict")
    assert "byte 50" in answer.json()["detail"]


def test_more_bytes_than_declared_are_refused_and_nothing_is_kept(uploader, storage):
    location = begin(uploader, 100)
    answer = send(uploader, location, CONTENT, 0)
    assert answer.status_code == 413
    assert answer.json()["type"] == "/problems/upload-exceeds-declared-size"
    assert files_in(storage) == []
    assert datasets_of(uploader) == []


def test_a_file_with_another_hash_is_rejected_with_the_reason(uploader, storage):
    location = begin(uploader, sha256="0" * 64)
    answer = send(uploader, location, CONTENT, 0)
    assert (answer.status_code, answer.json()["type"]) == (410, "/problems/checksum-mismatch")
    shown = uploader.get(location).json()
    assert (shown["status"], shown["dataset_id"]) == ("failed", None)
    assert "damaged in transit" in shown["problem"]["detail"]
    assert uploader.head(location, headers=TUS).status_code == 410
    assert files_in(storage) == []
    assert datasets_of(uploader) == []


def test_a_rejected_upload_holds_no_slot_and_no_space(settings, uploader):
    settings.open_uploads, settings.quota_bytes = 1, 2 * len(CONTENT) - 1
    rejected = begin(uploader, sha256="0" * 64)
    assert announce(uploader).status_code in (413, 429)
    assert send(uploader, rejected, CONTENT, 0).status_code == 410
    assert announce(uploader).status_code == 201


def test_the_plain_upload_checks_the_hash_too(uploader, storage):
    answer = uploader.post("/v1/datasets", params={"sha256": "0" * 64}, content=CONTENT)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/checksum-mismatch")
    assert files_in(storage) == []


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_piece_with_a_wrong_checksum_is_dropped_and_can_be_sent_again(uploader, algorithm):
    def checksum(content: bytes) -> dict[str, str]:
        digest = base64.b64encode(hashlib.new(algorithm, content).digest()).decode()
        return {"Upload-Checksum": f"{algorithm} {digest}"}

    location = begin(uploader)
    good, rest = CONTENT[:64], CONTENT[64:]
    assert send(uploader, location, good, 0, **checksum(good)).status_code == 204
    answer = send(uploader, location, rest, 64, **checksum(b"something else"))
    assert (answer.status_code, answer.json()["type"]) == (460, "/problems/checksum-mismatch")
    assert uploader.head(location, headers=TUS).headers["upload-offset"] == "64"
    assert "upload-dataset" in send(uploader, location, rest, 64, **checksum(rest)).headers


def test_an_upload_that_is_given_up_leaves_nothing(uploader, storage):
    location = begin(uploader)
    send(uploader, location, CONTENT[:99], 0)
    assert uploader.delete(location, headers=TUS).status_code == 204
    assert uploader.head(location, headers=TUS).status_code == 404
    assert files_in(storage) == []


def test_what_became_a_dataset_stays_when_its_upload_is_deleted(uploader, worker):
    location = begin(uploader)
    send(uploader, location, CONTENT, 0)
    uploader.delete(location, headers=TUS)
    assert run_one(worker)
    assert datasets_of(uploader)[0]["status"] == "completed"


def test_a_crash_between_the_rename_and_the_commit_is_mended_by_the_next_request(
    uploader, monkeypatch, storage
):
    location = begin(uploader)

    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("the power went")

    with monkeypatch.context() as patch:
        patch.setattr("service.datasets.records.create_dataset", crash)
        assert send(uploader, location, CONTENT, 0).status_code == 500
    assert [path.parent.parent.name for path in files_in(storage)] == ["datasets"]
    found = uploader.head(location, headers=TUS)
    assert found.headers["upload-dataset"] == datasets_of(uploader)[0]["id"]


def test_an_upload_is_nobody_elses(uploader, admin):
    location = begin(uploader)
    assert admin.head(location, headers=TUS).status_code == 404
    assert admin.get(location).status_code == 404
    assert send(admin, location, CONTENT, 0).status_code == 404
    assert admin.delete(location, headers=TUS).status_code == 404


def test_an_expired_upload_is_not_found(uploader, database):
    location = begin(uploader)
    with database.write() as session:
        session.get_one(Upload, location.rpartition("/")[2]).expires_at = now() - timedelta(1)
    assert uploader.head(location, headers=TUS).status_code == 404


def test_the_service_says_what_it_speaks(uploader, settings):
    headers = uploader.options("/v1/uploads").headers
    assert headers["tus-version"] == "1.0.0"
    assert headers["tus-max-size"] == str(settings.max_upload_bytes)
    assert set(headers["tus-extension"].split(",")) == {
        *("creation", "checksum", "expiration", "termination")
    }


def test_what_is_no_tus_is_refused(uploader):
    location = begin(uploader)
    other = {"Tus-Resumable": "0.2.2"}
    assert uploader.head(location, headers=other).status_code == 412
    assert send(uploader, location, CONTENT, 0, **{"Content-Type": "text/csv"}).status_code == 415
    assert send(uploader, location, CONTENT, 0, **{"Upload-Checksum": "md5 abc"}).status_code == 422
    assert uploader.post("/v1/uploads", headers=TUS).status_code == 422
    for length in ("0", "-1", "x", "9" * 30):
        headers = {**TUS, "Upload-Length": length}
        assert uploader.post("/v1/uploads", headers=headers).status_code == 422
    for bad in ("filename x", "filename ÿ", "filename " + "A" * 3, metadata(columns="[]")):
        described: dict[str, Any] = {"Upload-Length": "5", "Upload-Metadata": bad.encode("latin-1")}
        assert uploader.post("/v1/uploads", headers=TUS | described).status_code == 422, bad


# ------------------------------------------------------------------------------------------- quotas


@pytest.fixture
def quota(settings: Settings) -> Settings:
    """Room for one file and a half."""
    settings.quota_bytes = len(CONTENT) * 3 // 2
    return settings


def test_room_is_held_from_the_announcement_on(quota, uploader):
    location = begin(uploader)
    answer = announce(uploader)
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/quota-exceeded")
    left = quota.quota_bytes - len(CONTENT)
    said = f"only {left} of your organisation's {quota.quota_bytes} bytes of storage are left"
    assert said in answer.json()["detail"]
    assert uploader.post("/v1/datasets", content=CONTENT).status_code == 413
    uploader.delete(location, headers=TUS)
    assert uploader.post("/v1/datasets", content=CONTENT).status_code == 202
    assert announce(uploader).status_code == 413


def test_a_body_of_unknown_length_is_counted_when_it_is_there(quota, uploader, storage):
    def body():
        yield CONTENT
        yield CONTENT

    answer = uploader.post("/v1/datasets", content=body())
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/quota-exceeded")
    assert files_in(storage) == []
    assert uploader.post("/v1/datasets", content=iter([CONTENT])).status_code == 202


def test_so_many_datasets_and_no_more(settings, uploader):
    settings.quota_datasets = 1
    assert uploader.post("/v1/datasets", content=iter([CONTENT])).status_code == 202
    answer = uploader.post("/v1/datasets", content=CONTENT)
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/quota-exceeded")
    assert (
        "limit of datasets, 1, is reached: it has 1, and 0 unfinished uploads"
        in answer.json()["detail"]
    )


def test_a_file_over_the_limit_is_refused_before_it_is_sent(settings, uploader):
    settings.max_upload_bytes = 1000
    answer = announce(uploader, 1001)
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/upload-too-large")


def test_too_many_open_uploads_are_told_to_wait(settings, uploader, admin):
    settings.open_uploads = 2
    begin(uploader)
    begin(uploader)
    answer = announce(uploader)
    assert (answer.status_code, answer.json()["type"]) == (429, "/problems/rate-limited")
    assert int(answer.headers["retry-after"]) > 0
    begin(admin)


def test_a_disk_nearly_full_takes_no_new_upload(app, uploader, storage):
    app.state.resources.storage.watermark = 2**60
    answer = announce(uploader)
    assert (answer.status_code, answer.json()["type"]) == (507, "/problems/insufficient-storage")
    assert uploader.post("/v1/datasets", content=CONTENT).status_code == 507
    assert files_in(storage) == []


def test_a_refused_plain_upload_gives_its_room_back(settings, uploader, database):
    settings.open_uploads = 1
    for _ in range(3):
        assert uploader.post("/v1/datasets", content=b"").status_code == 422
    with database.read() as session:
        assert session.query(Upload).count() == session.query(Dataset).count() == 0


# -------------------------------------------------------------------------------------- no bucket


def test_without_a_bucket_direct_uploads_are_said_not_to_be_there(uploader):
    location = begin(uploader)
    for answer in (
        uploader.post("/v1/uploads", json={"transfer": "multipart", "length": 5}),
        uploader.get(f"{location}/parts"),
        uploader.post(f"{location}/complete"),
    ):
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-bucket")
    assert uploader.get("/v1/uploads").json()["multipart"] is False

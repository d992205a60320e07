"""Direct uploads: the bytes go to a bucket past the service, and become a dataset all the same."""

import hashlib
import json
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from labelaudit.enums import JobStatus
from service.accounts import tenants
from service.core.config import Settings
from service.core.errors import UploadTooLarge
from service.db.tables import (
    Dataset,
    Job,
    Upload,
    now,
)
from service.operations.cleanup import clean_up
from service.storage.upload_bucket import UploadBucket
from service.uploads.parts import PartLayout
from tests.service.api.test_datasets import CSV, files_in
from tests.service.uploads.test_uploads import (
    BYTES,
    TUS,
    begin,
    datasets_of,
)
from tests.service.uploads.test_uploads import announce as announce_tus
from tests.support.bucket import PART_BYTES
from tests.support.processes import Deployment
from worker.runtime import runner
from worker.runtime.runner import run_one

CONTENT = CSV.encode()
LONG = b"sample_id,label,text\n" + b"".join(
    b"s%d,%s,%s\n" % (n, (b"bad", b"good")[n % 2], b"x" * 1000) for n in range(11_000)
)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def upload_bucket(bucket):
    """Every test has a bucket, before its application starts."""
    return bucket.upload_bucket


@pytest.fixture
def impatient(monkeypatch):
    """Nobody waits long for a bucket that is away."""
    monkeypatch.setattr("service.storage.upload_bucket.RETRY_DELAYS", (0.01,))
    monkeypatch.setattr(runner, "DEFERRED_SECONDS", 0.0)


def announce(client, content: bytes = CONTENT, **values: object):
    asked = {"filename": "mine.csv", "length": len(content), **values}
    return client.post("/v1/uploads", json={"transfer": "multipart", **asked})


def begun(client, content: bytes = CONTENT, **values: object) -> dict:
    answer = announce(client, content, **values)
    assert answer.status_code == 201, answer.text
    return answer.json()


def put(part: dict, content: bytes) -> httpx.Response:
    start = (part["number"] - 1) * PART_BYTES
    return httpx.put(part["url"], content=content[start : start + part["bytes"]], timeout=60)


def sent(client, content: bytes = CONTENT, **values: object) -> str:
    """The path of an upload whose every part has arrived."""
    upload = begun(client, content, **values)
    for part in upload["parts"]:
        assert put(part, content).status_code == 200
    return f"/v1/uploads/{upload['id']}"


def completed(client, content: bytes = CONTENT, **values: object) -> str:
    """The id of the dataset, still in the bucket."""
    answer = client.post(f"{sent(client, content, **values)}/complete")
    assert answer.status_code == 200, answer.text
    return answer.json()["dataset_id"]


def type_of(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"]


def dataset_of(client, dataset_id: str) -> dict:
    return client.get(f"/v1/datasets/{dataset_id}").json()


# ----------------------------------------------------------------------------------------- the road


def test_a_file_that_went_to_the_bucket_becomes_a_dataset(uploader, worker, bucket, storage):
    upload = begun(uploader, LONG, name="my people", sha256=hashlib.sha256(LONG).hexdigest())
    assert (upload["part_bytes"], upload["part_count"]) == (PART_BYTES, 3)
    for part in reversed(upload["parts"]):
        assert put(part, LONG).status_code == 200
    assert datasets_of(uploader) == []
    done = uploader.post(f"/v1/uploads/{upload['id']}/complete").json()
    assert (done["status"], done["offset"]) == ("completed", len(LONG))
    [dataset] = datasets_of(uploader)
    assert (dataset["id"], dataset["status"]) == (done["dataset_id"], "queued")
    assert files_in(storage) == []
    assert run_one(worker)
    dataset = dataset_of(uploader, dataset["id"])
    assert (dataset["status"], dataset["name"]) == ("completed", "my people")
    assert (dataset["bytes"], dataset["sample_count"]) == (len(LONG), 11_000)
    assert dataset["sha256"] == hashlib.sha256(LONG).hexdigest()
    assert bucket.holds() == []


def test_the_hash_need_not_be_said_and_is_known_once_the_file_is_fetched(uploader, worker):
    dataset_id = completed(uploader)
    assert dataset_of(uploader, dataset_id)["sha256"] == ""
    run_one(worker)
    assert dataset_of(uploader, dataset_id)["sha256"] == SHA256


def test_column_roles_travel_with_the_announcement(uploader, worker):
    content = CSV.replace("label,text", "first,second").encode()
    dataset_id = completed(uploader, content, columns={"label": "first", "text": "second"})
    run_one(worker)
    assert dataset_of(uploader, dataset_id)["columns"]["label"] == "first"


def test_what_was_fetched_is_read_again_from_the_storage(uploader, worker, bucket):
    dataset_id = completed(uploader)
    run_one(worker)
    bucket.line.cut = True
    assert uploader.post(f"/v1/datasets/{dataset_id}/columns", json={}).status_code == 202
    run_one(worker)
    assert dataset_of(uploader, dataset_id)["status"] == "completed"


def test_parts_are_signed_again_and_told_apart_by_whether_they_arrived(uploader):
    upload = begun(uploader, LONG)
    for part in upload["parts"][:2]:
        put(part, LONG)
    path = f"/v1/uploads/{upload['id']}/parts"
    answer = uploader.get(path)
    assert answer.headers["cache-control"] == "no-store"
    assert [part["arrived"] for part in answer.json()["items"]] == [True, True, False]
    [second] = uploader.get(path, params={"first": 2, "limit": 1}).json()["items"]
    assert (second["number"], second["arrived"]) == (2, True)
    pages, cursor = [], None
    while cursor or not pages:
        query = {"limit": 1} | ({"cursor": cursor} if cursor else {})
        page = uploader.get(path, params=query).json()
        pages.append([part["number"] for part in page["items"]])
        cursor = page["next_cursor"]
    assert pages == [[1], [2], [3]]
    assert put(second, LONG).status_code == 200
    assert type_of(uploader.get(path, params={"first": 4})) == (422, "/problems/no-such-part")


def test_more_parts_than_a_bucket_lists_at_once_are_all_found(uploader, monkeypatch):
    monkeypatch.setattr("service.storage.upload_bucket.PARTS_PER_PAGE", 2)
    path = sent(uploader, LONG)
    items = uploader.get(f"{path}/parts").json()["items"]
    assert [part["arrived"] for part in items] == [True, True, True]
    assert uploader.post(f"{path}/complete").status_code == 200


def test_an_upload_without_all_its_parts_is_not_completed(uploader):
    upload = begun(uploader, LONG)
    put(upload["parts"][0], LONG)
    put(upload["parts"][2], LONG)
    answer = uploader.post(f"/v1/uploads/{upload['id']}/complete")
    assert type_of(answer) == (409, "/problems/upload-incomplete")
    assert [error["part"] for error in answer.json()["errors"]] == [2]
    put(upload["parts"][1], LONG)
    assert uploader.post(f"/v1/uploads/{upload['id']}/complete").status_code == 200


def test_a_part_of_another_size_never_becomes_part_of_a_dataset(uploader):
    """A bucket refuses it, for its address is signed for one size; moto's does not look."""
    upload = begun(uploader)
    answer = httpx.put(upload["parts"][0]["url"], content=CONTENT + b"more")
    if answer.status_code == 200:
        [part] = uploader.get(f"/v1/uploads/{upload['id']}/parts").json()["items"]
        assert not part["arrived"]
    answer = uploader.post(f"/v1/uploads/{upload['id']}/complete")
    assert type_of(answer) == (409, "/problems/upload-incomplete")


def test_addresses_name_the_public_endpoint(settings, bucket):
    settings.upload_public_endpoint = "https://files.example.org"
    signed = UploadBucket(settings).sign("ds_1", "an-id", 1, size=5, seconds=60)
    assert signed.startswith("https://files.example.org/labelaudit-tests/")
    assert "content-length" in signed


# ---------------------------------------------------------------------------------- reserved as all


def test_room_is_held_from_the_announcement_on(settings, uploader):
    settings.quota_bytes = len(CONTENT) * 3 // 2
    upload = begun(uploader)
    assert type_of(announce(uploader)) == (413, "/problems/quota-exceeded")
    assert type_of(announce_tus(uploader)) == (413, "/problems/quota-exceeded")
    assert uploader.delete(f"/v1/uploads/{upload['id']}", headers=TUS).status_code == 204
    assert announce(uploader).status_code == 201


def test_limits_are_those_of_other_uploads(settings, app, uploader):
    settings.max_upload_bytes = len(CONTENT)
    assert type_of(announce(uploader, length=len(CONTENT) + 1)) == (
        413,
        "/problems/upload-too-large",
    )
    settings.open_uploads = 1
    begun(uploader)
    assert type_of(announce(uploader)) == (429, "/problems/rate-limited")
    settings.open_uploads = 8
    app.state.resources.storage.watermark = 2**60
    assert type_of(announce(uploader)) == (507, "/problems/insufficient-storage")


@pytest.mark.parametrize(
    "wrong",
    [
        *({"length": length} for length in (0, -1, 2**63, None)),
        {"sha256": "abc"},
        {"filename": ""},
        {"columns": {"no-role": "x"}},
        {"bucket": "mine"},
        {"endpoint": "http://169.254.169.254"},
    ],
)
def test_an_announcement_that_makes_no_sense_is_refused(uploader, wrong):
    assert announce(uploader, **wrong).status_code == 422


def test_parts_grow_with_the_file_up_to_what_a_bucket_takes(settings: Settings):
    settings.upload_part_bytes = 64 << 20
    assert PartLayout.plan(settings, 100 << 30) == PartLayout(100 << 30, 64 << 20)
    larger = PartLayout.plan(settings, 2 << 40)
    assert larger.count <= 10_000
    assert sum(map(larger.size_of, range(1, larger.count + 1))) == 2 << 40
    with pytest.raises(UploadTooLarge, match="10000 parts") as refused:
        PartLayout.plan(settings, 49 << 40)
    assert refused.value.type == "too-many-parts"


# -------------------------------------------------------------------------------------- whose it is


def test_an_upload_is_nobody_elses(uploader, admin, app, database):
    with database.write() as session:
        _, token = tenants.create_tenant(session, name="Elsewhere", admin="Zoe")
    headers = {"Authorization": f"Bearer {token}"}
    stranger = TestClient(app, base_url="http://127.0.0.1", headers=headers)
    path = sent(uploader)
    for other in (admin, stranger):
        assert other.get(path).status_code == 404
        assert other.get(f"{path}/parts").status_code == 404
        assert other.post(f"{path}/complete").status_code == 404
        assert other.delete(path, headers=TUS).status_code == 404
        assert other.get("/v1/uploads").json()["items"] == []
    dataset_id = uploader.post(f"{path}/complete").json()["dataset_id"]
    assert stranger.get(f"/v1/datasets/{dataset_id}").status_code == 404


def test_who_may_not_upload_gets_no_address(annotator, anonymous):
    assert announce(annotator).status_code == 403
    assert announce(anonymous).status_code == 401


def test_tus_and_direct_uploads_are_not_mixed_up(uploader):
    location = begin(uploader)
    assert type_of(uploader.get(f"{location}/parts")) == (409, "/problems/upload-not-multipart")
    assert type_of(uploader.post(f"{location}/complete")) == (409, "/problems/upload-not-multipart")
    path = f"/v1/uploads/{begun(uploader)['id']}"
    answer = uploader.patch(path, content=CONTENT, headers={**BYTES, "Upload-Offset": "0"})
    assert type_of(answer) == (409, "/problems/upload-is-multipart")
    listed = uploader.get("/v1/uploads").json()
    assert [item["part_count"] for item in listed["items"]] == [None, 1]
    assert listed["multipart"]


# -------------------------------------------------------------------------- killed, and asked again


def test_completing_twice_makes_one_dataset(uploader, worker):
    path = sent(uploader)
    first = uploader.post(f"{path}/complete").json()
    assert uploader.post(f"{path}/complete").json() == first
    assert type_of(uploader.get(f"{path}/parts")) == (409, "/problems/upload-complete")
    run_one(worker)
    assert uploader.post(f"{path}/complete").json() == first
    assert len(datasets_of(uploader)) == 1


def test_a_crash_after_the_parts_were_assembled_is_repaired_by_asking_again(
    uploader, worker, monkeypatch
):
    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("the power went")

    path = sent(uploader, LONG)
    with monkeypatch.context() as patch:
        patch.setattr("service.datasets.records.create_dataset", crash)
        assert uploader.post(f"{path}/complete").status_code == 500
    assert datasets_of(uploader) == []
    assert type_of(uploader.get(f"{path}/parts")) == (409, "/problems/upload-complete")
    done = uploader.post(f"{path}/complete").json()
    run_one(worker)
    assert dataset_of(uploader, done["dataset_id"])["status"] == "completed"


def test_two_requests_that_assemble_the_parts_at_once_both_succeed(uploader, monkeypatch):
    """The second finds its upload gone from the bucket, and the object there."""
    path, assemble = sent(uploader), UploadBucket.assemble

    def twice(upload_bucket: UploadBucket, dataset_id: str, multipart_id: str, parts: list) -> None:
        assemble(upload_bucket, dataset_id, multipart_id, parts)
        upload_bucket.abort(dataset_id, multipart_id)
        assemble(upload_bucket, dataset_id, multipart_id, parts)

    monkeypatch.setattr(UploadBucket, "assemble", twice)
    assert uploader.post(f"{path}/complete").json()["status"] == "completed"


def test_an_upload_begun_but_never_made_in_the_bucket_is_made_when_asked_for(uploader, database):
    """The service was killed between the reservation and the bucket's answer."""
    upload = begun(uploader)
    with database.write() as session:
        session.get_one(Upload, upload["id"]).multipart_id = None
    [part] = uploader.get(f"/v1/uploads/{upload['id']}/parts").json()["items"]
    put(part, CONTENT)
    assert uploader.post(f"/v1/uploads/{upload['id']}/complete").status_code == 200


def test_a_worker_killed_while_it_fetches_is_followed_by_one_that_fetches_all(
    uploader, worker, bucket, settings, storage, tmp_path
):
    dataset_id = completed(uploader, LONG)
    bucket.line.limit, bucket.line.breaks = 4 << 20, False
    secrets = {
        "upload_access_key": settings.upload_access_key.get_secret_value(),
        "upload_secret_key": settings.upload_secret_key.get_secret_value(),
    }
    plain = json.loads(settings.model_dump_json(exclude_none=True, exclude=set(secrets)))
    named = {
        f"LABELAUDIT_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in (plain | secrets).items()
        if value not in ([], {})
    }
    process = Deployment(tmp_path, named).worker("cpu")
    try:
        deadline = time.monotonic() + 60
        while sum(path.stat().st_size for path in files_in(storage)) < 3 << 20:
            assert time.monotonic() < deadline, process.said()
            time.sleep(0.05)
    finally:
        process.kill9()
    bucket.line.restore()
    assert run_one(worker)
    assert not [path for path in files_in(storage) if path.suffix == ".part"]
    dataset = dataset_of(uploader, dataset_id)
    assert (dataset["status"], dataset["sample_count"]) == ("completed", 11_000)
    assert dataset["sha256"] == hashlib.sha256(LONG).hexdigest()
    assert bucket.holds() == []


def test_a_crash_after_the_file_was_fetched_fetches_it_no_second_time(
    uploader, worker, bucket, monkeypatch
):
    dataset_id = completed(uploader)
    with monkeypatch.context() as patch:
        patch.setattr("service.jobs.records.RETRY_AFTER_SECONDS", 0.0)
        patch.setattr("service.datasets.records.mark_fetched", lambda *_: 1 / 0)
        run_one(worker)
    bucket.upload_bucket.delete(dataset_id)
    run_one(worker)
    dataset = dataset_of(uploader, dataset_id)
    assert (dataset["status"], dataset["sha256"]) == ("completed", SHA256)


def test_a_connection_that_breaks_is_gone_on_with(uploader, worker, bucket, monkeypatch):
    dataset_id = completed(uploader, LONG)
    ranges, read = [], UploadBucket._read_from

    def noted(upload_bucket: UploadBucket, dataset_id: str, found: Any, offset: int):
        ranges.append(offset)
        bucket.line.limit = None if len(ranges) > 1 else 5 << 20
        return read(upload_bucket, dataset_id, found, offset)

    monkeypatch.setattr(UploadBucket, "_read_from", noted)
    run_one(worker)
    assert len(ranges) == 2
    assert 4 << 20 <= ranges[1] < 5 << 20
    assert dataset_of(uploader, dataset_id)["sha256"] == hashlib.sha256(LONG).hexdigest()


# ---------------------------------------------------------------------------------- what goes wrong


def test_a_file_with_another_hash_is_rejected_and_nothing_is_kept(
    uploader, worker, bucket, storage
):
    dataset_id = completed(uploader, sha256="0" * 64)
    run_one(worker)
    dataset = dataset_of(uploader, dataset_id)
    assert (dataset["status"], dataset["problem"]["type"]) == (
        "failed",
        "/problems/checksum-mismatch",
    )
    assert SHA256 in dataset["problem"]["detail"]
    assert files_in(storage) == bucket.holds() == []


def test_a_file_of_another_size_is_rejected(uploader, bucket):
    """The bucket holds something else than the parts that were signed."""
    path = sent(uploader)
    [multipart] = bucket.upload_bucket.everything()
    bucket.put(multipart.dataset_id, CONTENT + b"more")
    for _ in range(2):
        assert type_of(uploader.post(f"{path}/complete")) == (410, "/problems/upload-size-mismatch")
    shown = uploader.get(path).json()
    assert (shown["status"], shown["dataset_id"]) == ("failed", None)
    assert datasets_of(uploader) == []
    assert bucket.holds() == []


def test_parts_that_the_bucket_has_dropped_are_said_to_be_gone(uploader, bucket):
    path = sent(uploader)
    [multipart] = bucket.upload_bucket.everything()
    bucket.upload_bucket.abort(multipart.dataset_id, multipart.multipart_id)
    assert type_of(uploader.get(f"{path}/parts")) == (410, "/problems/upload-vanished")
    uploader.post(f"{path}/complete")
    assert uploader.get(path).json()["problem"]["type"] == "/problems/upload-vanished"


def test_an_object_that_vanished_rejects_its_dataset(uploader, worker, bucket):
    dataset_id = completed(uploader)
    bucket.upload_bucket.delete(dataset_id)
    run_one(worker)
    assert dataset_of(uploader, dataset_id)["problem"]["type"] == "/problems/upload-vanished"


def test_a_bucket_that_is_away_is_a_503_that_says_when_to_come_back(uploader, bucket, impatient):
    path = sent(uploader)
    bucket.line.cut = True
    for answer in (announce(uploader), uploader.post(f"{path}/complete")):
        assert type_of(answer) == (503, "/problems/bucket-unavailable")
        assert int(answer.headers["retry-after"]) > 0
    assert [item["id"] for item in uploader.get("/v1/uploads").json()["items"]] == [
        path.rpartition("/")[2]  # the one that could not be begun holds no room
    ]
    bucket.line.restore()
    assert uploader.post(f"{path}/complete").status_code == 200


def test_a_dataset_waits_for_a_bucket_that_is_away(uploader, worker, bucket, database, impatient):
    dataset_id = completed(uploader)
    bucket.line.cut = True
    for _ in range(7):  # more often than a job may fail
        assert run_one(worker)
    with database.read() as session:
        [job] = session.query(Job)
        assert (job.status, job.attempt) == (JobStatus.queued, 0)
    bucket.line.restore()
    assert run_one(worker)
    assert dataset_of(uploader, dataset_id)["status"] == "completed"


def test_a_dataset_waits_while_the_disk_is_nearly_full(uploader, worker, bucket, impatient):
    dataset_id = completed(uploader)
    worker.storage.watermark = 2**60
    run_one(worker)
    assert dataset_of(uploader, dataset_id)["status"] == "running"  # it was begun, and waits again
    assert bucket.holds() == [dataset_id]
    worker.storage.watermark = 0
    run_one(worker)
    assert dataset_of(uploader, dataset_id)["status"] == "completed"


def test_a_worker_that_is_set_up_wrongly_leaves_the_dataset_to_others(
    uploader, worker, settings, impatient
):
    dataset_id = completed(uploader)
    for wrong in (
        {"upload_bucket": ""},
        {"upload_bucket": "no-such-bucket"},
        {"upload_endpoint": "nowhere"},
    ):
        worker.backends = replace(worker.backends, settings=settings.model_copy(update=wrong))
        run_one(worker)
    worker.backends = replace(worker.backends, settings=settings)
    run_one(worker)
    assert dataset_of(uploader, dataset_id)["status"] == "completed"


# ------------------------------------------------------------------------------------- what is left


def expire(database) -> None:
    with database.write() as session:
        for upload in session.query(Upload):
            upload.expires_at = now() - timedelta(hours=2)


def test_an_expired_upload_says_so_and_the_cleanup_aborts_it(uploader, bucket, database, storage):
    path = sent(uploader)
    assert clean_up(database, storage, bucket.upload_bucket, min_age_seconds=-1) == []
    expire(database)
    for answer in (uploader.get(f"{path}/parts"), uploader.post(f"{path}/complete")):
        assert type_of(answer) == (410, "/problems/upload-expired")
    [left] = bucket.holds()
    address = bucket.upload_bucket.address(left)
    assert address in clean_up(
        database, storage, bucket.upload_bucket, min_age_seconds=-1, dry_run=True
    )
    assert bucket.holds() == [left]
    assert address in clean_up(database, storage, bucket.upload_bucket, min_age_seconds=-1)
    assert bucket.holds() == []
    with database.read() as session:
        assert session.query(Upload).count() == 0


def test_the_janitor_deletes_orphans_and_nothing_that_is_expected(
    uploader, bucket, database, storage, worker
):
    waiting = completed(uploader)
    joined = sent(uploader)  # as if the service had been killed before it made the dataset
    [multipart] = [one for one in bucket.upload_bucket.everything() if one.multipart_id]
    parts = list(bucket.upload_bucket.parts(multipart.dataset_id, multipart.multipart_id))
    bucket.upload_bucket.assemble(multipart.dataset_id, multipart.multipart_id, parts)
    bucket.put("ds_orphan", b"whatever")
    assert clean_up(database, storage, bucket.upload_bucket) == []  # it may be on its way somewhere
    left = clean_up(database, storage, bucket.upload_bucket, min_age_seconds=-1)
    assert left == [bucket.upload_bucket.address("ds_orphan")]
    assert sorted(bucket.holds()) == sorted([waiting, multipart.dataset_id])
    assert uploader.post(f"{joined}/complete").status_code == 200
    while run_one(worker):
        pass
    assert {item["status"] for item in datasets_of(uploader)} == {"completed"}


def test_the_object_of_a_deleted_dataset_goes(uploader, bucket, database, storage):
    dataset_id = completed(uploader)
    assert uploader.delete(f"/v1/datasets/{dataset_id}").status_code == 204
    clean_up(database, storage, bucket.upload_bucket, min_age_seconds=-1)
    assert bucket.holds() == []


def test_an_upload_that_is_given_up_leaves_nothing_in_the_bucket(uploader, bucket):
    path = sent(uploader)
    assert uploader.delete(path, headers=TUS).status_code == 204
    assert bucket.holds() == []
    assert uploader.post(f"{path}/complete").status_code == 404


def test_what_became_a_dataset_stays_when_its_upload_is_deleted(uploader, worker):
    path = sent(uploader)
    dataset_id = uploader.post(f"{path}/complete").json()["dataset_id"]
    uploader.delete(path, headers=TUS)
    run_one(worker)
    assert dataset_of(uploader, dataset_id)["status"] == "completed"


def test_a_bucket_that_is_away_keeps_the_janitor_from_nothing_else(
    uploader, bucket, database, storage, settings
):
    bucket.line.cut = True
    expire(database)
    assert clean_up(database, storage, UploadBucket(settings), min_age_seconds=-1) == []


def test_verification_passes_over_a_file_that_is_still_in_the_bucket(uploader, database, storage):
    from service.operations.verify import verify

    completed(uploader)
    with database.read() as session:
        assert session.query(Dataset).one().status is JobStatus.queued
    assert verify(database, storage).violations == []

"""/v1/exports over HTTP; what is in the files is tested beside the exporter."""

import hashlib

import pytest

from labelaudit.enums import JobStatus
from tests.support.factories import make_audit, make_dataset, sample_id
from worker.runtime.runner import run_one


@pytest.fixture
def dataset_id(store):
    return make_dataset(store)


def test_an_export_is_made_by_a_worker_and_downloaded(uploader, worker, dataset_id):
    answer = uploader.post(f"/v1/datasets/{dataset_id}/exports", json={"format": "csv"})
    assert answer.status_code == 202
    queued = answer.json()
    assert (queued["status"], queued["download_url"]) == ("queued", None)
    location = answer.headers["location"]
    early = uploader.get(f"{location}/file")
    assert (early.status_code, early.json()["type"]) == (409, "/problems/not-ready")
    assert run_one(worker)
    done = uploader.get(location).json()
    assert done["status"] == "completed"
    assert done["download_url"] == f"{location}/file"
    file = uploader.get(done["download_url"])
    assert hashlib.sha256(file.content).hexdigest() == done["sha256"]
    assert len(file.content) == done["bytes"]
    assert done["filename"] in file.headers["content-disposition"]
    assert "attachment" in file.headers["content-disposition"]
    assert file.headers["x-content-type-options"] == "nosniff"


def test_data_that_leave_are_noted_in_the_access_log(store, uploader, admin, worker, dataset_id):
    audit_id = make_audit(store, dataset_id)
    location = uploader.post(f"/v1/datasets/{dataset_id}/exports").headers["location"]
    assert uploader.get(f"{location}/file").status_code == 409  # nothing left
    while run_one(worker):
        pass
    assert uploader.get(f"{location}/file").status_code == 200
    assert uploader.get(f"/v1/audits/{audit_id}/suspects.csv").status_code == 200
    log = admin.get("/v1/access-log", params={"action": "download"}).json()["items"]
    assert [(one["name"], one["subject"]) for one in log] == [
        ("the uploader", audit_id),
        ("the uploader", location.rpartition("/")[2]),
    ]
    assert log[0]["detail"] == {"file": "suspects.csv"}


def test_an_export_is_of_the_newest_version_unless_another_is_named(store, uploader, dataset_id):
    audit_id = make_audit(store, dataset_id)
    decision = {"sample_id": sample_id(0), "verdict": "keep"}
    uploader.post(f"/v1/audits/{audit_id}/corrections", json={"corrections": [decision]})
    path = f"/v1/datasets/{dataset_id}/exports"
    assert uploader.post(path).json()["dataset_version"] == 1
    assert uploader.post(path, json={"dataset_version": 0}).json()["dataset_version"] == 0
    assert uploader.post(path, json={"dataset_version": 2}).status_code == 422


@pytest.mark.parametrize("format", ["xlsx", "", None, 3])
def test_a_format_that_is_not_written_is_refused(uploader, dataset_id, format):
    answer = uploader.post(f"/v1/datasets/{dataset_id}/exports", json={"format": format})
    assert answer.status_code == 422


def test_an_export_that_fails_says_why(uploader, worker, storage, dataset_id, monkeypatch):
    monkeypatch.setattr("service.jobs.records.MAX_ATTEMPTS", 1)
    location = uploader.post(f"/v1/datasets/{dataset_id}/exports").headers["location"]
    storage.delete(f"datasets/{dataset_id}")
    run_one(worker)
    failed = uploader.get(location).json()
    assert failed["status"] == JobStatus.failed
    assert failed["problem"]["detail"]
    assert uploader.get(f"{location}/file").status_code == 409

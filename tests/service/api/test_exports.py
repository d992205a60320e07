"""/v1/exports over HTTP; what is in the files is tested beside the exporter."""

import csv
import hashlib

import pytest

from labelaudit.enums import DatasetKind, JobStatus
from service.db.tables import Dataset, Export
from tests.support.factories import make_audit, make_dataset, sample_id
from worker.handlers.export import _export_name
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
    assert [(one["by"]["name"], one["subject"]) for one in log] == [
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


def test_asking_for_an_export_is_noted_with_what_was_asked_for(uploader, admin, dataset_id):
    asked = {"format": "patch", "dataset_version": 0}
    export = uploader.post(f"/v1/datasets/{dataset_id}/exports", json=asked).json()
    [line] = admin.get("/v1/access-log", params={"action": "export.create"}).json()["items"]
    assert line["subject"] == export["id"]
    assert line["detail"] == {"dataset_id": dataset_id, "version": 0, "format": "patch"}


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("my cats/and dogs.csv", "and-dogs-v3-csv.csv"),
        ("a.b_c-1.tar.zip", "a.b_c-1.tar-v3-csv.csv"),
        ('"; rm -rf', "---rm--rf-v3-csv.csv"),
        ("x" * 300, "x" * 100 + "-v3-csv.csv"),
        ("", "dataset-v3-csv.csv"),
    ],
)
def test_an_export_is_named_after_its_upload_version_and_format(filename, expected):
    dataset, wanted = Dataset(filename=filename), Export(dataset_version=3, format="csv")
    assert _export_name(dataset, wanted, ".csv") == expected


def test_an_export_says_what_became_of_each_label(store, uploader, annotator, worker, dataset_id):
    audit_id = make_audit(store, dataset_id)
    given = uploader.get(f"/v1/audits/{audit_id}/suspects", params={"limit": 100}).json()["items"]
    label_of = {one["sample_id"]: one["given_label"] for one in given}
    names = uploader.get(f"/v1/datasets/{dataset_id}").json()["class_names"]
    [other, *_] = [name for name in names if name != label_of[sample_id(2)]]
    decisions = [
        {"sample_id": sample_id(0), "verdict": "keep"},
        {
            "sample_id": sample_id(1),
            "verdict": "relabel",
            "corrected_label": label_of[sample_id(1)],
        },
        {"sample_id": sample_id(2), "verdict": "relabel", "corrected_label": other},
        {"sample_id": sample_id(3), "verdict": "exclude"},
        {"sample_id": sample_id(4), "verdict": "skip"},
    ]
    answer = annotator.post(f"/v1/audits/{audit_id}/corrections", json={"corrections": decisions})
    assert answer.status_code == 201, answer.text
    path = f"/v1/datasets/{dataset_id}/exports"
    location = uploader.post(path, json={"format": "csv"}).headers["location"]
    assert run_one(worker)
    export = uploader.get(location).json()
    assert export["counts"] == {"changed": 1, "kept": 2, "excluded": 1}
    rows = list(csv.DictReader(uploader.get(export["download_url"]).text.splitlines()))
    by_id = {row["sample_id"]: row for row in rows}
    assert by_id[sample_id(2)]["corrected_label"] == other
    assert by_id[sample_id(2)]["annotator"] == "the annotator"
    assert by_id[sample_id(2)]["verdict"] == "relabel"
    assert label_of.keys() - by_id.keys() == {sample_id(3)}, "what is excluded is left out"
    assert by_id[sample_id(5)]["annotator"] == by_id[sample_id(5)]["verdict"] == ""
    assert by_id[sample_id(5)]["corrected_label"] == label_of[sample_id(5)]


def test_tasks_of_label_studio_have_what_the_newest_audit_suggests(
    store, uploader, worker, dataset_id, monkeypatch
):
    monkeypatch.setattr("service.audits.whole_ranking.PAGE", 7)
    make_audit(store, dataset_id)
    audit_id = make_audit(store, dataset_id)
    wish = {"format": "label-studio"}
    answer = uploader.post(f"/v1/datasets/{dataset_id}/exports", json=wish)
    assert answer.status_code == 202
    run_one(worker)
    export = uploader.get(answer.headers["location"]).json()
    assert export["filename"].endswith("-v0-label-studio.json")
    tasks = uploader.get(export["download_url"]).json()
    suspects = uploader.get(f"/v1/audits/{audit_id}/suspects", params={"limit": 100}).json()
    by_id = {one["sample_id"]: one for one in suspects["items"]}
    assert len(tasks) == len(by_id)
    for task in tasks:
        suspect = by_id[task["data"]["sample_id"]]
        [prediction] = task["predictions"]
        [result] = prediction["result"]
        assert prediction["model_version"] == f"labelaudit/{audit_id}"
        assert task["data"]["p_wrong"] == suspect["p_wrong"]
        label, score = suspect["suggested_label"], suspect["suggested_label_confidence"]
        if label is None:
            label, score = suspect["given_label"], 1 - suspect["p_wrong"]
        assert result["value"] == {"choices": [label]}
        assert prediction["score"] == pytest.approx(score)


def test_without_an_audit_tasks_have_labels_alone(uploader, worker, dataset_id):
    wish = {"format": "label-studio"}
    location = uploader.post(f"/v1/datasets/{dataset_id}/exports", json=wish).headers["location"]
    run_one(worker)
    tasks = uploader.get(f"{location}/file").json()
    assert all(task["annotations"] and not task["predictions"] for task in tasks)


def test_label_studio_shows_no_vectors(store, uploader):
    dataset_id = make_dataset(store)
    with store.database.write() as session:
        session.get_one(Dataset, dataset_id).kind = DatasetKind.vector
    answer = uploader.post(f"/v1/datasets/{dataset_id}/exports", json={"format": "label-studio"})
    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/label-studio-not-written"


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


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "identity"])
def test_a_part_of_a_download_is_the_files_own_bytes(store, uploader, worker, encoding):
    dataset_id = make_dataset(store, samples=300)
    location = uploader.post(f"/v1/datasets/{dataset_id}/exports", json={"format": "csv"}).headers[
        "location"
    ]
    run_one(worker)
    file = f"{location}/file"
    whole = uploader.get(file, headers={"Accept-Encoding": "identity"}).content
    assert len(whole) > 2000
    headers = {"Accept-Encoding": encoding, "Range": "bytes=100-1999"}
    part = uploader.get(file, headers=headers)
    assert part.status_code == 206
    assert part.headers["content-range"] == f"bytes 100-1999/{len(whole)}"
    assert "content-encoding" not in part.headers
    assert part.content == whole[100:2000]
    assert uploader.get(file, headers={"Accept-Encoding": encoding}).content == whole

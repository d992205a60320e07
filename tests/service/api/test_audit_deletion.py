"""DELETE /v1/audits/{id}: everything of the audit goes, and the log of its dataset stays whole."""

import threading

import pytest
from sqlalchemy import select

from labelaudit.enums import Verdict
from service import review
from service.audits import records as audits
from service.db.tables import (
    Assignment,
    Audit,
    AuditEvent,
    Correction,
    Idempotency,
    Job,
    Ranking,
    Suspect,
)
from service.operations.verify import verify
from service.review import NewCorrection
from tests.support.factories import make_audit, make_dataset, person, sample_id, start_audit


@pytest.fixture
def dataset_id(store):
    return make_dataset(store)


def check_nothing_is_left(store, audit_id):
    report = verify(store.database, store.storage, min_age_seconds=0)
    assert report.whole, [str(one) for one in report.violations]
    assert not store.storage.path(audits.folder(audit_id)).exists()
    with store.database.read() as session:
        for table in (AuditEvent, Ranking, Assignment):
            assert session.scalars(select(table).where(table.audit_id == audit_id)).all() == []
        assert session.get(Audit, audit_id) is None
        assert session.scalars(select(Job).where(Job.subject_id == audit_id)).all() == []


def test_a_completed_audit_goes_with_its_ranking_files_and_jobs(store, uploader, dataset_id):
    audit_id, kept = make_audit(store, dataset_id), make_audit(store, dataset_id)
    path = f"/v1/audits/{audit_id}"
    me = uploader.get("/v1/me").json()["id"]
    uploader.post(f"{path}/assignments", json={"name": "all", "people": [me]})
    uploader.post(f"{path}/queue/next", json={"count": 3})
    gone = uploader.delete(path)
    assert (gone.status_code, gone.content) == (204, b"")
    assert [uploader.get(path).status_code, uploader.delete(path).status_code] == [404, 404]
    assert [one["id"] for one in uploader.get("/v1/audits").json()["items"]] == [kept]
    with store.database.read() as session:
        assert len(session.scalars(select(Suspect)).all()) == 30  # of the other audit
    assert uploader.get(f"/v1/audits/{kept}/suspects").status_code == 200
    check_nothing_is_left(store, audit_id)


def test_a_queued_audit_is_cancelled_on_the_way(store, uploader, worker, dataset_id):
    answer = uploader.post(
        f"/v1/datasets/{dataset_id}/audits", headers={"Idempotency-Key": "press-of-a-key"}
    )
    audit_id = answer.json()["id"]
    assert uploader.delete(f"/v1/audits/{audit_id}").status_code == 204
    check_nothing_is_left(store, audit_id)
    with store.database.read() as session:
        assert session.scalars(select(Idempotency)).all() == []
    again = uploader.post(
        f"/v1/datasets/{dataset_id}/audits", headers={"Idempotency-Key": "press-of-a-key"}
    )
    assert again.status_code == 202
    assert again.json()["id"] != audit_id


def test_a_running_audit_stops_and_leaves_no_files(store, uploader, worker, dataset_id):
    from service.jobs import records as jobs

    audit_id = start_audit(store, dataset_id)
    with store.database.write() as session:
        claim = jobs.claim(session, queues={"cpu", "gpu"}, owner="w", lease_seconds=60)
        assert claim is not None
        audits.begin(session, audit_id)
    assert uploader.get(f"/v1/audits/{audit_id}").json()["status"] == "running"
    assert uploader.delete(f"/v1/audits/{audit_id}").status_code == 204
    with pytest.raises(Exception), store.database.write() as session:  # noqa: B017, PT011
        jobs.renew(session, claim, lease_seconds=60, progress=0.5)
    check_nothing_is_left(store, audit_id)


@pytest.mark.parametrize("left", ["correction", "revert", "comment"])
def test_an_audit_that_the_log_names_stays(store, uploader, dataset_id, left):
    path = f"/v1/audits/{make_audit(store, dataset_id)}"
    if left == "comment":
        sample = f"/v1/datasets/{dataset_id}/samples/{sample_id(0)}"
        assert uploader.post(f"{sample}/comments", json={"text": "?"}).status_code == 201
    else:
        correction = {"sample_id": sample_id(0), "verdict": "keep"}
        body = {"corrections": [correction]}
        batch = uploader.post(f"{path}/corrections", json=body).json()["batch_id"]
    if left == "revert":
        assert uploader.post(f"{path}/reverts", json={"batch_id": batch}).status_code == 201
    answer = uploader.delete(path)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/audit-has-corrections")
    assert uploader.get(f"{path}/suspects").status_code == 200
    assert verify(store.database, store.storage, min_age_seconds=0).whole


def test_annotators_delete_no_audits(store, annotator, dataset_id):
    assert annotator.delete(f"/v1/audits/{make_audit(store, dataset_id)}").status_code == 403
    assert annotator.delete("/v1/audits/au_none").status_code == 403


def test_a_deletion_waits_for_a_correction_that_is_being_written(store, uploader, dataset_id):
    audit_id = make_audit(store, dataset_id)
    answers = []
    deleting = threading.Thread(
        target=lambda: answers.append(uploader.delete(f"/v1/audits/{audit_id}"))
    )
    with store.database.write() as session:
        new = [NewCorrection(sample_id(0), Verdict.keep)]
        review.submit(session, audit_id, new, principal=person())
        session.flush()
        deleting.start()
        deleting.join(0.5)
        assert answers == []
    deleting.join(20)
    assert answers[0].json()["type"] == "/problems/audit-has-corrections"
    with store.database.read() as session:
        assert len(session.scalars(select(Correction)).all()) == 1
    assert verify(store.database, store.storage, min_age_seconds=0).whole

"""Whatever does not hold together is found, and what does is left in peace."""

import os
import time
from typing import Any

import pytest
from sqlalchemy import text

from labelaudit.enums import Verdict
from service import review
from service.audits import ranking_files
from service.audits import records as audits
from service.datasets import records as datasets
from service.db.engine import Database
from service.db.tables import Ranking
from service.exports import records as exports
from service.operations.verify import verify
from service.review import NewCorrection
from service.storage.local import Storage
from tests.support.factories import (
    Store,
    make_audit,
    make_dataset,
    person,
    revert,
    sample_id,
    start_audit,
    tampering,
)

# each breaks one thing in the store of `busy`, and what verify then says
BREAKAGES = {
    "DELETE FROM job WHERE type = 'encode' AND status = 'queued'": "it would never end",
    "UPDATE job SET status = 'running' WHERE status = 'queued'": "without a lease",
    "DELETE FROM job WHERE type = 'export'": "it is queued, its job is not",
    "DELETE FROM audit_event WHERE seq = 1": "events and has",
    "UPDATE audit SET summary = NULL WHERE status = 'completed'": "has no summary",
    "UPDATE audit SET remaining = 2 WHERE status = 'completed'": "waits for 2 shards",
    "UPDATE audit SET status = 'failed' WHERE status = 'queued'": "jobs of it are unfinished",
    "UPDATE ranking SET number = 1": "has the rankings [1]",
    "DELETE FROM sample WHERE position = 3": "has 29 of its 30 samples",
    "UPDATE sample SET given_label = 9 WHERE position = 29": "has the class 9, which has no name",
    "UPDATE sample SET given_label = NULL WHERE position = 29": "29 samples have a label, not 30",
    "UPDATE sample SET given_label = 2 WHERE position = 0": "names no sample of its dataset",
    "DELETE FROM suspect WHERE rank = 7": "suspects have gaps",
    "UPDATE suspect SET state = 'open' WHERE rank = 1": "is open in the queue, not decided",
    "UPDATE suspect SET state = 'skipped' WHERE rank = 20": "is skipped in the queue, not open",
    "UPDATE suspect SET opinions = 7 WHERE rank = 20": "shows other opinions than the log has",
    "UPDATE lease SET position = 99": "it holds no sample",
    "UPDATE dataset SET status = 'queued'": "its ingest job is not",
    "UPDATE dataset SET sha256 = 'other'": "its hash differs",
    "UPDATE dataset SET bytes = 1": "bytes, not 1",
    "UPDATE correction SET note = 'x' WHERE seq = 1": "was changed after it was written",
}


@pytest.fixture
def busy(store: Store) -> str:
    """A dataset with a reviewed audit, a queued one, and an export that waits."""
    dataset_id = make_dataset(store)
    audit_id = make_audit(store, dataset_id)
    start_audit(store, dataset_id)
    ann = person()
    with store.database.write() as session:
        corrections = [NewCorrection(sample_id(p), Verdict.keep) for p in range(3)]
        made = review.submit(session, audit_id, corrections, principal=ann)
        revert(session, audit_id, made[2].id, principal=ann)
        wanted = review.SuspectFilter()
        review.lease_next(
            session, audit_id, principal=ann, wanted=wanted, count=1, lease_seconds=60
        )
        exports.start_export(session, dataset_id, format="csv", dataset_version=None, principal=ann)
    return audit_id


def found(store: Store, **options: Any) -> list[str]:
    return [str(one) for one in verify(store.database, store.storage, **options).violations]


def test_a_store_as_the_service_leaves_it_holds_together(store, busy):
    report = verify(store.database, store.storage)
    assert report.whole, report.violations
    assert report.counts["corrections"] == 4
    assert list(report.heads.values()) != [""]


def test_an_empty_store_holds_together(store):
    assert verify(store.database, store.storage).whole


@pytest.mark.parametrize("statement", BREAKAGES)
def test_every_contradiction_is_told(store, busy, statement):
    open_session = tampering if "correction" in statement else Database.write
    with open_session(store.database) as session:
        session.execute(text(statement))
    assert any(BREAKAGES[statement] in line for line in found(store)), found(store)


def test_missing_files_are_told(store, busy):
    with store.database.read() as session:
        ranking = session.query(Ranking).one()
        dataset_id = audits.get_audit(session, ranking.audit_id).dataset_id
    for key in (datasets.samples_key(dataset_id), ranking_files.ranking_key(busy, ranking.id)):
        path = store.storage.path(key)
        content = path.read_bytes()
        path.unlink()
        assert any("is missing" in line for line in found(store))
        path.write_bytes(content[: len(content) // 2])
        assert any("cannot be read" in line for line in found(store))
        path.write_bytes(content)
    upload = store.storage.path(datasets.upload_key(dataset_id))
    upload.write_bytes(upload.read_bytes().replace(b"cat", b"dog"))
    assert any("its hash differs" in line for line in found(store))
    assert not any("hash" in line for line in found(store, contents=False))


def test_files_that_belong_to_nothing_are_leftovers_and_no_fault(store, busy):
    storage: Storage = store.storage
    with storage.writing("datasets/ds_gone/upload") as path:
        path.write_bytes(b"x")
    part = storage.path(f"audits/{busy}/.shards.part")
    part.write_bytes(b"x")
    assert verify(store.database, storage).leftovers == []  # perhaps somebody writes them now
    hours_ago = time.time() - 7200
    for path in (part, storage.path("datasets/ds_gone")):
        os.utime(path, (hours_ago, hours_ago))
    report = verify(store.database, storage)
    assert report.whole
    assert report.leftovers == [f"audits/{busy}/.shards.part", "datasets/ds_gone"] or (
        report.leftovers == ["datasets/ds_gone", f"audits/{busy}/.shards.part"]
    )

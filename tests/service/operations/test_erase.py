"""A deleted dataset leaves nothing but lines of the access log; what others share stays."""

import os
import time

import numpy as np
import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from labelaudit.enums import JobStatus
from service.audits import records as audits
from service.cli.app import app as cli
from service.core.errors import NotFound
from service.datasets import deletion, encodings
from service.datasets import records as datasets
from service.db.tables import (
    AccessEntry,
    Audit,
    Idempotency,
    Job,
    Upload,
)
from service.operations.cleanup import clean_up
from service.operations.erase import erase
from service.operations.verify import verify
from tests.support.factories import Store, make_audit, make_dataset, set_status, start_audit
from worker.runtime.runner import run_one

CSV = "sample_id,label,text\n" + "".join(f"s{n},{'ab'[n % 2]},words {n}\n" for n in range(30))


def encode(store: Store, audit_id: str, key: str, *, size: int = 100, hours: float = 0.0) -> str:
    """An encoding that the audit names, last used so many hours ago."""
    with store.storage.writing(key) as path, path.open("wb") as file:
        np.save(file, np.zeros(size, np.uint8))
    moment = time.time() - 3600 * hours
    os.utime(store.storage.path(key), (moment, moment))
    with store.database.write() as session:
        audits.get_audit(session, audit_id).plan = {"encoding": key, "shards": []}
    return key


def delete(store: Store, dataset_id: str) -> None:
    with store.database.write() as session:
        deleted = deletion.delete_dataset(session, dataset_id)
    deletion.delete_files(store.database, store.storage, deleted)


@pytest.fixture
def uploaded(uploader, worker) -> str:
    """A dataset that came through the API, exported once, with answers kept for its requests."""
    headers = {"Idempotency-Key": "the-same-key"}
    answer = uploader.post(
        "/v1/datasets", params={"filename": "secret-animals.csv"}, content=CSV, headers=headers
    )
    dataset_id: str = answer.json()["id"]
    run_one(worker)
    exported = uploader.post(
        f"/v1/datasets/{dataset_id}/exports",
        json={"format": "csv"},
        headers={"Idempotency-Key": "another-key"},
    )
    run_one(worker)
    assert uploader.get(f"/v1/exports/{exported.json()['id']}/file").status_code == 200
    return dataset_id


# ---------------------------------------------------------------------------------------- deleting


def test_deleting_a_dataset_leaves_no_upload_no_job_and_no_kept_answer(
    uploader, uploaded, database, storage
):
    assert uploader.delete(f"/v1/datasets/{uploaded}").status_code == 204
    with database.read() as session:
        assert [session.query(one).count() for one in (Upload, Job, Idempotency)] == [0, 0, 0]
    assert [path for path in storage.root.rglob("*") if path.is_file()] == []


def test_an_encoding_goes_with_the_last_dataset_that_needs_it(store):
    first, second = make_dataset(store), make_dataset(store)
    for dataset_id in (first, second):
        encode(store, make_audit(store, dataset_id), "encodings/shared.npy")
    own = encode(store, make_audit(store, first), "encodings/own.npy")
    delete(store, first)
    assert not store.storage.exists(own)
    assert store.storage.exists("encodings/shared.npy")
    delete(store, second)
    assert not store.storage.exists("encodings/shared.npy")


def test_an_encoding_that_went_before_it_was_named_is_made_again(store):
    audit_id = start_audit(store, make_dataset(store))
    with store.database.write() as session, pytest.raises(encodings.EncodingGone):
        encodings.require(session, store.storage, "encodings/gone.npy")
    encode(store, audit_id, "encodings/there.npy")
    with store.database.write() as session:
        encodings.require(session, store.storage, "encodings/there.npy")


# -------------------------------------------------------------------------------------- the cache


def test_the_least_recently_used_encodings_go_first(store):
    dataset_id = make_dataset(store)
    keys = [
        encode(store, make_audit(store, dataset_id), f"encodings/{hours}.npy", hours=hours)
        for hours in (2, 5, 3, 4)
    ]
    size = store.storage.path(keys[0]).stat().st_size

    def clean(limit: int) -> list[str] | None:
        return clean_up(store.database, store.storage, cache_bytes=limit)

    assert clean(4 * size) == []
    assert clean(2 * size + 1) == ["encodings/4.npy", "encodings/5.npy"]
    assert [store.storage.exists(key) for key in keys] == [True, False, True, False]
    report = verify(store.database, store.storage)
    assert not report.leftovers
    assert not [one for one in report.violations if one.rule == "files"]


def test_an_encoding_of_an_audit_at_work_or_of_a_moment_ago_stays(store):
    dataset_id = make_dataset(store)
    running, ranking, done = (make_audit(store, dataset_id) for _ in range(3))
    keys = [
        encode(store, audit_id, f"encodings/{number}.npy", hours=9)
        for number, audit_id in enumerate((running, ranking, done))
    ]
    recent = encode(store, make_audit(store, dataset_id), "encodings/recent.npy")
    set_status(store, running, JobStatus.running)
    with store.database.write() as session:
        session.add(Job(subject_id=ranking, type="rank", number=1, queue="cpu"))
    evicted = encodings.evict(store.database, store.storage, limit_bytes=0)
    assert evicted == keys[2:]
    assert store.storage.exists(recent)


def test_an_encoding_that_no_audit_names_is_a_leftover_after_an_hour(store):
    for name, hours in (("old", 2), ("new", 0)):
        audit_id = start_audit(store, make_dataset(store))
        encode(store, audit_id, f"encodings/{name}", hours=hours)
    with store.database.write() as session:
        for audit in session.query(Audit):
            audit.plan = None
    assert clean_up(store.database, store.storage) == ["encodings/old"]


# ------------------------------------------------------------------------------------- for good


def test_erasing_leaves_the_access_log_alone(uploaded, database, storage):
    found = erase(database, storage, uploaded)
    assert found.complete, found.traces
    with database.read() as session:
        lines = session.query(AccessEntry).order_by(AccessEntry.id).all()
    assert found.kept
    assert {int(line.split()[1].rstrip(":")) for line in found.kept} <= {line.id for line in lines}
    assert erase(database, storage, uploaded).complete  # looked for once more


@pytest.mark.parametrize(
    "trace",
    [
        "INSERT INTO tenant (id, name, created_at) "
        "VALUES ('t', 'from secret-animals.csv', CURRENT_TIMESTAMP)",
        "CREATE TABLE later AS SELECT 1 AS id, CAST('ID' AS varchar(40)) AS told",
    ],
)
def test_a_row_of_any_table_that_names_it_is_a_trace(uploaded, database, storage, trace, request):
    with database.write() as session:
        session.execute(text(trace.replace("ID", uploaded)))
    found = erase(database, storage, uploaded)
    if "later" in trace:
        with database.write() as session:
            session.execute(text("DROP TABLE later"))
    assert [line.split()[0] for line in found.traces] == ["later" if "later" in trace else "tenant"]


def test_a_file_that_is_named_for_it_or_has_its_content_is_a_trace(uploaded, database, storage):
    with storage.writing(f"elsewhere/{uploaded}.json") as path:
        path.write_text("{}")
    with storage.writing("elsewhere/copy") as path:
        path.write_text(CSV)
    assert erase(database, storage, uploaded).traces == [
        "storage: elsewhere/copy has the content of the upload",
        f"storage: elsewhere/{uploaded}.json",
    ]


def test_what_another_dataset_has_too_is_no_trace(store, uploaded, database, storage):
    first, second = make_dataset(store), make_dataset(store)
    assert erase(database, storage, first).complete
    assert storage.exists(datasets.upload_key(second))
    assert verify(database, storage).whole


def test_what_never_was_cannot_be_erased(database, storage):
    with pytest.raises(NotFound):
        erase(database, storage, "ds_never")


def test_the_command_tells_and_exits_1_where_a_trace_is_left(
    uploaded, database, storage, settings, monkeypatch
):
    monkeypatch.setenv("LABELAUDIT_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("LABELAUDIT_STORAGE_DIR", str(storage.root))
    assert CliRunner().invoke(cli, ["erase", uploaded], input="n\n").exit_code == 1
    done = CliRunner().invoke(cli, ["erase", uploaded, "--yes"])
    assert done.exit_code == 0, done.output
    assert "Stays" in done.output
    with storage.writing(f"elsewhere/{uploaded}") as path:
        path.write_text("x")
    again = CliRunner().invoke(cli, ["erase", uploaded, "--yes"])
    assert again.exit_code == 1
    assert "A trace is left" in again.output

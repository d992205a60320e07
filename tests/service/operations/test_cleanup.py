"""What nothing names any more is deleted, and nothing else is."""

import os
import time
from datetime import timedelta

import pytest

from service.datasets import records as datasets
from service.db.engine import Database
from service.db.tables import Dataset, Idempotency, Upload, now
from service.operations.cleanup import clean_up
from service.storage.local import Storage
from tests.service.api.test_datasets import CSV, files_in
from tests.service.uploads.test_uploads import begin, send
from tests.support.factories import make_dataset
from worker.runtime.runner import run_one


@pytest.fixture
def clean(database: Database, storage: Storage):
    return lambda **options: clean_up(database, storage, **options)


def age(path, hours: float = 2.0) -> None:
    os.utime(path, (time.time() - hours * 3600,) * 2)


def leave(storage: Storage, key: str, *, old: bool = True):
    path = storage.path(key)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("left over")
    if old:
        age(path)
        age(path.parent)
    return path


def expire(database: Database) -> None:
    with database.write() as session:
        for upload in session.query(Upload):
            upload.expires_at = now() - timedelta(hours=2)


def test_an_upload_nobody_finished_is_deleted_once_it_has_expired(
    uploader, clean, database, storage
):
    send(uploader, begin(uploader), CSV.encode()[:99], 0)
    assert clean() == []
    expire(database)
    assert len(clean(dry_run=True)) == len(files_in(storage)) == 1
    assert len(clean()) == 1
    assert files_in(storage) == []
    with database.read() as session:
        assert session.query(Upload).count() == 0


def test_the_memory_of_a_finished_upload_goes_and_its_dataset_stays(
    uploader, clean, database, storage
):
    send(uploader, begin(uploader), CSV.encode(), 0)
    expire(database)
    assert clean() == []
    with database.read() as session:
        assert session.query(Upload).count() == 0
    assert len(files_in(storage)) == 1


def test_what_killed_jobs_and_lost_rows_leave_is_deleted(store, storage, clean):
    kept = make_dataset(store)
    gone = [
        leave(storage, "datasets/ds_gone/upload"),
        leave(storage, "audits/au_gone/labels.npy"),
        leave(storage, "incoming/up_gone"),
        leave(storage, f"datasets/{kept}/.samples.abc.part"),
        leave(storage, f"datasets/{kept}/.ingest.abc/.member.x"),
    ]
    before = {path.name for path in storage.path(datasets.folder(kept)).iterdir()}
    assert clean()
    assert not [path for path in gone if path.exists()]
    after = {path.name for path in storage.path(datasets.folder(kept)).iterdir()}
    assert after == {"upload", "samples.parquet"} < before


def test_what_is_being_written_is_left_alone(store, storage, clean, uploader, database):
    kept = make_dataset(store)
    begin(uploader)
    with database.read() as session:
        (coming,) = session.query(Upload)
    fresh = [
        leave(storage, "datasets/ds_new/.upload.x.part", old=False),
        leave(storage, f"datasets/{kept}/.samples.abc.part", old=False),
        leave(storage, f"datasets/{coming.dataset_id}/upload"),
        leave(storage, f"incoming/{coming.id}"),
    ]
    assert clean() == []
    assert all(path.exists() for path in fresh)


def test_a_file_refused_for_its_columns_is_kept_for_a_day(
    uploader, worker, clean, database, storage
):
    uploader.post("/v1/datasets", content="a,b\n" + "1,2\n" * 30)
    run_one(worker)
    assert clean() == []
    assert len(files_in(storage)) == 1
    with database.write() as session:
        dataset = session.query(Dataset).one()
        dataset.created_at = now() - timedelta(hours=26)
    assert clean() == [datasets.folder(dataset.id)]
    assert files_in(storage) == []
    answer = uploader.post(f"/v1/datasets/{dataset.id}/columns", json={"label": "a"})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/upload-gone")


def test_two_never_clean_at_once(clean, database, storage):
    other = Database(database.engine.url.render_as_string(hide_password=False))
    with other.try_lock("cleanup") as locked:
        assert locked
        assert clean() is None
    assert clean() == []
    other.dispose()


def test_the_answers_kept_for_repeated_requests_expire(database, clean):
    with database.write() as session:
        for key, days in (("old-enough", 31), ("still-repeatable", 29)):
            made = now() - timedelta(days=days)
            session.add(Idempotency(key_id="k", key=key, fingerprint="f", created_at=made))
    clean(dry_run=True)
    clean()
    with database.read() as session:
        assert [row.key for row in session.query(Idempotency)] == ["still-repeatable"]

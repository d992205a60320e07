"""A backup of a service at work, restored elsewhere, holds everything that was acknowledged."""

import threading

import pytest

from labelaudit.enums import Verdict
from service import review
from service.core.config import DATABASE, Settings
from service.datasets import deletion
from service.datasets import records as datasets
from service.db.engine import Database
from service.db.tables import Correction
from service.operations.backup import (
    MANIFEST,
    BackupFailed,
    back_up,
    restore,
)
from service.operations.verify import verify
from service.review import NewCorrection
from service.storage.local import Storage
from tests.support.factories import (
    Store,
    make_audit,
    make_dataset,
    person,
    sample_id,
)


@pytest.fixture
def settings(tmp_path, sqlite_url) -> Settings:
    return Settings(data_dir=tmp_path, free_space_watermark_bytes=0)


@pytest.fixture
def store(settings):
    database = Database(settings.resolved_database_url)
    yield Store(database, Storage(settings.resolved_storage_dir))
    database.dispose()


def decide(store: Store, audit_id: str, position: int) -> str:
    correction = NewCorrection(sample_id(position), Verdict.keep)
    with store.database.write() as session:
        (made,) = review.submit(session, audit_id, [correction], principal=person())
    return made.id


def corrections(folder) -> set[str]:
    database = Database(f"sqlite:///{folder / DATABASE}")
    with database.read() as session:
        found = {row.id for row in session.query(Correction)}
    database.dispose()
    return found


def test_what_was_acknowledged_before_a_backup_is_in_it_while_others_write(
    store, settings, tmp_path
):
    audit_id = make_audit(store, make_dataset(store, samples=200))
    before = {decide(store, audit_id, position) for position in range(20)}
    stop = threading.Event()

    def go_on() -> None:
        for position in range(20, 200):
            if stop.is_set():
                return
            decide(store, audit_id, position)

    writer = threading.Thread(target=go_on)
    writer.start()
    try:
        made = back_up(settings, tmp_path / "kept")
    finally:
        stop.set()
        writer.join()
    assert made.report.whole
    report = restore(tmp_path / "kept", tmp_path / "elsewhere")
    assert report.whole
    assert before <= corrections(tmp_path / "elsewhere")


def test_a_dataset_deleted_during_a_backup_is_no_part_of_it(store, settings, tmp_path, monkeypatch):
    kept, deleted = make_dataset(store), make_dataset(store)
    make_audit(store, deleted)
    copy = "service.operations.backup._copy_database"
    from service.operations.backup import _copy_database

    def then_delete(source, target):
        _copy_database(source, target)
        with store.database.write() as session:
            gone = deletion.delete_dataset(session, deleted)
        deletion.delete_files(store.database, store.storage, gone)

    monkeypatch.setattr(copy, then_delete)
    back_up(settings, tmp_path / "kept")
    restore(tmp_path / "kept", tmp_path / "elsewhere")
    folders = [path.name for path in (tmp_path / "elsewhere/storage/datasets").iterdir()]
    assert folders == [kept]


def test_a_backup_that_was_tampered_with_is_not_restored(store, settings, tmp_path):
    audit_id = make_audit(store, make_dataset(store))
    decide(store, audit_id, 0)
    back_up(settings, tmp_path / "kept")
    manifest = (tmp_path / "kept" / MANIFEST).read_text()
    upload = next((tmp_path / "kept/storage/datasets").glob("*/upload"))
    content = upload.read_bytes()
    upload.write_bytes(content.replace(b"cat", b"dog"))
    with pytest.raises(BackupFailed, match="hash differs"):
        restore(tmp_path / "kept", tmp_path / "elsewhere")
    upload.write_bytes(content)
    (tmp_path / "kept" / MANIFEST).write_text(manifest.replace('"ds_', '"xx_'))
    with pytest.raises(BackupFailed, match="not those"):
        restore(tmp_path / "kept", tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere").exists()


def test_nothing_is_overwritten(store, settings, tmp_path):
    make_dataset(store)
    back_up(settings, tmp_path / "kept")
    with pytest.raises(BackupFailed, match="exists already"):
        back_up(settings, tmp_path / "kept")
    with pytest.raises(BackupFailed, match="holds a service's data"):
        restore(tmp_path / "kept", tmp_path)
    with pytest.raises(BackupFailed, match="no backup"):
        restore(tmp_path / "storage", tmp_path / "elsewhere")


def test_data_that_do_not_hold_together_make_no_backup(store, settings, tmp_path):
    dataset_id = make_dataset(store)
    store.storage.delete(datasets.samples_key(dataset_id))
    with pytest.raises(BackupFailed, match="is missing"):
        back_up(settings, tmp_path / "kept")
    assert not (tmp_path / "kept").exists()
    assert verify(store.database, store.storage).violations

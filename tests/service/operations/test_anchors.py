"""Whoever owns the database can rewrite a chain of corrections, but not its signed anchors."""

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr
from sqlalchemy import delete, select, update
from typer.testing import CliRunner

from labelaudit.enums import Verdict
from service import review
from service.backends import Backends, anchor_due, open_anchors
from service.cli.app import app as cli
from service.core.config import SIGNING_KEY, Settings
from service.datasets import deletion
from service.db.engine import Database
from service.db.tables import Correction, Dataset
from service.exports import records as exports
from service.operations.backup import BackupFailed, back_up, restore
from service.operations.erase import erase
from service.operations.verify import verify
from service.operations.verify.chain import broken_links
from service.review import NewCorrection, hash_chain
from service.storage.anchors import Anchors, BadKey, SigningKey, make_key
from service.storage.local import Storage
from tests.support.factories import (
    Store,
    make_audit,
    make_dataset,
    person,
    sample_id,
    tampering,
)
from worker.runtime.context import Worker
from worker.runtime.runner import run_one


@pytest.fixture
def anchors(storage, tmp_path) -> Anchors:
    """An anchor is due after every fifth correction."""
    make_key(tmp_path / "key.pem")
    return Anchors(storage, SigningKey.of_file(tmp_path / "key.pem"), every=5)


def decide(
    store: Store,
    anchors: Anchors | None,
    audit_id: str,
    *positions: int,
    amid: type[Exception] | None = None,
) -> None:
    """Keep these samples' labels; `amid` goes wrong before the commit."""
    corrections = [NewCorrection(sample_id(position), Verdict.keep) for position in positions]
    database = Database(
        store.database.engine.url.render_as_string(hide_password=False),
        committed=(lambda session: anchor_due(session, anchors)) if anchors else None,
    )
    try:
        with database.write() as session:
            review.submit(session, audit_id, corrections, principal=person())
            if amid is not None:
                raise amid
    finally:
        database.dispose()


@pytest.fixture
def dataset_id(store, anchors) -> str:
    """A dataset with twelve corrections, anchored at the fifth and the tenth."""
    dataset_id = make_dataset(store)
    audit_id = make_audit(store, dataset_id)
    for position in range(12):
        decide(store, anchors, audit_id, position)
    return dataset_id


def anchored(store: Store, dataset_id: str) -> list[str]:
    return sorted(path.stem for path in store.storage.path(f"anchors/{dataset_id}").glob("*"))


def found(store: Store, anchors: Anchors) -> list[str]:
    report = verify(store.database, store.storage, anchors=anchors)
    return [one.detail for one in report.violations if one.rule == "corrections"]


def rewrite(store: Store, dataset_id: str, *, from_seq: int) -> None:
    """What the owner of the tables can do: change a correction and every hash after it."""
    with tampering(store.database) as session:
        rows = session.scalars(
            select(Correction).where(Correction.dataset_id == dataset_id).order_by(Correction.seq)
        ).all()
        previous = hash_chain.GENESIS
        for row in rows:
            told = row.to_dict()
            if row.seq == from_seq:
                told["annotator"] = "somebody else"
            hash = hash_chain.digest(told, previous)
            session.execute(
                update(Correction)
                .where(Correction.id == row.id)
                .values(annotator=told["annotator"], prev_hash=previous, hash=hash)
                .execution_options(synchronize_session=False)
            )
            previous = hash


def shorten(store: Store, dataset_id: str, to: int) -> None:
    with tampering(store.database) as session:
        session.execute(
            delete(Correction).where(Correction.dataset_id == dataset_id, Correction.seq > to)
        )
        session.execute(update(Dataset).where(Dataset.id == dataset_id).values(version=to))


# ----------------------------------------------------------------------------------------- writing


def test_every_nth_correction_is_anchored(store, anchors, dataset_id):
    assert anchored(store, dataset_id) == ["10", "5"]
    assert verify(store.database, store.storage, anchors=anchors).whole


def test_a_batch_that_passes_the_nth_is_anchored_at_its_end(store, anchors):
    dataset_id = make_dataset(store)
    decide(store, anchors, make_audit(store, dataset_id), *range(7))
    assert anchored(store, dataset_id) == ["7"]


def test_nothing_that_is_rolled_back_is_anchored(store, anchors):
    audit_id = make_audit(store, make_dataset(store))
    with suppress(RuntimeError):
        decide(store, anchors, audit_id, *range(7), amid=RuntimeError)
    assert not store.storage.exists("anchors")


def test_an_export_is_anchored(store, anchors, worker: Worker, dataset_id):
    with store.database.write() as session:
        exports.start_export(
            session, dataset_id, format="csv", dataset_version=None, principal=person()
        )
    backends = Backends(worker.settings, store.database, store.storage, None, anchors)
    assert run_one(replace(worker, backends=backends))
    assert anchored(store, dataset_id) == ["10", "12", "5"]


# --------------------------------------------------------------------------------------- tampering


def test_a_chain_that_was_rewritten_as_a_whole_shows(store, anchors, dataset_id):
    rewrite(store, dataset_id, from_seq=3)
    with store.database.read() as session:
        assert list(broken_links(session)) == []  # the chain alone tells nothing
    assert [line.split(" is not")[0] for line in found(store, anchors)] == [
        "correction 5",
        "correction 10",
    ]
    assert all("rewritten" in line for line in found(store, anchors))


def test_a_chain_that_was_shortened_shows(store, anchors, dataset_id):
    shorten(store, dataset_id, to=7)
    with store.database.read() as session:
        assert list(broken_links(session)) == []
    [line] = found(store, anchors)
    assert line.startswith("it had 10 corrections")
    assert "shortened" in line


def test_what_came_after_the_last_anchor_is_not_proved(store, anchors, dataset_id):
    """As docs/security.md says."""
    shorten(store, dataset_id, to=11)
    assert found(store, anchors) == []


def test_an_anchor_that_was_forged_or_moved_shows(store, anchors, dataset_id, tmp_path):
    rewrite(store, dataset_id, from_seq=3)
    with store.database.read() as session:
        rows = session.scalars(select(Correction).order_by(Correction.seq)).all()
    make_key(tmp_path / "other.pem")
    forger = Anchors(store.storage, SigningKey.of_file(tmp_path / "other.pem"))
    for seq in (5, 10):
        store.storage.delete(f"anchors/{dataset_id}/{seq}.json")
        forger.write(dataset_id, seq, rows[seq - 1].hash)
    assert [line.split(" is ")[1] for line in found(store, anchors)] == [
        "not signed with this service's key"
    ] * 2
    five = store.storage.path(f"anchors/{dataset_id}/5.json")
    five.rename(five.with_name("4.json"))
    assert any("of another dataset or correction" in line for line in found(store, anchors))
    five.write_text(json.dumps({"seq": 5}))
    assert any("cannot be read" in line for line in found(store, anchors))


# ------------------------------------------------------------------------------- keys and deletion


def another_kind_of_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode()


def test_the_embedded_service_makes_a_key_that_its_owner_alone_can_read(tmp_path, storage):
    settings = Settings(data_dir=tmp_path / "data")
    first = open_anchors(settings, storage)
    assert first is not None
    path = tmp_path / "data" / SIGNING_KEY
    assert path.stat().st_mode & 0o777 == 0o600
    content = path.read_bytes()
    assert open_anchors(settings, storage) is not None
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_elsewhere_a_key_is_used_only_if_there_is_one(tmp_path, storage, monkeypatch):
    settings = Settings(database_url="postgresql://labelaudit@localhost/labelaudit")
    assert open_anchors(settings, storage) is None
    make_key(tmp_path / "key.pem")
    for pem in ("no key", another_kind_of_key()):
        with pytest.raises(BadKey, match="openssl genpkey"):
            open_anchors(settings.model_copy(update={"signing_key": SecretStr(pem)}), storage)
    monkeypatch.setenv("LABELAUDIT_SIGNING_KEY_FILE", str(tmp_path / "key.pem"))
    made = Settings(database_url=settings.database_url)
    assert open_anchors(made, storage) is not None
    assert "PRIVATE" not in repr(made)
    assert "PRIVATE" not in repr(open_anchors(made, storage).key)


def test_anchors_go_with_their_dataset(store, anchors, dataset_id):
    with store.database.write() as session:
        deleted = deletion.delete_dataset(session, dataset_id)
    deletion.delete_files(store.database, store.storage, deleted)
    assert not store.storage.exists(f"anchors/{dataset_id}")
    assert erase(store.database, store.storage, dataset_id).complete


# ----------------------------------------------------------------------------------------- backups


@pytest.fixture
def embedded(tmp_path, sqlite_url) -> Settings:
    return Settings(data_dir=tmp_path, anchor_every=5)


def test_a_backup_anchors_every_chain_and_keeps_the_anchors(embedded, tmp_path):
    database = Database(embedded.resolved_database_url)
    store = Store(database, Storage(embedded.resolved_storage_dir))
    dataset_id = make_dataset(store)
    audit_id = make_audit(store, dataset_id)
    decide(store, None, audit_id, 0, 1, 2)
    back_up(embedded, tmp_path / "kept")
    assert anchored(store, dataset_id) == ["3"]
    assert (tmp_path / "kept" / SIGNING_KEY).stat().st_mode & 0o777 == 0o600
    decide(store, None, audit_id, 3)
    open_anchors(embedded, store.storage).write(dataset_id, 4, "0" * 64)
    with pytest.raises(BackupFailed, match="rewritten"):
        back_up(embedded, tmp_path / "another")
    copy = Database(f"sqlite:///{tmp_path / 'kept' / 'labelaudit.sqlite3'}")
    shorten(Store(copy, store.storage), dataset_id, to=2)
    copy.dispose()
    with pytest.raises(BackupFailed, match=r"shortened|not hold together"):
        restore(tmp_path / "kept", tmp_path / "elsewhere")
    database.dispose()


def test_the_command_verifies_the_anchors(embedded, tmp_path: Path, monkeypatch):
    database = Database(embedded.resolved_database_url)
    store = Store(database, Storage(embedded.resolved_storage_dir))
    dataset_id = make_dataset(store)
    decide(store, open_anchors(embedded, store.storage), make_audit(store, dataset_id), *range(5))
    command = ["verify", "--data-dir", str(tmp_path)]
    assert CliRunner().invoke(cli, command).exit_code == 0
    rewrite(store, dataset_id, from_seq=2)
    told = CliRunner().invoke(cli, command)
    assert told.exit_code == 1
    assert "its chain was rewritten" in told.output
    database.dispose()

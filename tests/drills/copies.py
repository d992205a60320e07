"""Drills of backups: what was acknowledged before one is in it, and it restores elsewhere."""

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.engine import make_url

from service.db.engine import Database
from service.db.tables import Correction
from service.operations import backup
from service.operations.verify import verify
from service.storage.local import Storage
from tests.drills.arena import QUICK, Arena
from tests.drills.registry import EMBEDDED, drill
from tests.support import road, servers

RANKINGS = 5  # more than an audit keeps, so that files of old ones are missing rightly


@drill()
def backup_under_load(arena: Arena) -> None:
    """A backup while people decide and an audit runs, restored elsewhere and verified there."""
    audit = arena.reviewable()
    with (
        tempfile.TemporaryDirectory(prefix="labelaudit-backup-") as name,
        arena.annotators(audit, 3),
    ):
        time.sleep(arena.rng.uniform(0.3, 1.0))
        running = arena.start(QUICK)
        before = set(arena.ledger.corrections)
        since = time.monotonic()
        stored = _stored(arena, Path(name))
        arena.ledger.recovered(since)
    assert before <= stored, "an acknowledged correction is not in the backup"
    arena.completed(running)


@drill(in_ci=EMBEDDED)
def rerank_backup(arena: Arena) -> None:
    """Rankings from verdicts, one after another while people decide; after each the service's data
    are verified, backed up and restored elsewhere."""
    audit = arena.reviewable()
    assert arena.client.decide(audit)
    with arena.annotators(audit, 2):
        for _ in range(RANKINGS):
            since = time.monotonic()
            _rerank(arena, audit)
            arena.ledger.recovered(since)
            with arena.stack.deployment.database() as database:
                report = verify(database, arena.stack.storage)
            assert report.whole, [str(one) for one in report.violations]
            before = set(arena.ledger.corrections)
            with tempfile.TemporaryDirectory(prefix="labelaudit-backup-") as name:
                assert before <= _stored(arena, Path(name)), "a correction is not in the backup"


def _rerank(arena: Arena, audit: str) -> None:
    asked = arena.client.post(f"{audit}/rankings")
    assert asked.status_code == 202, asked.text
    ranking = road.finished(
        arena.client, f"{audit}/rankings/{asked.json()['number']}", lambda: time.sleep(0.1)
    )
    assert ranking["status"] == "completed", ranking["problem"]


def _stored(arena: Arena, folder: Path) -> set[str]:
    """The corrections that a backup brings back elsewhere."""
    copy = _embedded if arena.stack.shape == "embedded" else _production
    return copy(arena, folder)


def _embedded(arena: Arena, folder: Path) -> set[str]:
    backup.back_up(arena.stack.deployment.settings, folder / "kept")
    backup.restore(folder / "kept", folder / "elsewhere")
    return _corrections(f"sqlite:///{folder / 'elsewhere' / backup.DATABASE}")  # type: ignore[attr-defined]


def _production(arena: Arena, folder: Path) -> set[str]:
    """As docs/deployment.md says: pg_dump first, then the files."""
    assert arena.stack.postgres is not None
    binaries, url = servers.postgres_binaries(), arena.stack.postgres.url
    dump = folder / "labelaudit.dump"
    subprocess.run(
        [binaries / "pg_dump", "--format=custom", f"--file={dump}", url], check=True, timeout=60
    )
    shutil.copytree(
        arena.stack.storage.root, folder / "storage", ignore=shutil.ignore_patterns(".*")
    )
    elsewhere = make_url(url).set(database="elsewhere").render_as_string(hide_password=False)
    for command in ("dropdb", "createdb"):
        options = ["--if-exists"] if command == "dropdb" else []
        subprocess.run(
            [binaries / command, *options, f"--maintenance-db={url}", "elsewhere"],
            env={"PGPORT": str(arena.stack.postgres.port), "PGHOST": "127.0.0.1",
                 "PGUSER": "postgres"},
            check=True, timeout=60,
        )  # fmt: skip
    subprocess.run([binaries / "pg_restore", f"--dbname={elsewhere}", dump], check=True, timeout=60)
    database = Database(elsewhere)
    report = verify(database, Storage(folder / "storage"))
    database.dispose()
    assert report.whole, [str(one) for one in report.violations]
    return _corrections(elsewhere)


def _corrections(url: str) -> set[str]:
    database = Database(url)
    with database.read() as session:
        found = set(session.scalars(select(Correction.id)))
    database.dispose()
    return found

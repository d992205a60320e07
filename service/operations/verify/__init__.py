"""Checks the integrity of everything stored: rows against rows, rows against files, the hash chain
of corrections. Reads one snapshot of the database, while the service runs."""

from collections.abc import Iterator

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from service.db.engine import Database
from service.db.tables import (
    Audit,
    Correction,
    Dataset,
    Export,
    Sample,
    Suspect,
)
from service.operations.verify import files, jobs, rows
from service.operations.verify.chain import broken_links, heads, off_anchor
from service.operations.verify.report import Report, Violation
from service.storage.anchors import Anchors
from service.storage.local import Storage

__all__ = ["Report", "Violation", "verify"]

COUNTED = {
    "datasets": Dataset,
    "samples": Sample,
    "audits": Audit,
    "suspects": Suspect,
    "corrections": Correction,
    "exports": Export,
}


def verify(
    database: Database,
    storage: Storage,
    *,
    contents: bool = True,
    min_age_seconds: float = 3600.0,
    anchors: Anchors | None = None,
) -> Report:
    """Check every invariant; with `anchors`, that every chain passes through its own.

    `contents` also reads uploads and exports in full, to compare their hashes. A temporary file is
    a leftover once it is older than `min_age_seconds`.
    """
    report = Report()
    anchored = anchors.read() if anchors else {}  # before the snapshot, which is then no older
    with database.snapshot() as session:
        report.violations += _engine_errors(session)
        report.violations += broken_links(session)
        report.violations += off_anchor(session, anchored)
        report.violations += rows.violations(session)
        report.violations += jobs.violations(session)
        missing = list(files.missing(session, storage, contents=contents))
        report.heads = heads(session)
        report.counts = {
            name: session.scalar(select(func.count()).select_from(model)) or 0
            for name, model in COUNTED.items()
        }
    with database.read() as session:  # files deleted since the snapshot are not missing
        if missing:
            still = set(files.missing(session, storage, contents=contents))
            report.violations += [one for one in missing if one in still]
        report.leftovers = files.leftovers(session, storage, min_age_seconds=min_age_seconds)
    return report


def _engine_errors(session: Session) -> Iterator[Violation]:
    if session.get_bind().dialect.name != "sqlite":
        return  # Postgres checks its pages and its references itself
    for (found,) in session.execute(text("PRAGMA integrity_check")):
        if found != "ok":
            yield Violation("database", "SQLite", str(found))
    for found in session.execute(text("PRAGMA foreign_key_check")):
        yield Violation(
            "database", str(found[0]), f"row {found[1]} refers to a {found[2]} that does not exist"
        )

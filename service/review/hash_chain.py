"""The corrections of a dataset as a hash chain: each hash covers its row and the previous hash.

A row that was edited no longer matches its own hash. A row that was removed, inserted or moved
breaks the link of the next one, or leaves the chain shorter than the dataset's version.
Whoever owns the database can rewrite all of it, and the version: the anchors show that
(`service.storage.anchors`).
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from service.db.engine import APPENDED
from service.db.statements import cached_statement
from service.db.tables import Correction, Dataset, now
from service.storage.anchors import Anchors

GENESIS = "0" * 64
# The order does not matter: the content is sorted by name. Fields that are null or false are left
# out, so that adding a field does not change the hashes of older rows. The batch is not part of it,
# because it does not affect the outcome.
FIELDS = (
    "id",
    "dataset_id",
    "seq",
    "audit_id",
    "position",
    "sample_id",
    "verdict",
    "given_label",
    "corrected_label",
    "reverts",
    "note",
    "annotator",
    "key_id",
    "created_at",
    "control",
    "wanted",
    "adjudication",
    "certificate_id",
)


_HASH = cached_statement(
    select(Correction.hash).where(
        Correction.dataset_id == bindparam("dataset"), Correction.seq == bindparam("seq")
    )
)
_RESERVE = (
    update(Dataset)
    .where(Dataset.id == bindparam("dataset"))
    .values(version=Dataset.version + bindparam("count"))
    .returning(Dataset.version)
    .execution_options(synchronize_session=False)
)


def append(session: Session, dataset_id: str, rows: Sequence[Correction]) -> None:
    """Number, chain and store the rows: the only way into the log."""
    seq = _reserve_versions(session, dataset_id, len(rows))
    previous = session.scalar(_HASH, {"dataset": dataset_id, "seq": seq - 1})
    for row in rows:
        row.seq, row.created_at = seq, now()
        row.prev_hash = GENESIS if previous is None else previous
        row.hash = previous = digest(row.to_dict(), row.prev_hash)
        seq += 1
    session.add_all(rows)
    session.flush()
    appended = (dataset_id, rows[0].seq, rows[-1].seq, rows[-1].hash)
    session.info.setdefault(APPENDED, []).append(appended)


def anchor_head(session: Session, anchors: Anchors, dataset_id: str) -> None:
    """Anchor the dataset's newest correction, if it has any."""
    head = session.execute(
        select(Correction.seq, Correction.hash)
        .where(Correction.dataset_id == dataset_id)
        .order_by(Correction.seq.desc())
        .limit(1)
    ).first()
    if head is not None:
        anchors.write(dataset_id, head.seq, head.hash)


def digest(row: dict[str, Any], previous: str) -> str:
    """SHA-256 of the previous hash and the row's content, as canonical JSON."""
    hashed = {
        name: row[name] for name in FIELDS if row[name] is not None and row[name] is not False
    }
    content = {name: _plain(value) for name, value in hashed.items()}
    text = json.dumps([previous, content], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def _reserve_versions(session: Session, dataset_id: str, count: int) -> int:
    """Raise the dataset's version by `count` and return the first new one. The row stays locked
    until the commit, so versions appear in order and without gaps."""
    last: int = session.execute(_RESERVE, {"dataset": dataset_id, "count": count}).scalar_one()
    return last - count + 1

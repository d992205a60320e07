"""Undoing: one correction, a batch, a person's work. Each is a batch of rows in the log that can be
undone in its turn."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.audits.records import get_completed_audit
from service.core.errors import Conflict, NotFound, NotPermitted
from service.core.principal import Principal
from service.db.tables import Audit, Correction, new_id
from service.review.hash_chain import append
from service.review.log import (
    chunks,
    lock_dataset,
    lock_samples,
    rows_at,
)
from service.review.outcome import rows_that_stand
from service.review.states import settle


@dataclass(frozen=True)
class Undone:
    """A batch of reverts: undo it by its id to have everything back."""

    batch_id: str | None  # None where there was nothing left to undo
    reverted: int
    dataset_version: int


def revert(
    session: Session, audit_id: str, correction_id: str, *, principal: Principal
) -> Correction:
    """Undo one correction by a new row; the sample goes back to what it was before. Undoing a
    revert brings back what it had undone."""
    audit = get_completed_audit(session, audit_id)
    target = session.get(Correction, correction_id)
    if target is None or target.audit_id != audit_id:
        raise NotFound(f"The audit has no correction {correction_id!r}.")
    _check_may_undo(principal, target.key_id)
    rows = _revert_all(session, audit, [target], principal)
    if not rows:
        raise Conflict(
            f"Correction {correction_id!r} is reverted already.", type="already-reverted"
        )
    return rows[0]


def revert_batch(session: Session, audit_id: str, batch_id: str, *, principal: Principal) -> Undone:
    """Undo whatever still stands of what one request stored."""
    audit = get_completed_audit(session, audit_id)
    targets = session.scalars(
        select(Correction).where(Correction.audit_id == audit_id, Correction.batch_id == batch_id)
    ).all()
    if not targets:
        raise NotFound(f"The audit has no batch {batch_id!r}.")
    _check_may_undo(principal, targets[0].key_id)
    return _undone(session, audit, _revert_all(session, audit, targets, principal))


def revert_work(
    session: Session,
    audit_id: str,
    key_id: str,
    *,
    since: datetime | None,
    principal: Principal,
) -> Undone:
    """Undo whatever still stands of one person's verdicts in an audit, or of those since a moment.

    Raises
    ------
    NotFound
        That person has decided nothing in this audit.
    """
    audit = get_completed_audit(session, audit_id)
    _check_may_undo(principal, key_id)
    query = select(Correction).where(
        Correction.audit_id == audit_id,
        Correction.key_id == key_id,
        Correction.verdict.is_not(None),
    )
    if session.scalars(query.limit(1)).first() is None:
        raise NotFound(f"{key_id!r} has decided nothing in this audit.")
    if since is not None:
        query = query.where(Correction.created_at >= since)
    return _undone(
        session, audit, _revert_all(session, audit, session.scalars(query).all(), principal)
    )


def _check_may_undo(principal: Principal, key_id: str) -> None:
    if principal.key_id != key_id and not principal.leads:
        raise NotPermitted(
            "You can undo what you did yourself; for what others did ask somebody who leads the "
            "review (a key of role `uploader` or `admin`)."
        )


def _revert_all(
    session: Session, audit: Audit, targets: Sequence[Correction], principal: Principal
) -> list[Correction]:
    """A row for each target that stands, which is looked at again under the locks."""
    positions = sorted({row.position for row in targets})
    for some in chunks(positions):
        lock_samples(session, audit.dataset_id, some)
    lock_dataset(session, audit.dataset_id)
    rows_of = rows_at(session, audit.dataset_id, positions)
    standing = {row.id for rows in rows_of.values() for row in rows_that_stand(rows)}
    undone_by = {row.reverts: row.id for rows in rows_of.values() for row in rows if row.reverts}
    targets = sorted((row for row in targets if row.id in standing), key=lambda row: row.seq)
    if not targets:
        return []
    batch_id = new_id("ba")
    rows = [
        Correction(
            id=new_id("co"),
            dataset_id=audit.dataset_id,
            audit_id=audit.id,
            position=target.position,
            sample_id=target.sample_id,
            verdict=None,
            given_label=target.given_label,
            corrected_label=None,
            reverts=_end_of_chain(target.id, undone_by),
            batch_id=batch_id,
            wanted=target.wanted,
            annotator=principal.name,
            key_id=principal.key_id,
        )
        for target in targets
    ]
    append(session, audit.dataset_id, rows)
    settle(session, audit.dataset_id, sorted({row.position for row in rows}))
    return rows


def _end_of_chain(correction_id: str, undone_by: dict[str, str]) -> str:
    """A row that was undone and brought back is undone again by undoing what brought it back."""
    while correction_id in undone_by:
        correction_id = undone_by[correction_id]
    return correction_id


def _undone(session: Session, audit: Audit, rows: Sequence[Correction]) -> Undone:
    if not rows:
        return Undone(None, 0, lock_dataset(session, audit.dataset_id))
    return Undone(rows[0].batch_id, len(rows), rows[-1].seq)

"""Reverting one correction, a batch or a person's work. Each revert is a batch of rows in the log,
which can be reverted in turn."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.audits.records import get_completed_audit
from service.core.errors import Conflict, NotFound, NotPermitted
from service.core.principal import Principal
from service.db.lookup import find_child
from service.db.tables import Audit, Correction, new_id
from service.review.hash_chain import append
from service.review.log import (
    chunks,
    lock_dataset,
    lock_samples,
    rows_at,
)
from service.review.outcome import rows_in_force
from service.review.states import sync_review_states


@dataclass(frozen=True)
class Reverted:
    """A batch of reverts. Reverting it by its id restores everything."""

    batch_id: str | None  # None if there was nothing left to revert
    reverted: int
    dataset_version: int


def revert(
    session: Session, audit_id: str, correction_id: str, *, principal: Principal
) -> Correction:
    """Revert one correction with a new row; the sample returns to its previous outcome. Reverting
    a revert restores what it had reverted."""
    audit = get_completed_audit(session, audit_id)
    target = find_child(session, Correction, correction_id, audit)
    if target is None:
        raise NotFound(f"The audit has no correction {correction_id!r}.")
    _check_may_revert(principal, target.key_id)
    rows = _revert_all(session, audit, [target], principal)
    if not rows:
        raise Conflict(
            f"Correction {correction_id!r} is already reverted.", type="already-reverted"
        )
    return rows[0]


def revert_batch(
    session: Session, audit_id: str, batch_id: str, *, principal: Principal
) -> Reverted:
    """Revert whatever one request stored that is still in force."""
    audit = get_completed_audit(session, audit_id)
    targets = session.scalars(
        select(Correction).where(Correction.audit_id == audit_id, Correction.batch_id == batch_id)
    ).all()
    if not targets:
        raise NotFound(f"The audit has no batch {batch_id!r}.")
    _check_may_revert(principal, targets[0].key_id)
    return _reverted(session, audit, _revert_all(session, audit, targets, principal))


def revert_work(
    session: Session,
    audit_id: str,
    key_id: str,
    *,
    since: datetime | None,
    principal: Principal,
) -> Reverted:
    """Revert one person's verdicts in an audit that are still in force, optionally only those since
    a given time.

    Raises
    ------
    NotFound
        That person has reviewed nothing in this audit.
    """
    audit = get_completed_audit(session, audit_id)
    _check_may_revert(principal, key_id)
    query = select(Correction).where(
        Correction.audit_id == audit_id,
        Correction.key_id == key_id,
        Correction.verdict.is_not(None),
    )
    if session.scalars(query.limit(1)).first() is None:
        raise NotFound(f"{key_id!r} has reviewed nothing in this audit.")
    if since is not None:
        query = query.where(Correction.created_at >= since)
    targets = session.scalars(query).all()
    return _reverted(session, audit, _revert_all(session, audit, targets, principal))


def _check_may_revert(principal: Principal, key_id: str) -> None:
    if principal.key_id != key_id and not principal.leads:
        raise NotPermitted(
            "You can revert only your own corrections. To revert someone else's, ask a person who "
            "leads the review (a key with the role `uploader` or `admin`)."
        )


def _revert_all(
    session: Session, audit: Audit, targets: Sequence[Correction], principal: Principal
) -> list[Correction]:
    """One row per target that is in force, which is checked again under the locks."""
    positions = sorted({row.position for row in targets})
    for some in chunks(positions):
        lock_samples(session, audit.dataset_id, some)
    lock_dataset(session, audit.dataset_id)
    rows_of = rows_at(session, audit.dataset_id, positions)
    in_force = {row.id for rows in rows_of.values() for row in rows_in_force(rows)}
    reverted_by = {row.reverts: row.id for rows in rows_of.values() for row in rows if row.reverts}
    targets = sorted((row for row in targets if row.id in in_force), key=lambda row: row.seq)
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
            reverts=_end_of_chain(target.id, reverted_by),
            batch_id=batch_id,
            wanted=target.wanted,
            annotator=principal.name,
            key_id=principal.key_id,
        )
        for target in targets
    ]
    append(session, audit.dataset_id, rows)
    sync_review_states(session, audit.dataset_id, sorted({row.position for row in rows}))
    return rows


def _end_of_chain(correction_id: str, reverted_by: dict[str, str]) -> str:
    """The last revert in the chain that starts at the row, or the row itself. A row that was
    reverted and restored is reverted again by reverting what restored it."""
    while correction_id in reverted_by:
        correction_id = reverted_by[correction_id]
    return correction_id


def _reverted(session: Session, audit: Audit, rows: Sequence[Correction]) -> Reverted:
    if not rows:
        return Reverted(None, 0, lock_dataset(session, audit.dataset_id))
    return Reverted(rows[0].batch_id, len(rows), rows[-1].seq)

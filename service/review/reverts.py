"""Reverting one correction, a batch or a person's work. Each revert is a batch of rows in the log,
which can be reverted in turn."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from service.audits.records import get_audit, get_completed_audit
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
class Revert:
    """A batch of reverts. Reverting it by its id restores everything."""

    id: str
    audit_id: str
    reverted: int
    dataset_version: int
    created_by: dict[str, str]
    created_at: datetime


def create_revert(
    session: Session,
    audit_id: str,
    *,
    principal: Principal,
    correction_id: str | None = None,
    batch_id: str | None = None,
    person_id: str | None = None,
    since: datetime | None = None,
) -> Revert:
    """Revert what is still in force of one correction, of a batch, or of a person's verdicts, by
    new rows of the log. Reverting a revert restores what it had reverted.

    Raises
    ------
    NotFound
        The audit has no such correction or batch, or the person has reviewed nothing in it.
    NotPermitted
        The corrections are somebody else's, and the caller does not lead the review.
    Conflict
        Nothing of it is in force.
    """
    audit = get_completed_audit(session, audit_id)
    if correction_id is not None:
        targets = _of_correction(session, audit, correction_id)
    elif batch_id is not None:
        targets = _of_batch(session, audit, batch_id)
    else:
        assert person_id is not None
        _check_may_revert(principal, person_id)
        targets = _of_person(session, audit, person_id, since)
    if targets:
        _check_may_revert(principal, targets[0].key_id)
    rows = _revert_all(session, audit, targets, principal)
    if not rows:
        raise Conflict(
            "Nothing to revert: none of these verdicts is in force any more.",
            type="nothing-to-revert",
        )
    return _as_revert(rows)


def list_reverts(session: Session, audit_id: str, *, by: str | None = None) -> list[Revert]:
    """Newest first; `by` keeps those of one key."""
    get_audit(session, audit_id)
    rows = session.scalars(_reverts(audit_id, by).order_by(Correction.seq.desc())).all()
    return [_as_revert(list(batch)[::-1]) for _, batch in groupby(rows, key=_batch_of)]


def get_revert(session: Session, audit_id: str, revert_id: str, *, by: str | None = None) -> Revert:
    get_audit(session, audit_id)
    query = _reverts(audit_id, by).where(
        or_(Correction.batch_id == revert_id, Correction.id == revert_id)
    )
    rows = session.scalars(query.order_by(Correction.seq)).all()
    if not rows or _batch_of(rows[0]) != revert_id:
        raise NotFound(f"The audit has no revert {revert_id!r}.")
    return _as_revert(rows)


def _reverts(audit_id: str, by: str | None) -> Select[Correction]:
    query = select(Correction).where(
        Correction.audit_id == audit_id, Correction.reverts.is_not(None)
    )
    return query if by is None else query.where(Correction.key_id == by)


def _batch_of(row: Correction) -> str:
    return row.batch_id or row.id  # rows older than batches stand alone


def _as_revert(rows: Sequence[Correction]) -> Revert:
    """The revert that these rows of one batch, oldest first, make up."""
    last = rows[-1]
    return Revert(
        id=_batch_of(last),
        audit_id=last.audit_id,
        reverted=len(rows),
        dataset_version=last.seq,
        created_by={"id": last.key_id, "name": last.annotator},
        created_at=last.created_at,
    )


def _of_correction(session: Session, audit: Audit, correction_id: str) -> Sequence[Correction]:
    target = find_child(session, Correction, correction_id, audit)
    if target is None:
        raise NotFound(f"The audit has no correction {correction_id!r}.")
    return [target]


def _of_batch(session: Session, audit: Audit, batch_id: str) -> Sequence[Correction]:
    targets = session.scalars(
        select(Correction).where(Correction.audit_id == audit.id, Correction.batch_id == batch_id)
    ).all()
    if not targets:
        raise NotFound(f"The audit has no batch {batch_id!r}.")
    return targets


def _of_person(
    session: Session, audit: Audit, key_id: str, since: datetime | None
) -> Sequence[Correction]:
    query = select(Correction).where(
        Correction.audit_id == audit.id,
        Correction.key_id == key_id,
        Correction.verdict.is_not(None),
    )
    if session.scalars(query.limit(1)).first() is None:
        raise NotFound(f"{key_id!r} has reviewed nothing in this audit.")
    if since is not None:
        query = query.where(Correction.created_at >= since)
    return session.scalars(query).all()


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

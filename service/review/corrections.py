"""Corrections: an append-only log of verdicts; undoing one is a row that names it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.audits import dataset_of, get_completed_audit
from service.database import clock
from service.errors import BadInput, Conflict, LeaseLost, NotFound
from service.keys import Principal
from service.models import (
    Audit,
    Correction,
    Dataset,
    ReviewState,
    Sample,
    Suspect,
    Verdict,
    new_id,
)
from service.review.chain import append
from service.review.queue import drop_lease
from service.review.ranked import held_ranking


@dataclass(frozen=True)
class Decision:
    """One verdict as submitted; `corrected_label` is a class index, given only with `relabel`."""

    sample_id: str
    verdict: Verdict
    corrected_label: int | None = None
    lease_id: str | None = None
    supersedes: str | None = None
    note: str | None = None


def submit(
    session: Session, audit_id: str, decisions: Sequence[Decision], *, principal: Principal
) -> list[Correction]:
    """Record verdicts, all of them or none.

    Raises
    ------
    NotFound, BadInput
        A sample is not in the ranking; a label does not fit its verdict.
    Conflict, LeaseLost
        A sample is decided already (name the decision in `supersedes` to replace it), or somebody
        else holds it now. `errors` lists every such sample.
    """
    audit = get_completed_audit(session, audit_id)
    dataset = dataset_of(session, audit)
    suspects = _lock_suspects(session, audit_id, [decision.sample_id for decision in decisions])
    _refuse_conflicts(session, audit, decisions, suspects, principal)
    given = _given_labels(session, dataset.id, [suspect.position for suspect in suspects.values()])
    corrections = []
    for decision in decisions:
        suspect = suspects[decision.sample_id]
        correction = Correction(
            id=new_id("co"),
            dataset_id=dataset.id,
            audit_id=audit_id,
            position=suspect.position,
            sample_id=suspect.sample_id,
            verdict=decision.verdict,
            given_label=given[suspect.position],
            corrected_label=_corrected_label(decision, suspect, dataset),
            note=decision.note,
            annotator=principal.name,
            key_id=principal.key_id,
            control=suspect.control or _was_control(session, decision.supersedes),
        )
        skipped = decision.verdict is Verdict.skip
        suspect.state = ReviewState.skipped if skipped else ReviewState.decided
        drop_lease(suspect)
        corrections.append(correction)
    append(session, dataset.id, corrections)
    return corrections


def revert(
    session: Session, audit_id: str, correction_id: str, *, principal: Principal
) -> Correction:
    """Undo one correction by a new row; the sample goes back to what it was before."""
    audit = get_completed_audit(session, audit_id)
    target = session.get(Correction, correction_id)
    if target is None or target.audit_id != audit_id:
        raise NotFound(f"The audit has no correction {correction_id!r}.")
    if target.verdict is None:
        raise BadInput("A revert cannot itself be reverted; submit a new correction instead.")
    suspect = _lock_suspects(session, audit_id, [target.sample_id])[target.sample_id]
    done = session.scalars(select(Correction.id).where(Correction.reverts == correction_id)).first()
    if done:
        raise Conflict(
            f"Correction {correction_id!r} is reverted already.", type="already-reverted"
        )
    row = Correction(
        id=new_id("co"),
        dataset_id=audit.dataset_id,
        audit_id=audit_id,
        position=target.position,
        sample_id=target.sample_id,
        verdict=None,
        given_label=target.given_label,
        corrected_label=None,
        reverts=correction_id,
        annotator=principal.name,
        key_id=principal.key_id,
    )
    append(session, audit.dataset_id, [row])
    before = latest_decision(session, audit.dataset_id, target.position)
    if before is None:
        suspect.state = ReviewState.open
    else:
        skipped = before.verdict is Verdict.skip
        suspect.state = ReviewState.skipped if skipped else ReviewState.decided
    return row


def list_corrections(
    session: Session, audit_id: str, *, after: int, limit: int
) -> Sequence[Correction]:
    """Oldest first, those after the sequence number `after`."""
    return session.scalars(
        select(Correction)
        .where(Correction.audit_id == audit_id, Correction.seq > after)
        .order_by(Correction.seq)
        .limit(limit)
    ).all()


def latest_decision(session: Session, dataset_id: str, position: int) -> Correction | None:
    """The newest correction of a sample that stands (is no revert and was not reverted)."""
    undone = select(Correction.reverts).where(
        Correction.dataset_id == dataset_id, Correction.reverts.is_not(None)
    )
    query = select(Correction).where(
        Correction.dataset_id == dataset_id,
        Correction.position == position,
        Correction.verdict.is_not(None),
        Correction.id.not_in(undone),
    )
    return session.scalars(query.order_by(Correction.seq.desc()).limit(1)).first()


def corrections_at(session: Session, dataset_id: str, version: int) -> dict[int, Correction]:
    """What stands at a version: position -> the correction in force (skips decide nothing)."""
    rows = session.scalars(
        select(Correction)
        .where(Correction.dataset_id == dataset_id, Correction.seq <= version)
        .order_by(Correction.seq)
    ).all()
    undone = {row.reverts for row in rows}
    standing = {
        row.position: row for row in rows if row.verdict is not None and row.id not in undone
    }
    return {position: row for position, row in standing.items() if row.verdict is not Verdict.skip}


def _was_control(session: Session, correction_id: str | None) -> bool:
    """Second thoughts about a control do not undo that chance chose it."""
    replaced = session.get(Correction, correction_id) if correction_id else None
    return replaced is not None and replaced.control


def _lock_suspects(
    session: Session, audit_id: str, sample_ids: Sequence[str]
) -> dict[str, Suspect]:
    """Lock the rows in rank order, so that two batches never wait for each other in a circle."""
    if len(set(sample_ids)) != len(sample_ids):
        raise BadInput("A sample stands twice in one request; decide each sample once.")
    found = session.scalars(
        select(Suspect)
        .where(
            Suspect.ranking_id == held_ranking(session, audit_id).id,
            Suspect.sample_id.in_(sample_ids),
        )
        .order_by(Suspect.rank)
        .with_for_update()
    ).all()
    suspects = {suspect.sample_id: suspect for suspect in found}
    missing = [sample_id for sample_id in sample_ids if sample_id not in suspects]
    if missing:
        raise NotFound(
            f"The audit ranked no sample {missing[0]!r}.",
            errors=[{"detail": "not in the ranking", "sample_id": name} for name in missing[:20]],
        )
    return suspects


def _refuse_conflicts(
    session: Session,
    audit: Audit,
    decisions: Sequence[Decision],
    suspects: dict[str, Suspect],
    principal: Principal,
) -> None:
    decided, held = [], []
    time = session.scalar(select(clock())) or 0.0
    for decision in decisions:
        suspect = suspects[decision.sample_id]
        if suspect.state is ReviewState.decided:
            standing = latest_decision(session, audit.dataset_id, suspect.position)
            # none stands where an earlier audit's decision was reverted after this audit began
            if standing is not None and standing.id != decision.supersedes:
                decided.append(_conflict(suspect, standing))
        elif (
            suspect.lease_until is not None
            and suspect.lease_until > time
            and suspect.lease_id != decision.lease_id
            and suspect.lease_holder != principal.key_id
        ):
            held.append({"sample_id": suspect.sample_id, "detail": "held by somebody else"})
    if decided:
        raise Conflict(
            "Nothing was stored: some samples are decided already. To replace a decision, name its "
            "correction id in `supersedes`.",
            type="already-decided",
            errors=decided,
        )
    if held:
        raise LeaseLost(
            "Nothing was stored: somebody else holds some of these samples now.", errors=held
        )


def _conflict(suspect: Suspect, standing: Correction) -> dict[str, Any]:
    return {
        "sample_id": suspect.sample_id,
        "detail": f"decided by {standing.annotator}",
        "correction_id": standing.id,
        "verdict": standing.verdict,
    }


def _corrected_label(decision: Decision, suspect: Suspect, dataset: Dataset) -> int | None:
    """The class index after the verdict: None for exclude and skip."""
    match decision.verdict:
        case Verdict.keep:
            return suspect.given_label
        case Verdict.accept_suggestion:
            if suspect.suggested_label is None:
                raise BadInput(
                    f"Sample {suspect.sample_id!r} has no suggestion to accept; use `relabel`.",
                    errors=[{"sample_id": suspect.sample_id, "detail": "no suggestion"}],
                )
            return suspect.suggested_label
        case Verdict.relabel:
            label = decision.corrected_label
            if label is None or not 0 <= label < len(dataset.class_names):
                raise BadInput("`relabel` needs `corrected_label`, one of the dataset's classes.")
            return label
        case _:
            return None


def _given_labels(session: Session, dataset_id: str, positions: Sequence[int]) -> dict[int, int]:
    """The labels as uploaded; in an audit of a corrected version the suspect's own may differ."""
    rows = session.execute(
        select(Sample.position, Sample.given_label).where(
            Sample.dataset_id == dataset_id, Sample.position.in_(positions)
        )
    )
    return {position: label for position, label in rows if label is not None}

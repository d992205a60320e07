"""The queue and the corrections: lease the worst open suspect, decide it, undo a decision."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, or_, select, update
from sqlalchemy.orm import Session

from service.audits import dataset_of, get_completed_audit
from service.database import clock
from service.errors import BadCursor, BadInput, Conflict, LeaseLost, NotFound, NotReady
from service.keys import Principal
from service.models import (
    Audit,
    Correction,
    Dataset,
    Ranking,
    ReviewState,
    Sample,
    Suspect,
    Tier,
    Verdict,
    new_id,
)


@dataclass(frozen=True)
class SuspectFilter:
    """Which suspects; None means any."""

    tier: Sequence[Tier] | None = None
    given_label: int | None = None
    predicted_label: int | None = None
    state: ReviewState | None = None

    def apply(self, query: Select[Any]) -> Select[Any]:
        if self.tier is not None:
            query = query.where(Suspect.tier.in_(self.tier))
        if self.given_label is not None:
            query = query.where(Suspect.given_label == self.given_label)
        if self.predicted_label is not None:
            query = query.where(Suspect.predicted_label == self.predicted_label)
        if self.state is not None:
            query = query.where(Suspect.state == self.state)
        return query


@dataclass(frozen=True)
class Decision:
    """One verdict as submitted; `corrected_label` is a class index, given only with `relabel`."""

    sample_id: str
    verdict: Verdict
    corrected_label: int | None = None
    lease_id: str | None = None
    supersedes: str | None = None
    note: str | None = None


def newest_ranking(session: Session, audit_id: str) -> Ranking:
    ranking = session.scalars(
        select(Ranking)
        .where(Ranking.audit_id == audit_id)
        .order_by(Ranking.number.desc(), Ranking.id.desc())
        .limit(1)
    ).first()
    if ranking is None:
        raise NotReady("The audit has no ranking yet; wait until its status is `completed`.")
    return ranking


def held_ranking(session: Session, audit_id: str) -> Ranking:
    """The newest ranking, which stays the newest until the transaction ends."""
    session.execute(select(Audit.id).where(Audit.id == audit_id).with_for_update(read=True))
    return newest_ranking(session, audit_id)


def get_ranking(session: Session, audit_id: str, ranking_id: str) -> Ranking:
    """The ranking that a cursor names, if it is this audit's."""
    ranking = session.get(Ranking, ranking_id)
    if ranking is None or ranking.audit_id != audit_id:
        raise BadCursor("This cursor belongs to another audit.")
    return ranking


def list_suspects(
    session: Session, ranking_id: str, *, wanted: SuspectFilter, after: int, limit: int
) -> Sequence[Suspect]:
    """Worst first, those ranked behind `after`."""
    query = select(Suspect).where(Suspect.ranking_id == ranking_id, Suspect.rank > after)
    return session.scalars(wanted.apply(query).order_by(Suspect.rank).limit(limit)).all()


def get_suspect(session: Session, audit_id: str, sample_id: str) -> Suspect:
    ranking = newest_ranking(session, audit_id)
    suspect = session.scalars(
        select(Suspect).where(Suspect.ranking_id == ranking.id, Suspect.sample_id == sample_id)
    ).first()
    if suspect is None:
        raise NotFound(f"The audit ranked no sample {sample_id!r}.")
    return suspect


def state_counts(session: Session, ranking_id: str) -> dict[Tier, dict[ReviewState, int]]:
    """How many suspects of each tier are open, skipped and decided."""
    counts = {tier: dict.fromkeys(ReviewState, 0) for tier in Tier}
    rows = session.execute(
        select(Suspect.tier, Suspect.state, func.count())
        .where(Suspect.ranking_id == ranking_id)
        .group_by(Suspect.tier, Suspect.state)
    )
    for tier, state, count in rows:
        counts[tier][state] = count
    return counts


# ------------------------------------------------------------------------------------------- leases


def lease_next(
    session: Session,
    audit_id: str,
    *,
    principal: Principal,
    wanted: SuspectFilter,
    count: int,
    lease_seconds: float,
) -> list[Suspect]:
    """Hand the worst suspects that nobody holds to one annotator, each under its own lease."""
    get_completed_audit(session, audit_id)
    ranking = held_ranking(session, audit_id)
    query = select(Suspect).where(
        Suspect.ranking_id == ranking.id,
        or_(Suspect.lease_until.is_(None), Suspect.lease_until < clock()),
    )
    suspects = session.scalars(
        wanted.apply(query).order_by(Suspect.rank).limit(count).with_for_update(skip_locked=True)
    ).all()
    for suspect in suspects:
        suspect.lease_id = new_id("le")
        suspect.lease_holder = principal.key_id
        suspect.control = False
    session.flush()
    set_lease_end(session, ranking.id, [suspect.rank for suspect in suspects], lease_seconds)
    for suspect in suspects:
        session.refresh(suspect)
    return list(suspects)


def renew_lease(
    session: Session, audit_id: str, sample_id: str, *, lease_id: str, lease_seconds: float
) -> Suspect:
    suspect = _leased(session, audit_id, sample_id, lease_id)
    set_lease_end(session, suspect.ranking_id, [suspect.rank], lease_seconds)
    session.refresh(suspect)
    return suspect


def release_lease(session: Session, audit_id: str, sample_id: str, *, lease_id: str) -> None:
    _drop_lease(_leased(session, audit_id, sample_id, lease_id))


def set_lease_end(session: Session, ranking_id: str, ranks: list[int], seconds: float) -> None:
    session.execute(
        update(Suspect)
        .where(Suspect.ranking_id == ranking_id, Suspect.rank.in_(ranks))
        .values(lease_until=clock() + seconds)
        .execution_options(synchronize_session=False)
    )


def _leased(session: Session, audit_id: str, sample_id: str, lease_id: str) -> Suspect:
    get_completed_audit(session, audit_id)
    suspect = session.scalars(
        select(Suspect)
        .where(
            Suspect.ranking_id == held_ranking(session, audit_id).id,
            Suspect.sample_id == sample_id,
            Suspect.lease_id == lease_id,
        )
        .with_for_update()
    ).first()
    if suspect is None:
        raise LeaseLost(
            f"You no longer hold sample {sample_id!r}: the lease ran out or the sample was "
            "decided. Ask for the next one."
        )
    return suspect


def _drop_lease(suspect: Suspect) -> None:
    suspect.lease_id = suspect.lease_holder = suspect.lease_until = None
    suspect.control = False


# -------------------------------------------------------------------------------------- corrections


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
    first = _reserve_versions(session, dataset.id, len(decisions))
    corrections = []
    for offset, decision in enumerate(decisions):
        suspect = suspects[decision.sample_id]
        correction = Correction(
            id=new_id("co"),
            dataset_id=dataset.id,
            seq=first + offset,
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
        _drop_lease(suspect)
        corrections.append(correction)
    session.add_all(corrections)
    session.flush()
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
        seq=_reserve_versions(session, audit.dataset_id, 1),
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
    session.add(row)
    session.flush()
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


def _reserve_versions(session: Session, dataset_id: str, count: int) -> int:
    """Raise the dataset's version by `count`; returns the first of the new ones. The row lock lasts
    to the commit, so versions appear in order and without gaps."""
    last: int = session.execute(
        update(Dataset)
        .where(Dataset.id == dataset_id)
        .values(version=Dataset.version + count)
        .returning(Dataset.version)
    ).scalar_one()
    return last - count + 1

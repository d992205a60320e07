"""Corrections: an append-only log of verdicts, stored all of a request or none of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from labelaudit.enums import ReviewState, Verdict
from service.audits.records import dataset_of, get_completed_audit
from service.audits.suspects import newest_ranking
from service.core.errors import (
    BadInput,
    Conflict,
    LeaseLost,
    NotFound,
    NotPermitted,
)
from service.core.principal import Principal
from service.db.statements import prepared
from service.db.tables import (
    Audit,
    Correction,
    Dataset,
    Lease,
    Sample,
    Suspect,
    new_id,
)
from service.review import leases
from service.review.hash_chain import append
from service.review.log import lock_samples, rows_at
from service.review.outcome import SampleOutcome, outcome
from service.review.states import (
    newest_rankings,
    settle,
    show,
    still_waiting,
)

_SUSPECTS = prepared(
    select(Suspect).where(
        Suspect.ranking_id == bindparam("ranking"),
        Suspect.sample_id.in_(bindparam("sample_ids", expanding=True)),
    )
)


@dataclass(frozen=True)
class Decision:
    """One verdict as submitted; `corrected_label` is a class index, given only with `relabel`."""

    sample_id: str
    verdict: Verdict
    corrected_label: int | None = None
    lease_id: str | None = None
    supersedes: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class _Subject:
    """A sample to be decided, with all that bears on it."""

    sample: Sample
    suspect: Suspect
    log: list[Correction]
    leases: list[Lease]  # that have not run out

    @cached_property
    def now(self) -> SampleOutcome:
        return outcome(self.log)

    def held_by(self, person: str) -> Lease | None:
        return next((lease for lease in self.leases if lease.holder == person), None)


def submit(
    session: Session, audit_id: str, decisions: Sequence[Decision], *, principal: Principal
) -> list[Correction]:
    """Record verdicts, all of them or none, as one batch.

    Raises
    ------
    NotFound, BadInput
        A sample is not in the ranking; a label does not fit its verdict.
    NotPermitted
        A sample is disputed or was agreed on, and the caller is no adjudicator.
    Conflict, LeaseLost
        A sample is decided already, or judged already by the caller (name the decision in
        `supersedes` to replace it), or as many people as are wanted hold it now. `errors` lists
        every such sample.
    """
    audit = get_completed_audit(session, audit_id)
    dataset = dataset_of(session, audit)
    subjects = _subjects(session, audit, [decision.sample_id for decision in decisions])
    _refuse_conflicts(audit, decisions, subjects, principal)
    batch_id = new_id("ba")
    corrections = []
    for decision in decisions:
        subject = subjects[decision.sample_id]
        suspect, lease = subject.suspect, subject.held_by(principal.key_id)
        corrections.append(
            Correction(
                id=new_id("co"),
                dataset_id=dataset.id,
                audit_id=audit_id,
                position=suspect.position,
                sample_id=suspect.sample_id,
                verdict=decision.verdict,
                given_label=subject.sample.given_label,
                corrected_label=_corrected_label(decision, suspect, dataset),
                batch_id=batch_id,
                wanted=_more_than_one(subject.now.wanted or audit.opinions),
                adjudication=_rules(decision, subject.now, principal),
                note=decision.note,
                annotator=principal.name,
                key_id=principal.key_id,
                control=(lease is not None and lease.control)
                or _was_control(session, decision.supersedes),
            )
        )
    _store(session, dataset.id, corrections, subjects, principal)
    return corrections


def _store(
    session: Session,
    dataset_id: str,
    corrections: Sequence[Correction],
    subjects: dict[str, _Subject],
    principal: Principal,
) -> None:
    """What follows from the corrections is written before they are, since to write them locks the
    dataset: everybody who decides waits for whoever has it."""
    rankings = newest_rankings(session, dataset_id)
    outcomes = {row.position: outcome([*subjects[row.sample_id].log, row]) for row in corrections}
    if waiting := still_waiting(outcomes):
        leases.give_up(session, dataset_id, waiting, principal.key_id)
    show(session, dataset_id, outcomes, rankings)
    append(session, dataset_id, corrections)
    if newest_rankings(session, dataset_id) != rankings:  # one came before the dataset was locked
        settle(session, dataset_id, list(outcomes))


def _more_than_one(opinions: int) -> int | None:
    return opinions if opinions > 1 else None


def may_adjudicate(audit: Audit, principal: Principal) -> bool:
    """Whoever leads, and whom the audit names."""
    return principal.leads or principal.key_id in audit.adjudicators


def _subjects(session: Session, audit: Audit, sample_ids: Sequence[str]) -> dict[str, _Subject]:
    """The samples, locked: nobody is promised one that is being decided."""
    if len(set(sample_ids)) != len(sample_ids):
        raise BadInput("A sample stands twice in one request; decide each sample once.")
    suspects = {
        suspect.sample_id: suspect
        for suspect in session.scalars(
            _SUSPECTS,
            {"ranking": newest_ranking(session, audit.id).id, "sample_ids": sample_ids},
        )
    }
    missing = [sample_id for sample_id in sample_ids if sample_id not in suspects]
    if missing:
        raise NotFound(
            f"The audit ranked no sample {missing[0]!r}.",
            errors=[{"detail": "not in the ranking", "sample_id": name} for name in missing[:20]],
        )
    positions = [suspect.position for suspect in suspects.values()]
    samples = lock_samples(session, audit.dataset_id, positions)
    rows = rows_at(session, audit.dataset_id, positions)
    held = leases.live(session, audit.dataset_id, positions)
    return {
        sample.sample_id: _Subject(
            sample,
            suspects[sample.sample_id],
            rows.get(sample.position, []),
            [lease for lease in held if lease.position == sample.position],
        )
        for sample in samples
    }


def _refuse_conflicts(
    audit: Audit,
    decisions: Sequence[Decision],
    subjects: dict[str, _Subject],
    principal: Principal,
) -> None:
    decided, held, barred = [], [], []
    for decision in decisions:
        subject = subjects[decision.sample_id]
        standing = _in_the_way(decision, subject, principal)
        if standing is not None:
            decided.append(_conflict(subject.suspect, standing))
        elif _rules(decision, subject.now, principal):
            if not may_adjudicate(audit, principal):
                barred.append(
                    {"sample_id": decision.sample_id, "detail": "an adjudicator decides this"}
                )
        elif not _has_a_place(decision, subject, audit, principal):
            held.append({"sample_id": decision.sample_id, "detail": "held by somebody else"})
    if decided:
        raise Conflict(
            "Nothing was stored: some samples are decided already. To replace a decision, name its "
            "correction id in `supersedes`.",
            type="already-decided",
            errors=decided,
        )
    if barred:
        raise NotPermitted(
            "Nothing was stored: on some of these samples several people have given their opinion, "
            "and only an adjudicator can decide otherwise.",
            errors=barred,
        )
    if held:
        raise LeaseLost(
            "Nothing was stored: somebody else holds some of these samples now.", errors=held
        )


def _in_the_way(decision: Decision, subject: _Subject, principal: Principal) -> Correction | None:
    """The correction that `supersedes` would have to name."""
    own = subject.now.opinions.get(principal.key_id)
    if own is not None and decision.supersedes == own.id:
        return None
    standing = subject.now.decision
    if subject.now.state is ReviewState.disputed:
        return None
    if subject.now.state is not ReviewState.decided:
        standing = own
    if standing is not None and standing.id == decision.supersedes:
        return None
    return standing


def _rules(decision: Decision, now: SampleOutcome, principal: Principal) -> bool:
    """Whether the decision is an adjudication: it overrules or chooses between others' opinions."""
    own = now.opinions.get(principal.key_id)
    changes_mind = own is not None and decision.supersedes == own.id
    if now.decision is not None and now.decision.adjudication:
        return True
    return not changes_mind and (now.state is ReviewState.disputed or now.agreed)


def _has_a_place(decision: Decision, subject: _Subject, audit: Audit, principal: Principal) -> bool:
    """Whether no more people hold or have judged the sample than opinions are wanted."""
    if subject.now.state is ReviewState.decided or principal.key_id in subject.now.opinions:
        return True
    if any(lease.holder == principal.key_id for lease in subject.leases):
        return True
    if any(lease.id == decision.lease_id for lease in subject.leases):
        return True
    wanted = subject.now.wanted or audit.opinions
    others = len(subject.leases)
    return others == 0 or len(subject.now.opinions) + others < wanted


def _conflict(suspect: Suspect, standing: Correction) -> dict[str, Any]:
    return {
        "sample_id": suspect.sample_id,
        "detail": f"decided by {standing.annotator}",
        "correction_id": standing.id,
        "verdict": standing.verdict,
    }


def _was_control(session: Session, correction_id: str | None) -> bool:
    """Second thoughts about a control do not undo that chance chose it."""
    replaced = session.get(Correction, correction_id) if correction_id else None
    return replaced is not None and replaced.control


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

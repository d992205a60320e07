"""Recording verdicts in the append-only log of corrections: a whole request or nothing."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from labelaudit.enums import ReviewState, Verdict
from service.audits.records import dataset_of, get_completed_audit
from service.core.errors import BadInput
from service.core.principal import Principal
from service.db.tables import Correction, Dataset, Suspect, new_id
from service.review import leases
from service.review.conflicts import (
    NewCorrection,
    Subject,
    is_adjudication,
    lock_subjects,
    refuse_conflicts,
    refuse_strange_names,
)
from service.review.emptied import announce_emptied
from service.review.hash_chain import append
from service.review.outcome import outcome
from service.review.states import (
    needing_opinions,
    newest_rankings,
    sync_review_states,
    write_review_states,
)


def submit(
    session: Session, audit_id: str, submitted: Sequence[NewCorrection], *, principal: Principal
) -> list[Correction]:
    """Record verdicts as one batch: all of them or none.

    Raises
    ------
    NotFound, BadInput
        A sample is not in the ranking; a label does not fit its verdict; `supersedes` names no
        correction of the sample.
    NotPermitted
        A sample is disputed or was agreed on, and the caller is not an adjudicator.
    Conflict, LeaseLost
        A sample is already decided, or already reviewed by the caller (name the correction in
        `supersedes` to replace it), or others hold leases for all of its missing opinions. `errors`
        lists every such sample.
    """
    audit = get_completed_audit(session, audit_id)
    dataset = dataset_of(session, audit)
    subjects = lock_subjects(session, audit, [new.sample_id for new in submitted])
    refuse_strange_names(submitted, subjects)
    refuse_conflicts(audit, submitted, subjects, principal)
    batch_id = new_id("ba")
    corrections = []
    for new in submitted:
        subject = subjects[new.sample_id]
        suspect, lease = subject.suspect, subject.lease_of(principal.key_id)
        corrections.append(
            Correction(
                id=new_id("co"),
                dataset_id=dataset.id,
                audit_id=audit_id,
                position=suspect.position,
                sample_id=suspect.sample_id,
                verdict=new.verdict,
                given_label=subject.sample.given_label,
                corrected_label=_corrected_label(new, suspect, dataset),
                batch_id=batch_id,
                wanted=_more_than_one(subject.outcome.wanted or audit.opinions),
                adjudication=is_adjudication(new, subject.outcome, principal),
                note=new.note,
                annotator=principal.name,
                key_id=principal.key_id,
                control=(lease is not None and lease.control)
                or subject.was_control(new.supersedes),
            )
        )
    _store(session, dataset, corrections, subjects, principal)
    return corrections


def _store(
    session: Session,
    dataset: Dataset,
    corrections: Sequence[Correction],
    subjects: dict[str, Subject],
    principal: Principal,
) -> None:
    """The review states are written before the corrections, because appending to the log locks the
    dataset, and every other reviewer waits for that lock."""
    rankings = newest_rankings(session, dataset.id)
    outcomes = {row.position: outcome([*subjects[row.sample_id].log, row]) for row in corrections}
    if positions := needing_opinions(outcomes):
        leases.delete_by_holder(session, dataset.id, positions, principal.key_id)
    write_review_states(session, dataset.id, outcomes, rankings)
    append(session, dataset.id, corrections)
    if newest_rankings(session, dataset.id) != rankings:  # one was published before the lock
        sync_review_states(session, dataset.id, list(outcomes))
    decided = [
        row.sample_id
        for row in corrections
        if outcomes[row.position].state is ReviewState.decided
        and subjects[row.sample_id].outcome.state is not ReviewState.decided
    ]
    announce_emptied(session, dataset, rankings, decided)


def _more_than_one(opinions: int) -> int | None:
    return opinions if opinions > 1 else None


def _corrected_label(new: NewCorrection, suspect: Suspect, dataset: Dataset) -> int | None:
    """The class index after the verdict: None for exclude and skip."""
    match new.verdict:
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
            label = new.corrected_label
            if label is None or not 0 <= label < len(dataset.class_names):
                raise BadInput("`relabel` needs a `corrected_label`, one of the dataset's classes.")
            return label
        case _:
            return None

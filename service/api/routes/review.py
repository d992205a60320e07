"""/v1/audits/{id}/queue and /corrections: what annotators use."""

from typing import Annotated, Any

from fastapi import Body, Query
from sqlalchemy.orm import Session

from labelaudit.enums import ReviewState, Tier
from labelaudit.schemas import (
    CorrectionList,
    CorrectionRead,
    CorrectionsCreate,
    Lease,
    LeaseRequest,
    Page,
    QueueItems,
    QueueNext,
)
from service import review
from service.api import cursors, idempotency, presenters
from service.api.dependencies import (
    Annotator,
    IdempotencyKey,
    Reader,
    ReadSession,
    SettingsDep,
    StorageDep,
    WriteSession,
)
from service.api.problems import documented
from service.api.routing import TransactionRouter
from service.audits import records as audits
from service.db.tables import Audit, Dataset
from service.review import assignments as queues
from service.review import controls

router = TransactionRouter(
    prefix="/v1/audits/{audit_id}", tags=["review"], responses=documented(409)
)

NARROWING = {"tier", "given_label", "predicted_label", "issue", "state"}


@router.post("/queue/next", response_model=QueueItems)
def next_in_queue(
    session: WriteSession,
    storage: StorageDep,
    settings: SettingsDep,
    caller: Annotator,
    audit_id: str,
    options: Annotated[QueueNext | None, Body()] = None,
) -> dict[str, Any]:
    """Lease the worst suspects that still want an opinion: each goes to as many different people as
    the audit wants opinions, never twice to one. An item comes back to the queue when its lease is
    released or runs out. Without a filter the caller's assignments come first; samples that a
    colleague has begun come before fresh ones, and nothing tells what the colleague said.

    With the purpose `adjudicate`, samples whose opinions differ are served to adjudicators.

    With the purpose `control`, random samples are served instead, without the machine's opinion:
    from the whole list, the likelier the more a verdict on them tells, or from the tiers that
    `tier` names, all alike. They tell how many labels are wrong, which no suspect can.
    """
    options = options or QueueNext()
    audit, dataset = audits.completed_with_dataset(session, audit_id)
    lease = {"expires_in_seconds": settings.review_lease_seconds}
    if options.purpose == "control":
        drawn = controls.lease_controls(
            session,
            audit_id,
            principal=caller,
            tiers=options.tier if "tier" in options.model_fields_set else None,
            count=options.count,
            lease_seconds=settings.review_lease_seconds,
        )
        return {
            "items": [
                presenters.blind(storage, dataset, held.suspect)
                | {"lease": {"lease_id": held.lease_id, **lease}}
                for held in drawn
            ]
        }
    leased = _lease(session, audit, dataset, options, caller, settings.review_lease_seconds)
    return {
        "items": [
            presenters.suspect_detail(session, storage, audit, dataset, held.suspect)
            | {"lease": {"lease_id": held.lease_id, **lease}}
            for held in leased
        ]
    }


def _lease(
    session: Session,
    audit: Audit,
    dataset: Dataset,
    options: QueueNext,
    caller: Annotator,
    seconds: float,
) -> list[review.Held]:
    given, predicted = (
        presenters.class_index(dataset, getattr(options, name), field=name)
        for name in ("given_label", "predicted_label")
    )
    narrowed = bool(NARROWING & options.model_fields_set)
    adjudicates = options.purpose == "adjudicate"
    everywhere = (adjudicates and not narrowed) or (
        options.issue is not None and "tier" not in options.model_fields_set
    )
    wanted = review.SuspectFilter(
        tier=list(Tier) if everywhere else options.tier,
        given_label=given,
        predicted_label=predicted,
        state=ReviewState.disputed if adjudicates else ReviewState(options.state),
        issue=options.issue,
    )
    if adjudicates:
        return queues.lease_disputed(
            session, audit, wanted, principal=caller, count=options.count, lease_seconds=seconds
        )
    return queues.lease_for(
        session,
        audit,
        wanted,
        principal=caller,
        count=options.count,
        lease_seconds=seconds,
        assigned="ignore" if narrowed else options.assigned,
        assignment_id=options.assignment_id,
    )


@router.post("/queue/renew", response_model=Lease)
def renew_lease(
    session: WriteSession,
    settings: SettingsDep,
    caller: Annotator,
    audit_id: str,
    held: LeaseRequest,
) -> dict[str, Any]:
    """Hold a sample longer."""
    seconds = settings.review_lease_seconds
    review.renew_lease(
        session, audit_id, held.sample_id, lease_id=held.lease_id, lease_seconds=seconds
    )
    return {"lease_id": held.lease_id, "expires_in_seconds": seconds}


@router.post("/queue/release", status_code=204)
def release_lease(
    session: WriteSession,
    caller: Annotator,
    audit_id: str,
    held: LeaseRequest,
) -> None:
    """Give a sample back undecided."""
    review.release_lease(session, audit_id, held.sample_id, lease_id=held.lease_id)


@router.post("/corrections", status_code=201, response_model=CorrectionList)
def submit_corrections(
    session: WriteSession,
    caller: Annotator,
    audit_id: str,
    submitted: CorrectionsCreate,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """Record one verdict or many: all are stored, or none.

    Sent again with the same `Idempotency-Key`, the request answers as it did the first time and
    stores nothing new. A sample that is decided already is refused with 409, unless the correction
    names the one it `supersedes`.
    """
    fingerprint = idempotency.fingerprint_of(audit_id, submitted.model_dump_json())
    with idempotency.once(session, caller, idempotency_key, fingerprint) as answer:
        if answer.body is None:
            answer.body = _record(session, audit_id, submitted, caller)
    return answer.body


def _record(
    session: Session, audit_id: str, submitted: CorrectionsCreate, caller: Annotator
) -> dict[str, Any]:
    audit, dataset = audits.completed_with_dataset(session, audit_id)
    decisions = [
        review.Decision(
            sample_id=given.sample_id,
            verdict=given.verdict,
            corrected_label=presenters.class_index(
                dataset, given.corrected_label, field=f"corrections/{index}/corrected_label"
            ),
            lease_id=given.lease_id,
            supersedes=given.supersedes,
            note=given.note,
        )
        for index, given in enumerate(submitted.corrections)
    ]
    rows = review.submit(session, audit.id, decisions, principal=caller)
    shown = CorrectionList(
        corrections=[
            CorrectionRead.model_validate(presenters.correction(row, dataset.class_names))
            for row in rows
        ],
        dataset_version=rows[-1].seq,
    )
    return shown.model_dump(mode="json")


@router.get("/corrections", response_model=Page[CorrectionRead], responses=documented(400))
def list_corrections(
    session: ReadSession,
    caller: Reader,
    audit_id: str,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """Every correction of the audit, reverts included, oldest first. An annotator is not told what
    others said of samples that still wait for an opinion."""
    audit = audits.get_audit(session, audit_id)
    names = audits.dataset_of(session, audit).class_names
    after = int(cursors.decode(cursor, int)[0]) if cursor else 0
    blind_to = None if caller.leads else caller.key_id
    found = review.list_corrections(session, audit_id, after=after, limit=limit, blind_to=blind_to)
    return {
        "items": [presenters.correction(row, names) for row in found],
        "next_cursor": cursors.encode(found[-1].seq) if len(found) == limit else None,
    }


@router.post("/corrections/{correction_id}/revert", status_code=201, response_model=CorrectionRead)
def revert_correction(
    session: WriteSession, caller: Annotator, audit_id: str, correction_id: str
) -> dict[str, Any]:
    """Undo a correction. The log keeps both; the sample is as it was before. Undoing a revert
    brings back what it had undone. Annotators undo what they did themselves."""
    row = review.revert(session, audit_id, correction_id, principal=caller)
    audit = audits.get_audit(session, audit_id)
    return presenters.correction(row, audits.dataset_of(session, audit).class_names)

"""/v1/audits/{id}/queue and /corrections: leasing suspects and recording verdicts."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Body, Query, Response
from sqlalchemy.orm import Session

from labelaudit.enums import ReviewState, Tier
from labelaudit.schemas import (
    CorrectionBatch,
    CorrectionRead,
    CorrectionsCreate,
    Lease,
    LeaseRequest,
    OwnDecision,
    Page,
    QueueNext,
    QueuePage,
)
from service import review
from service.api import cursors, idempotency, presenters
from service.api.dependencies import (
    Annotator,
    IdempotencyKey,
    Reader,
    ReadSession,
    Resources,
    ResourcesDep,
    SettingsDep,
    StorageDep,
    WriteSession,
)
from service.api.document import documented
from service.api.media import media_url
from service.api.narrowing import Narrowing
from service.api.pages import Cursor, Limit, page
from service.api.routing import TransactionRouter
from service.audits import records as audits
from service.datasets import records as datasets
from service.db.tables import Audit, Dataset
from service.review import assignments as queues
from service.review import controls, own_decisions
from service.storage.local import Storage

router = TransactionRouter(
    prefix="/v1/audits/{audit_id}", tags=["review"], responses=documented(409)
)

FILTERS = {
    "tier", "given_label", "predicted_label", "issue", "p_wrong_from", "p_wrong_to", "search",
    "similar_to", "state",
}  # fmt: skip


@router.post("/queue/next", response_model=QueuePage)
def next_in_queue(
    resources: ResourcesDep,
    caller: Annotator,
    audit_id: str,
    options: Annotated[QueueNext | None, Body()] = None,
) -> dict[str, Any]:
    """Lease the worst suspects that need an opinion. Each goes to as many different people as the
    audit requires opinions, and never twice to the same person. An item returns to the queue when
    its lease is released or expires. Without a filter, the caller's assignments come first. Samples
    that a colleague has begun come before new ones; the colleague's opinion stays hidden.

    With the purpose `adjudicate`, samples whose opinions differ are served to adjudicators.

    With the purpose `control`, random samples are served without the model's opinion. They are
    drawn from the whole list, weighted by how informative a verdict is, or uniformly from the tiers
    in `tier`. Controls show how many labels are wrong. Suspects cannot, because they are not a
    random sample.
    """
    options = options or QueueNext()
    narrowed = Narrowing(search=options.search, similar_to=options.similar_to)
    among = narrowed.sample_ids(resources, caller, audit_id)
    with resources.write(caller) as session:
        return _serve(session, resources, caller, audit_id, options, among)


def _serve(
    session: Session,
    resources: Resources,
    caller: Annotator,
    audit_id: str,
    options: QueueNext,
    among: Sequence[str] | None,
) -> dict[str, Any]:
    storage, settings = resources.storage, resources.settings
    audit, dataset = audits.completed_with_dataset(session, audit_id)
    lease = {"expires_in_seconds": settings.review_lease_seconds}
    if options.purpose == "control":
        leased = controls.lease_controls(
            session,
            audit_id,
            principal=caller,
            tiers=options.tier if "tier" in options.model_fields_set else None,
            count=options.count,
            lease_seconds=settings.review_lease_seconds,
        )
        return {
            "items": [
                presenters.blind(storage, dataset, one.suspect)
                | {"lease": {"lease_id": one.lease_id, **lease}}
                for one in leased
            ],
            "next_cursor": None,
        }
    leased = _lease(session, audit, dataset, options, among, caller, settings.review_lease_seconds)
    return {
        "items": [
            presenters.suspect_detail(
                session, storage, audit, dataset, one.suspect, options.include
            )
            | {"lease": {"lease_id": one.lease_id, **lease}}
            for one in leased
        ],
        "next_cursor": None,
    }


def _lease(
    session: Session,
    audit: Audit,
    dataset: Dataset,
    options: QueueNext,
    among: Sequence[str] | None,
    caller: Annotator,
    seconds: float,
) -> list[review.SuspectLease]:
    given, predicted = presenters.label_pair(dataset, options)
    filtered = bool(FILTERS & options.model_fields_set)
    adjudicating = options.purpose == "adjudicate"
    all_tiers = (adjudicating and not filtered) or (
        options.issue is not None and "tier" not in options.model_fields_set
    )
    wanted = review.SuspectFilter(
        tier=list(Tier) if all_tiers else options.tier,
        given_label=given,
        predicted_label=predicted,
        state=ReviewState.disputed if adjudicating else ReviewState(options.state),
        issue=options.issue,
        p_wrong_from=options.p_wrong_from,
        p_wrong_to=options.p_wrong_to,
        among=among,
    )
    if adjudicating:
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
        assigned="ignore" if filtered else options.assigned,
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
    """Extend the lease of a sample."""
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
    """Return a sample to the queue without a verdict."""
    review.release_lease(session, audit_id, held.sample_id, lease_id=held.lease_id)


@router.post("/corrections", status_code=201, response_model=CorrectionBatch)
def submit_corrections(
    session: WriteSession,
    response: Response,
    caller: Annotator,
    audit_id: str,
    submitted: CorrectionsCreate,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """Record one or more verdicts: all are stored, or none.

    A request repeated with the same `Idempotency-Key` returns the first answer and stores nothing
    new. A sample that is already decided is refused with 409, unless the new correction names the
    one that it `supersedes`.
    """
    fingerprint = idempotency.fingerprint_of(audit_id, submitted.model_dump_json())
    with idempotency.once(session, caller, idempotency_key, fingerprint) as answer:
        if answer.body is None:
            answer.body = _record(session, audit_id, submitted, caller)
    response.headers["Location"] = (
        f"/v1/audits/{audit_id}/corrections?batch_id={answer.body['batch_id']}"
    )
    return answer.body


def _record(
    session: Session, audit_id: str, submitted: CorrectionsCreate, caller: Annotator
) -> dict[str, Any]:
    audit, dataset = audits.completed_with_dataset(session, audit_id)
    corrections = [
        review.NewCorrection(
            sample_id=new.sample_id,
            verdict=new.verdict,
            corrected_label=presenters.class_index(
                dataset,
                new.corrected_label,
                place={"pointer": f"/corrections/{index}/corrected_label"},
            ),
            lease_id=new.lease_id,
            supersedes=new.supersedes,
            note=new.note,
        )
        for index, new in enumerate(submitted.corrections)
    ]
    rows = review.submit(session, audit.id, corrections, principal=caller)
    answer = CorrectionBatch(
        items=[
            CorrectionRead.model_validate(presenters.correction(row, dataset.class_names))
            for row in rows
        ],
        next_cursor=None,
        batch_id=str(rows[0].batch_id),
        dataset_version=rows[-1].seq,
    )
    return answer.model_dump(mode="json")


@router.get("/corrections", response_model=Page[CorrectionRead])
def list_corrections(
    session: ReadSession,
    caller: Reader,
    audit_id: str,
    batch_id: Annotated[str | None, Query(description="Only those of one request.")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> dict[str, Any]:
    """List every correction of the audit, including reverts, oldest first. Nobody sees others'
    opinions on samples that still need one."""
    audit = audits.get_audit(session, audit_id)
    names = audits.dataset_of(session, audit).class_names
    after = int(cursors.decode(cursor, int)[0]) if cursor else 0
    found = review.list_corrections(
        session, audit_id, after=after, limit=limit + 1, reader=caller.key_id, batch_id=batch_id
    )
    made = page(found, limit, lambda row: (row.seq,))
    return {**made, "items": [presenters.correction(row, names) for row in made["items"]]}


@router.get("/corrections/{correction_id}", response_model=CorrectionRead)
def read_correction(
    session: ReadSession, caller: Reader, audit_id: str, correction_id: str
) -> dict[str, Any]:
    """One correction or revert, under the same rule."""
    audit = audits.get_audit(session, audit_id)
    row = review.get_correction(session, audit, correction_id, reader=caller.key_id)
    return presenters.correction(row, audits.dataset_of(session, audit).class_names)


@router.get("/own-decisions", response_model=Page[OwnDecision])
def list_own_decisions(
    session: ReadSession,
    storage: StorageDep,
    caller: Reader,
    audit_id: str,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=100, description="The most items to return.")] = 20,
) -> dict[str, Any]:
    """List your own decisions in this audit with their samples, newest first. To change one, send
    another with its id in `supersedes`; to undo one, revert it."""
    audit = audits.get_audit(session, audit_id)
    dataset = audits.dataset_of(session, audit)
    before = int(cursors.decode(cursor, int)[0]) if cursor else None
    found = own_decisions.list_own_decisions(
        session, audit, principal=caller, before=before, limit=limit + 1
    )
    made = page(found, limit, lambda one: (one.correction.seq,))
    shown = [_with_sample(storage, dataset, one) for one in made["items"]]
    return {**made, "items": shown}


def _with_sample(
    storage: Storage, dataset: Dataset, found: own_decisions.OwnDecision
) -> dict[str, Any]:
    row = found.correction
    stored = datasets.read_row(storage, dataset.id, row.position)
    return {
        **presenters.correction(row, dataset.class_names),
        "standing": found.standing,
        "content": datasets.content_of(dataset, stored),
        "media_url": media_url(dataset, row.sample_id),
    }

"""/v1/audits/{id}: review settings, assignments, the team and reverts."""

from typing import Any

from fastapi import Response

from labelaudit.schemas import (
    AssignmentCreate,
    AssignmentRead,
    Page,
    PersonWithRole,
    RevertCreate,
    RevertRead,
    ReviewSettings,
    ReviewSettingsRead,
    TeamMember,
)
from service import review
from service.api import idempotency, presenters
from service.api.dependencies import (
    Annotator,
    Auditor,
    IdempotencyKey,
    Reader,
    ReadSession,
    WriteSession,
)
from service.api.document import documented
from service.api.pages import Cursor, Limit, slice_of
from service.api.routing import TransactionRouter
from service.audits import records as audits
from service.db.tables import Assignment, Audit, Dataset
from service.review import assignments, team

router = TransactionRouter(
    prefix="/v1/audits/{audit_id}", tags=["people"], responses=documented(409)
)


@router.put("/review-settings", response_model=ReviewSettingsRead)
def set_review_settings(
    session: WriteSession, caller: Auditor, audit_id: str, wanted: ReviewSettings
) -> Any:
    """Set how many opinions each sample requires and who adjudicates when they differ. Applies to
    samples that nobody has reviewed yet; others keep their number of opinions."""
    audit = assignments.update_review_settings(
        session, audit_id, opinions=wanted.opinions, adjudicators=wanted.adjudicators
    )
    return _settings(session, audit)


@router.get("/review-settings", response_model=ReviewSettingsRead)
def read_review_settings(session: ReadSession, caller: Reader, audit_id: str) -> Any:
    """How many opinions each sample requires, and who adjudicates besides uploaders and admins."""
    return _settings(session, audits.get_audit(session, audit_id))


@router.get("/people", response_model=Page[PersonWithRole])
def list_people(
    session: ReadSession, caller: Auditor, audit_id: str, cursor: Cursor = None, limit: Limit = 200
) -> Any:
    """List who can review, by name: the people to name in assignments and as adjudicators."""
    return slice_of(team.reviewers(session, audit_id), cursor, limit)


@router.get("/team", response_model=Page[TeamMember])
def list_team(
    session: ReadSession, caller: Reader, audit_id: str, cursor: Cursor = None, limit: Limit = 200
) -> dict[str, Any]:
    """How much each person reviewed, how fast, and how far they agree with the others. Annotators
    see only their own line."""
    members = team.list_members(session, audit_id)
    visible = [member for member in members if caller.leads or member.id == caller.key_id]
    return slice_of(visible, cursor, limit)


@router.post("/reverts", status_code=201, response_model=RevertRead)
def create_revert(
    session: WriteSession,
    response: Response,
    caller: Annotator,
    audit_id: str,
    wanted: RevertCreate,
    idempotency_key: IdempotencyKey = None,
) -> Any:
    """Revert a correction, everything that one request stored, or a person's verdicts: your own,
    or anybody's if you lead. The log keeps both, and samples return to their previous state.

    A revert is a batch, which can itself be reverted. 409
    `nothing-to-revert` if nothing of it is in force any more. A request repeated with the same
    `Idempotency-Key` returns the same revert.
    """

    def create() -> str:
        return review.create_revert(
            session,
            audit_id,
            correction_id=wanted.correction_id,
            batch_id=wanted.batch_id,
            person_id=wanted.person_id,
            since=wanted.since,
            principal=caller,
        ).id

    request = idempotency.fingerprint_of("revert", audit_id, wanted.model_dump_json())
    revert_id = idempotency.create_once(session, caller, idempotency_key, request, create)
    response.headers["Location"] = f"/v1/audits/{audit_id}/reverts/{revert_id}"
    return review.get_revert(session, audit_id, revert_id, by=caller.key_id)


@router.get("/reverts", response_model=Page[RevertRead])
def list_reverts(
    session: ReadSession, caller: Reader, audit_id: str, cursor: Cursor = None, limit: Limit = 100
) -> Any:
    """List the reverts of the audit, newest first. Annotators see their own."""
    found = review.list_reverts(session, audit_id, by=None if caller.leads else caller.key_id)
    return slice_of(found, cursor, limit)


@router.get("/reverts/{revert_id}", response_model=RevertRead)
def read_revert(session: ReadSession, caller: Reader, audit_id: str, revert_id: str) -> Any:
    """One revert."""
    by = None if caller.leads else caller.key_id
    return review.get_revert(session, audit_id, revert_id, by=by)


@router.get("/assignments", response_model=Page[AssignmentRead])
def list_assignments(
    session: ReadSession, caller: Reader, audit_id: str, cursor: Cursor = None, limit: Limit = 200
) -> Any:
    """List the open assignments, oldest first."""
    dataset = _dataset(session, audit_id)
    found = assignments.list_assignments(session, audit_id)
    return slice_of([_assignment(assignment, dataset) for assignment in found], cursor, limit)


@router.post("/assignments", status_code=201, response_model=AssignmentRead)
def create_assignment(
    session: WriteSession,
    response: Response,
    caller: Auditor,
    audit_id: str,
    wanted: AssignmentCreate,
) -> Any:
    """Assign a part of the queue to people, who are served it first."""
    dataset = _dataset(session, audit_id)
    given, predicted = presenters.label_pair(dataset, wanted)
    assignment = assignments.create_assignment(
        session,
        audit_id,
        name=wanted.name,
        wanted=review.SuspectFilter(wanted.tier, given, predicted),
        people=wanted.people,
        split=wanted.split,
        reserved=wanted.reserved,
        principal=caller,
    )
    response.headers["Location"] = f"/v1/audits/{audit_id}/assignments/{assignment.id}"
    return _assignment(assignment, dataset)


@router.get("/assignments/{assignment_id}", response_model=AssignmentRead)
def read_assignment(session: ReadSession, caller: Reader, audit_id: str, assignment_id: str) -> Any:
    """One open assignment."""
    found = assignments.get_assignment(session, audit_id, assignment_id)
    return _assignment(found, _dataset(session, audit_id))


@router.delete("/assignments/{assignment_id}", status_code=204)
def close_assignment(
    session: WriteSession, caller: Auditor, audit_id: str, assignment_id: str
) -> None:
    """Close an assignment. Corrections made under it are kept."""
    assignments.close_assignment(session, audit_id, assignment_id)


def _dataset(session: ReadSession, audit_id: str) -> Dataset:
    return audits.dataset_of(session, audits.get_audit(session, audit_id))


def _settings(session: ReadSession, audit: Audit) -> dict[str, Any]:
    names = team.names_of(session, audit.adjudicators)
    adjudicators = [{"id": id, "name": names.get(id, id)} for id in audit.adjudicators]
    return {"opinions": audit.opinions, "adjudicators": adjudicators}


def _assignment(assignment: Assignment, dataset: Dataset) -> dict[str, Any]:
    given, predicted = assignment.given_label, assignment.predicted_label
    return {
        **assignment.to_dict(),
        "tier": assignment.tiers,
        "given_label": None if given is None else dataset.class_names[given],
        "predicted_label": None if predicted is None else dataset.class_names[predicted],
    }

"""/v1/audits/{id}: review settings, assignments, the team, reverts and sample histories."""

from typing import Annotated, Any

from fastapi import Body

from labelaudit.schemas import (
    AssignmentCreate,
    AssignmentRead,
    CommentCreate,
    CommentRead,
    Person,
    RevertedRead,
    RevertWork,
    ReviewSettings,
    ReviewSettingsRead,
    SampleHistory,
    Team,
    Words,
)
from service import review
from service.api import presenters
from service.api.dependencies import (
    Annotator,
    Auditor,
    Reader,
    ReadSession,
    WriteSession,
)
from service.api.problems import documented
from service.api.routing import TransactionRouter
from service.audits import records as audits
from service.db.tables import Assignment, Comment, Dataset
from service.review import assignments, sample_history, team

router = TransactionRouter(
    prefix="/v1/audits/{audit_id}", tags=["people"], responses=documented(409)
)


@router.put("/review-settings", response_model=ReviewSettingsRead)
def set_review_settings(
    session: WriteSession, caller: Auditor, audit_id: str, wanted: ReviewSettings
) -> Any:
    """Set how many opinions each sample wants and who adjudicates when they differ. Applies to
    samples that nobody has reviewed yet; others keep their number of opinions."""
    return assignments.update_review_settings(
        session, audit_id, opinions=wanted.opinions, adjudicators=wanted.adjudicators
    )


@router.get("/review-settings", response_model=ReviewSettingsRead)
def read_review_settings(session: ReadSession, caller: Reader, audit_id: str) -> Any:
    """How many opinions each sample wants, and who adjudicates besides those who lead."""
    return audits.get_audit(session, audit_id)


@router.get("/people", response_model=list[Person])
def list_people(session: ReadSession, caller: Auditor, audit_id: str) -> Any:
    """List who can review: the people to name in assignments and as adjudicators."""
    return team.reviewers(session, audit_id)


@router.get("/team", response_model=Team)
def read_team(session: ReadSession, caller: Reader, audit_id: str) -> dict[str, Any]:
    """How much each person reviewed, how fast, and how far they agree with the others. Annotators
    see only their own line."""
    members = team.list_members(session, audit_id)
    visible = [member for member in members if caller.leads or member.id == caller.key_id]
    return {"members": visible}


@router.post("/team/{key_id}/revert", response_model=RevertedRead)
def revert_work(
    session: WriteSession,
    caller: Annotator,
    audit_id: str,
    key_id: str,
    options: Annotated[RevertWork | None, Body()] = None,
) -> Any:
    """Revert all of a person's verdicts in this audit, or those since a given time: your own, or
    anybody's if you lead. The revert is a batch, which can itself be reverted."""
    since = options.since if options else None
    return review.revert_work(session, audit_id, key_id, since=since, principal=caller)


@router.post("/batches/{batch_id}/revert", response_model=RevertedRead)
def revert_batch(session: WriteSession, caller: Annotator, audit_id: str, batch_id: str) -> Any:
    """Revert the corrections, or reverts, of one request that are still in force."""
    return review.revert_batch(session, audit_id, batch_id, principal=caller)


@router.get("/assignments", response_model=list[AssignmentRead])
def list_assignments(session: ReadSession, caller: Reader, audit_id: str) -> Any:
    """List the open assignments, oldest first."""
    dataset = _dataset(session, audit_id)
    found = assignments.list_assignments(session, audit_id)
    return [_assignment(assignment, dataset) for assignment in found]


@router.post("/assignments", status_code=201, response_model=AssignmentRead)
def create_assignment(
    session: WriteSession, caller: Auditor, audit_id: str, wanted: AssignmentCreate
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
    return _assignment(assignment, dataset)


@router.delete("/assignments/{assignment_id}", status_code=204)
def close_assignment(
    session: WriteSession, caller: Auditor, audit_id: str, assignment_id: str
) -> None:
    """Close an assignment. Corrections made under it are kept."""
    assignments.close_assignment(session, audit_id, assignment_id)


@router.get("/history", response_model=SampleHistory)
def read_sample_history(
    session: ReadSession, caller: Reader, audit_id: str, sample_id: Words
) -> dict[str, Any]:
    """The full history of one sample: its given label, its rank in each audit of the dataset, every
    correction and revert with its author and time, and the comments."""
    found = sample_history.read_history(session, audit_id, sample_id, principal=caller)
    names = _dataset(session, audit_id).class_names
    given, applied = found.sample.given_label, found.outcome.correction
    corrected = applied.corrected_label if applied else None
    return {
        "sample_id": sample_id,
        "given_label": None if given is None else names[given],
        "state": found.outcome.state,
        "wanted": found.wanted,
        "verdict": applied.verdict if applied else None,
        "corrected_label": None if corrected is None else names[corrected],
        "ranks": [
            presenters.suspect_row(suspect, names)
            | {"audit_id": audit.id, "created_at": audit.created_at}
            for audit, suspect in found.ranks
        ],
        "corrections": [presenters.correction(row, names) for row in found.corrections],
        "comments": [_comment(comment) for comment in found.comments],
        "hidden": found.hidden,
    }


@router.post("/comments", status_code=201, response_model=CommentRead)
def add_comment(
    session: WriteSession, caller: Annotator, audit_id: str, wanted: CommentCreate
) -> Any:
    """Add a comment to a sample; it appears in the sample's history."""
    return _comment(
        sample_history.add_comment(
            session, audit_id, wanted.sample_id, wanted.text, principal=caller
        )
    )


def _dataset(session: ReadSession, audit_id: str) -> Dataset:
    return audits.dataset_of(session, audits.get_audit(session, audit_id))


def _comment(comment: Comment) -> dict[str, Any]:
    return {**comment.to_dict(), "author_id": comment.key_id}


def _assignment(assignment: Assignment, dataset: Dataset) -> dict[str, Any]:
    given, predicted = assignment.given_label, assignment.predicted_label
    return {
        **assignment.to_dict(),
        "tier": assignment.tiers,
        "given_label": None if given is None else dataset.class_names[given],
        "predicted_label": None if predicted is None else dataset.class_names[predicted],
    }

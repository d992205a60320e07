"""/v1/audits/{id}: who reviews what, what they did, undoing it, and the story of a sample."""

from typing import Annotated, Any

from fastapi import Body

from labelaudit.schemas import (
    AssignmentCreate,
    AssignmentRead,
    CommentCreate,
    CommentRead,
    Person,
    RevertWork,
    ReviewSettings,
    ReviewSettingsRead,
    Story,
    Team,
    UndoneRead,
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
def set_review(
    session: WriteSession, caller: Auditor, audit_id: str, wanted: ReviewSettings
) -> Any:
    """How many people judge each sample, and who decides where they differ. Applies to samples that
    nobody has begun; what was begun or decided keeps the number it was begun with."""
    return assignments.set_review(
        session, audit_id, opinions=wanted.opinions, adjudicators=wanted.adjudicators
    )


@router.get("/review-settings", response_model=ReviewSettingsRead)
def read_review(session: ReadSession, caller: Reader, audit_id: str) -> Any:
    """How many people judge each sample, and who adjudicates besides those who lead."""
    return audits.get_audit(session, audit_id)


@router.get("/people", response_model=list[Person])
def list_people(session: ReadSession, caller: Auditor, audit_id: str) -> Any:
    """Who can review: to be named in assignments and as adjudicators."""
    audits.get_audit(session, audit_id)
    return team.reviewers(session)


@router.get("/team", response_model=Team)
def read_team(session: ReadSession, caller: Reader, audit_id: str) -> dict[str, Any]:
    """What each person decided, how fast, and how far they agree with the others. Annotators see
    their own line."""
    members = team.members_of(session, audit_id)
    shown = [member for member in members if caller.leads or member.id == caller.key_id]
    return {"members": shown}


@router.post("/team/{key_id}/revert", response_model=UndoneRead)
def revert_work(
    session: WriteSession,
    caller: Annotator,
    audit_id: str,
    key_id: str,
    options: Annotated[RevertWork | None, Body()] = None,
) -> Any:
    """Undo all that a person decided in this audit, or since a moment: one's own, or anybody's for
    those who lead. The undoing is a batch, which can be undone in its turn."""
    since = options.since if options else None
    return review.revert_work(session, audit_id, key_id, since=since, principal=caller)


@router.post("/batches/{batch_id}/revert", response_model=UndoneRead)
def revert_batch(session: WriteSession, caller: Annotator, audit_id: str, batch_id: str) -> Any:
    """Undo what still stands of one request's corrections, or of an undoing."""
    return review.revert_batch(session, audit_id, batch_id, principal=caller)


@router.get("/assignments", response_model=list[AssignmentRead])
def list_assignments(session: ReadSession, caller: Reader, audit_id: str) -> Any:
    """Those in force, oldest first."""
    dataset = _dataset(session, audit_id)
    found = assignments.list_assignments(session, audit_id)
    return [_assignment(assignment, dataset) for assignment in found]


@router.post("/assignments", status_code=201, response_model=AssignmentRead)
def create_assignment(
    session: WriteSession, caller: Auditor, audit_id: str, wanted: AssignmentCreate
) -> Any:
    """Give a part of the queue to people: they are served it first."""
    dataset = _dataset(session, audit_id)
    given, predicted = (
        presenters.class_index(dataset, getattr(wanted, name), field=name)
        for name in ("given_label", "predicted_label")
    )
    assignment = assignments.assign(
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
    """Take an assignment back; what was decided under it stays."""
    assignments.close(session, audit_id, assignment_id)


@router.get("/history", response_model=Story)
def read_story(
    session: ReadSession, caller: Reader, audit_id: str, sample_id: Words
) -> dict[str, Any]:
    """Everything about one sample: its label as given, where each audit of the dataset ranks it,
    every decision and undoing with who and when, and the comments."""
    found = sample_history.story_of(session, audit_id, sample_id, principal=caller)
    names = _dataset(session, audit_id).class_names
    given, decision = found.sample.given_label, found.now.decision
    corrected = decision.corrected_label if decision else None
    return {
        "sample_id": sample_id,
        "given_label": None if given is None else names[given],
        "state": found.now.state,
        "wanted": found.wanted,
        "verdict": decision.verdict if decision else None,
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
    """Say something about a sample; it stands in the sample's story."""
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

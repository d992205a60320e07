"""The roles of an upload's columns, and reading the upload again with other roles."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from labelaudit.enums import UNFINISHED, JobStatus, JobType
from service.core.errors import Conflict, NotReady
from service.datasets.records import REREAD_PERIOD, can_retry_with_columns, get_dataset
from service.db.tables import (
    Audit,
    Dataset,
    Job,
    now,
)
from service.jobs import records as jobs

ROLES = ("label", "sample_id", "text", "file", "embedding", "pred_probs")


def describe(dataset: Dataset) -> list[dict[str, Any]]:
    """The file's columns in order, with examples and roles.

    The role is null if the file was rejected before roles were assigned.
    """
    return [
        {**column, "role": _role(dataset.columns, column["name"])}
        for column in dataset.seen_columns or []
    ]


def _role(columns: dict[str, Any] | None, name: str) -> str | None:
    if columns is None:
        return None
    if name in columns["features"]:
        return "feature"
    if name in columns.get("votes", ()):
        return "votes"
    return next((role for role in ROLES if columns[role] == name), "ignored")


def reread(session: Session, dataset_id: str, *, columns: dict[str, Any]) -> Dataset:
    """Read the stored upload again with these roles; all others are detected again.

    Raises
    ------
    NotReady, Conflict
        It is being read; it has been audited, or its file no longer exists.
    """
    dataset = get_dataset(session, dataset_id, lock=True)
    if dataset.status in UNFINISHED:
        raise NotReady("The dataset is still being read. Wait until it is `completed` or `failed`.")
    if dataset.status is JobStatus.failed:
        _require_bytes(dataset)
    if session.scalar(select(Audit.id).where(Audit.dataset_id == dataset_id).limit(1)):
        raise Conflict(
            "The dataset has already been audited. Upload the file again to use other columns.",
            type="already-audited",
        )
    dataset.status = JobStatus.queued
    dataset.requested_columns = columns or None
    dataset.columns = dataset.problem = None
    number = _next_number(session, dataset_id)
    jobs.enqueue(session, subject_id=dataset_id, type=JobType.ingest, numbers=[number])
    return dataset


def _require_bytes(dataset: Dataset) -> None:
    if not can_retry_with_columns(dataset.problem):
        reason = (
            "The file was rejected for a reason other than its columns. Upload a corrected file."
        )
    elif dataset.created_at < now() - REREAD_PERIOD:
        reason = (
            "The file was rejected more than a day ago and is no longer stored. Upload it again."
        )
    else:
        return
    raise Conflict(reason, type="upload-gone")


def _next_number(session: Session, dataset_id: str) -> int:
    last = select(func.max(Job.number)).where(
        Job.subject_id == dataset_id, Job.type == JobType.ingest
    )
    return (session.scalar(last) or 0) + 1

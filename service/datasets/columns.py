"""What the columns of an upload are taken for, and reading it again under other roles."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from labelaudit.enums import DatasetStatus, JobType
from service.core.errors import Conflict, NotReady
from service.datasets.records import REREAD_WITHIN, get_dataset, is_mended_by_columns
from service.db.tables import (
    Audit,
    Dataset,
    Job,
    now,
)
from service.jobs import records as jobs

ROLES = ("label", "sample_id", "text", "file", "embedding", "pred_probs")


def described(dataset: Dataset) -> list[dict[str, Any]]:
    """Each column of the file with its examples and the role it was given, in file order.

    The role is null where the file was rejected before roles were decided.
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
    """Read the stored upload again under these roles; what has none is guessed anew.

    Raises
    ------
    NotReady, Conflict
        It is being read; it has been audited, or its bytes are gone.
    """
    dataset = get_dataset(session, dataset_id, lock=True)
    if dataset.status is DatasetStatus.processing:
        raise NotReady("The dataset is still being read; wait until it is `ready` or `rejected`.")
    if dataset.status is DatasetStatus.rejected:
        _require_bytes(dataset)
    if session.scalar(select(Audit.id).where(Audit.dataset_id == dataset_id).limit(1)):
        raise Conflict(
            "The dataset has been audited as it is. Upload the file again to read it otherwise.",
            type="already-audited",
        )
    dataset.status = DatasetStatus.processing
    dataset.requested_columns = columns or None
    dataset.columns = dataset.problem = None
    number = _next_number(session, dataset_id)
    jobs.enqueue(session, subject_id=dataset_id, type=JobType.ingest, numbers=[number])
    return dataset


def _require_bytes(dataset: Dataset) -> None:
    if not is_mended_by_columns(dataset.problem):
        reason = "The file itself was refused, whatever its columns are. Upload a mended one."
    elif dataset.created_at < now() - REREAD_WITHIN:
        reason = "The file was refused more than a day ago and is no longer kept. Upload it again."
    else:
        return
    raise Conflict(reason, type="upload-gone")


def _next_number(session: Session, dataset_id: str) -> int:
    last = select(func.max(Job.number)).where(
        Job.subject_id == dataset_id, Job.type == JobType.ingest
    )
    return (session.scalar(last) or 0) + 1

"""Exports: request, complete or fail one."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelaudit.enums import JobStatus, JobType
from service.accounts import access_log
from service.core.errors import BadInput, NotReady
from service.core.principal import Principal
from service.datasets.records import get_ready_dataset
from service.db.listing import Order, RowFilter
from service.db.lookup import get_row
from service.db.tables import Export, new_id, now
from service.exports.formats import label_studio
from service.jobs import limits
from service.jobs import records as jobs
from service.webhooks.outbox import announce_end


def file_key(export_id: str) -> str:
    return f"exports/{export_id}/file"


def start_export(
    session: Session,
    dataset_id: str,
    *,
    format: str,
    dataset_version: int | None,
    principal: Principal,
    at_most: int = 0,
) -> Export:
    """Request the dataset with its corrections applied, by default in its newest version. Raises
    TooManyRequests if the organisation has `at_most` unfinished exports; 0: no limit."""
    dataset = get_ready_dataset(session, dataset_id)
    if format == "label-studio":
        label_studio.check_kind(str(dataset.kind))
    version = dataset.version if dataset_version is None else dataset_version
    if not 0 <= version <= dataset.version:
        raise BadInput(f"The dataset has versions 0 to {dataset.version}, not {version}.")
    limits.require_room(session, JobType.export, Export, dataset.tenant_id, at_most)
    export = Export(
        id=new_id("ex"),
        tenant_id=dataset.tenant_id,
        dataset_id=dataset_id,
        dataset_version=version,
        format=format,
        status=JobStatus.queued,
        created_by=principal,
    )
    session.add(export)
    jobs.enqueue(session, subject_id=export.id, type=JobType.export)
    session.flush()
    access_log.record(
        session, "export.create", export.id, dataset_id=dataset_id, version=version, format=format
    )
    return export


def begin(session: Session, export_id: str) -> None:
    """A worker has begun to write the file."""
    get_export(session, export_id).status = JobStatus.running


def list_exports(
    session: Session, wanted: RowFilter, order: Order, limit: int, *, dataset_id: str | None
) -> list[Export]:
    query = wanted.apply(select(Export), Export)
    if dataset_id is not None:
        query = query.where(Export.dataset_id == dataset_id)
    return order.first(session, query, Export, limit)


def get_export(session: Session, export_id: str) -> Export:
    return get_row(session, Export, export_id, "export")


def get_completed_export(session: Session, export_id: str) -> Export:
    export = get_export(session, export_id)
    if export.status is not JobStatus.completed:
        raise NotReady(f"The export is {export.status}; it can be downloaded once `completed`.")
    return export


def complete_export(
    session: Session,
    export_id: str,
    *,
    filename: str,
    bytes: int,
    sha256: str,
    counts: dict[str, int],
) -> None:
    export = get_export(session, export_id)
    export.status = JobStatus.completed
    export.filename, export.bytes, export.sha256 = filename, bytes, sha256
    export.counts = counts
    export.finished_at = now()
    announce_end(session, export)


def fail_export(session: Session, export_id: str, problem: dict[str, Any]) -> None:
    export = get_export(session, export_id)
    export.status = JobStatus.failed
    export.problem = problem
    export.finished_at = now()
    announce_end(session, export)

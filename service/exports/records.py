"""Exports: request, complete or fail one."""

from typing import Any

from sqlalchemy.orm import Session

from labelaudit.enums import JobStatus, JobType
from service.accounts import access_log
from service.core.errors import BadInput, NotReady
from service.core.principal import Principal
from service.datasets.records import get_ready_dataset
from service.db.lookup import get_row
from service.db.tables import Export, new_id, now
from service.jobs import records as jobs


def file_key(export_id: str) -> str:
    return f"exports/{export_id}/file"


def start_export(
    session: Session,
    dataset_id: str,
    *,
    format: str,
    dataset_version: int | None,
    principal: Principal,
) -> Export:
    """Request the dataset with its corrections applied, by default in its newest version."""
    dataset = get_ready_dataset(session, dataset_id)
    version = dataset.version if dataset_version is None else dataset_version
    if not 0 <= version <= dataset.version:
        raise BadInput(f"The dataset has versions 0 to {dataset.version}, not {version}.")
    export = Export(
        id=new_id("ex"),
        tenant_id=dataset.tenant_id,
        dataset_id=dataset_id,
        dataset_version=version,
        format=format,
        status=JobStatus.queued,
        created_by=principal.name,
    )
    session.add(export)
    jobs.enqueue(session, subject_id=export.id, type=JobType.export)
    session.flush()
    access_log.record(
        session, "export.create", export.id, dataset_id=dataset_id, version=version, format=format
    )
    return export


def get_export(session: Session, export_id: str) -> Export:
    return get_row(session, Export, export_id, "export")


def get_completed_export(session: Session, export_id: str) -> Export:
    export = get_export(session, export_id)
    if export.status is not JobStatus.completed:
        raise NotReady(f"The export is {export.status}; it can be downloaded once `completed`.")
    return export


def complete_export(
    session: Session, export_id: str, *, filename: str, bytes: int, sha256: str
) -> None:
    export = get_export(session, export_id)
    export.status = JobStatus.completed
    export.filename, export.bytes, export.sha256 = filename, bytes, sha256
    export.finished_at = now()


def fail_export(session: Session, export_id: str, problem: dict[str, Any]) -> None:
    export = get_export(session, export_id)
    export.status = JobStatus.failed
    export.problem = problem
    export.finished_at = now()

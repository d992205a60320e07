"""Deletes a dataset: its rows in one transaction, its files after the commit."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import String, cast, delete, or_, select
from sqlalchemy.orm import Session

from service.accounts import access_log, api_keys
from service.core.principal import Principal
from service.datasets import encodings, thumbnails
from service.datasets.records import folder, get_dataset
from service.db.engine import Database
from service.db.tables import (
    ApiKey,
    Audit,
    Export,
    Idempotency,
    Upload,
)
from service.jobs import records as jobs
from service.storage import anchors
from service.storage.local import Storage


@dataclass(frozen=True)
class Deleted:
    """What is left to delete once the rows are gone: the dataset's own files, and the encodings
    that its audits named, which others may share."""

    keys: Sequence[str]
    encodings: Sequence[str]


def delete_dataset(session: Session, dataset_id: str, *, by: Principal | None = None) -> Deleted:
    """Remove the dataset and all that names it; only the access log keeps a line, which names the
    session's caller or `by`. Pass the answer to `delete_files` after the commit."""
    dataset = get_dataset(session, dataset_id)
    audits = session.scalars(select(Audit.id).where(Audit.dataset_id == dataset_id)).all()
    exports = session.scalars(select(Export.id).where(Export.dataset_id == dataset_id)).all()
    uploads = session.scalars(select(Upload.id).where(Upload.dataset_id == dataset_id)).all()
    shared = encodings.of_dataset(session, dataset_id)
    subjects = (dataset_id, *audits, *exports)
    for subject_id in subjects:  # before the dataset: row-level security then hides them
        jobs.delete_jobs(session, subject_id)
    access_log.record(
        session,
        "dataset.delete",
        dataset_id,
        by=by,
        tenant_id=dataset.tenant_id,
        name=dataset.name,
        sha256=dataset.sha256,
        version=dataset.version,
        samples=dataset.sample_count,
    )
    session.execute(delete(Upload).where(Upload.id.in_(uploads)))
    forget_answers(session, subjects)
    for key in session.scalars(select(ApiKey).where(ApiKey.dataset_id == dataset_id)):
        api_keys.end_key(session, key)
        session.delete(key)
    session.delete(dataset)
    return Deleted(
        keys=[
            folder(dataset_id),
            thumbnails.folder(dataset_id),
            *(f"audits/{audit_id}" for audit_id in audits),
            *(f"exports/{export_id}" for export_id in exports),
            *(f"incoming/{upload_id}" for upload_id in uploads),
            anchors.folder(dataset_id),
        ],
        encodings=shared,
    )


def forget_answers(session: Session, subjects: Sequence[str]) -> None:
    """Delete the answers kept for repeated requests that name what is gone."""
    answer = cast(Idempotency.body, String)
    naming = or_(*(answer.contains(name, autoescape=True) for name in subjects))
    session.execute(delete(Idempotency).where(naming))


def delete_files(database: Database, storage: Storage, deleted: Deleted) -> None:
    for key in deleted.keys:
        storage.delete(key)
    encodings.delete_unnamed(database, storage, deleted.encodings)

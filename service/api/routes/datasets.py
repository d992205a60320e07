"""/v1/datasets"""

from typing import Annotated, Any

from fastapi import BackgroundTasks, Body, Response

from labelaudit.schemas import (
    AnnotatorPage,
    AuditRead,
    ColumnPage,
    ColumnRoles,
    DatasetRead,
    DatasetUpdate,
    ExportCreate,
    ExportRead,
    Page,
)
from service.api import idempotency, presenters, summaries
from service.api.dependencies import (
    Auditor,
    Exporter,
    IdempotencyKey,
    Reader,
    ReadSession,
    ResourcesDep,
    SettingsDep,
    StorageDep,
    Uploader,
    WriteSession,
)
from service.api.document import documented
from service.api.pages import Cursor, Limit, NamedListing, slice_of
from service.api.responses import accepted
from service.api.routing import TransactionRouter
from service.audits import records as audits
from service.datasets import columns, deletion, votes
from service.datasets import records as datasets
from service.db.tables import Dataset
from service.exports import records as exports
from service.options.audit import AuditCreate

router = TransactionRouter(prefix="/v1/datasets", tags=["datasets"], responses=documented())


@router.get("", response_model=Page[DatasetRead])
def list_datasets(session: ReadSession, caller: Reader, listing: NamedListing) -> Any:
    """List datasets, newest first."""
    found = datasets.list_datasets(session, listing.wanted, listing.order, listing.fetched)
    return listing.page(found)


@router.get("/{dataset_id}", response_model=DatasetRead)
def read_dataset(session: ReadSession, caller: Reader, dataset_id: str) -> Dataset:
    """A dataset: its status, column roles, classes and version."""
    return datasets.get_dataset(session, dataset_id)


@router.patch("/{dataset_id}", response_model=DatasetRead)
def update_dataset(
    session: WriteSession, caller: Uploader, dataset_id: str, wanted: DatasetUpdate
) -> Dataset:
    """Change the name, the description or the guidelines for annotators."""
    return datasets.update_dataset(session, dataset_id, wanted.model_dump(exclude_none=True))


@router.get("/{dataset_id}/columns", response_model=ColumnPage)
def list_columns(
    session: ReadSession,
    caller: Reader,
    dataset_id: str,
    cursor: Cursor = None,
    limit: Limit = 500,
) -> dict[str, Any]:
    """List the columns of the file, with examples and the roles they were given."""
    dataset = datasets.get_dataset(session, dataset_id)
    return {"status": dataset.status, **slice_of(columns.describe(dataset), cursor, limit)}


@router.get("/{dataset_id}/annotators", response_model=AnnotatorPage, responses=documented(409))
def list_annotators(
    session: ReadSession,
    storage: StorageDep,
    caller: Reader,
    dataset_id: str,
    cursor: Cursor = None,
    limit: Limit = 200,
) -> dict[str, Any]:
    """The annotators whose votes came with the dataset: their quality and agreement.

    404 if it has no votes. An audit's summary has estimates improved by its models, under `votes`.
    """
    found = summaries.vote_summary(votes.read_annotators(session, storage, dataset_id))
    return {**found, **slice_of(found.pop("annotators"), cursor, limit)}


@router.post("/{dataset_id}/columns", status_code=202, response_model=DatasetRead,
             responses=documented(409))  # fmt: skip
def reread_columns(
    session: WriteSession,
    response: Response,
    caller: Uploader,
    dataset_id: str,
    roles: Annotated[ColumnRoles | None, Body()] = None,
) -> Dataset:
    """Read the stored file again with other column roles, without uploading it again.

    Possible until the first audit, and if the file could not be read because of its columns. The
    dataset is `queued` again.
    """
    chosen = (roles or ColumnRoles()).model_dump(exclude_defaults=True)
    dataset = columns.reread(session, dataset_id, columns=chosen)
    accepted(response, f"/v1/datasets/{dataset.id}")
    return dataset


@router.delete("/{dataset_id}", status_code=204)
def delete_dataset(
    session: WriteSession,
    background: BackgroundTasks,
    resources: ResourcesDep,
    caller: Uploader,
    dataset_id: str,
) -> None:
    """Delete the dataset, its audits, corrections and exports. This cannot be undone."""
    deleted = deletion.delete_dataset(session, dataset_id)
    # runs after the commit
    background.add_task(deletion.delete_files, resources.database, resources.storage, deleted)


@router.post("/{dataset_id}/audits", status_code=202, response_model=AuditRead, tags=["audits"],
             responses=documented(409))  # fmt: skip
def start_audit(
    session: WriteSession,
    response: Response,
    caller: Auditor,
    dataset_id: str,
    options: Annotated[AuditCreate | None, Body()] = None,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """Start an audit of a dataset version, by default the newest. A request repeated with the same
    `Idempotency-Key` returns the same audit."""
    options = options or AuditCreate()

    def create() -> str:
        return audits.start_audit(
            session,
            dataset_id,
            config=options.model_dump(mode="json", exclude={"dataset_version"}),
            dataset_version=options.dataset_version,
            principal=caller,
        ).id

    request = idempotency.fingerprint_of("audit", dataset_id, options.model_dump_json())
    audit_id = idempotency.create_once(session, caller, idempotency_key, request, create)
    accepted(response, f"/v1/audits/{audit_id}")
    return presenters.audit(session, audits.get_audit(session, audit_id))


@router.post("/{dataset_id}/exports", status_code=202, response_model=ExportRead, tags=["exports"],
             responses=documented(409, 429))  # fmt: skip
def start_export(
    session: WriteSession,
    response: Response,
    settings: SettingsDep,
    caller: Exporter,
    dataset_id: str,
    options: Annotated[ExportCreate | None, Body()] = None,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """Export the corrected dataset in its original format, as CSV or Parquet, or as a patch of the
    changes. A request repeated with the same `Idempotency-Key` returns the same export."""
    options = options or ExportCreate()

    def create() -> str:
        return exports.start_export(
            session,
            dataset_id,
            format=options.format,
            dataset_version=options.dataset_version,
            principal=caller,
            at_most=settings.open_jobs,
        ).id

    request = idempotency.fingerprint_of("export", dataset_id, options.model_dump_json())
    export_id = idempotency.create_once(session, caller, idempotency_key, request, create)
    accepted(response, f"/v1/exports/{export_id}")
    return presenters.export(exports.get_export(session, export_id))

"""/v1/datasets"""

import asyncio
import sys
from typing import Annotated, Any

from fastapi import BackgroundTasks, Body, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from labelaudit.schemas import (
    AnnotatorList,
    AuditRead,
    ColumnList,
    ColumnRoles,
    DatasetRead,
    ExportCreate,
    ExportRead,
    Page,
)
from service import uploads
from service.api import cursors, idempotency
from service.api.dependencies import (
    Auditor,
    Exporter,
    IdempotencyKey,
    Reader,
    ReadSession,
    ResourcesDep,
    StorageDep,
    Uploader,
    WriteSession,
)
from service.api.problems import documented
from service.api.routing import TransactionRouter
from service.audits import records as audits
from service.datasets import columns, deletion, votes
from service.datasets import records as datasets
from service.db.tables import Dataset, Upload
from service.exports import records as exports
from service.options.audit import AuditCreate
from service.storage.local import Received

router = TransactionRouter(prefix="/v1/datasets", tags=["datasets"], responses=documented())

ANY_FILE = {
    "requestBody": {
        "required": True,
        "description": "The file itself: zip, CSV, TSV, JSON Lines, Parquet or NPZ.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post(
    "",
    status_code=202,
    response_model=DatasetRead,
    responses=documented(413, 415, 429, 507),
    openapi_extra=ANY_FILE,
    max_body_size=sys.maxsize,  # the body is streamed, up to the configured limit
)
async def upload_dataset(
    request: Request,
    response: Response,
    resources: ResourcesDep,
    caller: Uploader,
    name: Annotated[str | None, Query(max_length=200, description="Shown to people.")] = None,
    filename: Annotated[str, Query(max_length=400)] = "upload",
    label_column: Annotated[str | None, Query(max_length=200)] = None,
    sample_id_column: Annotated[str | None, Query(max_length=200)] = None,
    text_column: Annotated[str | None, Query(max_length=200)] = None,
    file_column: Annotated[str | None, Query(max_length=200)] = None,
    feature_column: Annotated[list[str] | None, Query()] = None,
    sha256: Annotated[
        str | None,
        Query(pattern="^[0-9a-f]{64}$", description="The file's SHA-256, to be checked."),
    ] = None,
    idempotency_key: IdempotencyKey = None,
) -> Dataset:
    """Upload a labeled dataset; the request body is the file.

    Column roles are detected, and shown in `columns` once the file is read; override them with the
    parameters. The dataset's `status` is `processing`, then `ready` or `rejected` with a `problem`.
    Nothing is kept of a rejected file.
    """
    roles = {
        "label": label_column,
        "sample_id": sample_id_column,
        "text": text_column,
        "file": file_column,
        "features": feature_column,
    }

    def reserve() -> Upload:
        declared = request.headers.get("content-length")
        with resources.write(caller) as session:
            return uploads.reserve(
                session,
                resources.settings,
                filename=filename,
                name=name,
                columns={role: column for role, column in roles.items() if column} or None,
                length=None if declared is None else int(declared),
                sha256=sha256,
                principal=caller,
            )

    def register(received: Received) -> Dataset:
        fingerprint = idempotency.fingerprint_of("upload", received.sha256, filename, name, roles)
        with (
            resources.write(caller) as session,
            idempotency.once(session, caller, idempotency_key, fingerprint) as answer,
        ):
            if answer.body is not None:
                return datasets.get_dataset(session, answer.body["id"])
            created = uploads.register(
                session, resources.settings, upload, received, principal=caller
            )
            answer.body = {"id": created.id}
        return created

    def discard() -> None:
        with resources.write(caller) as session:
            cancelled = uploads.release(session, upload.id)
        if cancelled:
            resources.storage.delete(datasets.folder(upload.dataset_id))

    upload = await run_in_threadpool(reserve)
    try:
        received = await resources.storage.receive(
            datasets.upload_key(upload.dataset_id),
            request.stream(),
            limit=resources.settings.max_upload_bytes,
        )
        dataset = await run_in_threadpool(register, received)
        if dataset.id != upload.dataset_id:  # the same file, sent again
            await run_in_threadpool(discard)
    except BaseException:
        await asyncio.shield(run_in_threadpool(discard))
        raise
    response.headers["Location"] = f"/v1/datasets/{dataset.id}"
    return dataset


@router.get("", response_model=Page[DatasetRead], responses=documented(400))
def list_datasets(
    session: ReadSession,
    caller: Reader,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """List datasets, newest first."""
    before = str(cursors.decode(cursor, str)[0]) if cursor else None
    found = datasets.list_datasets(session, before=before, limit=limit)
    following = cursors.encode(found[-1].id) if len(found) == limit else None
    return {"items": found, "next_cursor": following}


@router.get("/{dataset_id}", response_model=DatasetRead)
def read_dataset(session: ReadSession, caller: Reader, dataset_id: str) -> Dataset:
    """A dataset: its status, column roles, classes and version."""
    return datasets.get_dataset(session, dataset_id)


@router.get("/{dataset_id}/columns", response_model=ColumnList)
def read_columns(session: ReadSession, caller: Reader, dataset_id: str) -> dict[str, Any]:
    """The columns of the file, with examples and the roles they were given."""
    dataset = datasets.get_dataset(session, dataset_id)
    return {"status": dataset.status, "items": columns.describe(dataset)}


@router.get("/{dataset_id}/annotators", response_model=AnnotatorList, responses=documented(409))
def read_annotators(
    session: ReadSession, storage: StorageDep, caller: Reader, dataset_id: str
) -> dict[str, Any]:
    """The annotators whose votes came with the dataset: their quality and agreement.

    404 if it has no votes. An audit's summary has estimates improved by its models, under `votes`.
    """
    return votes.read_annotators(session, storage, dataset_id)


@router.post("/{dataset_id}/columns", status_code=202, response_model=DatasetRead,
             responses=documented(409))  # fmt: skip
def reread_columns(
    session: WriteSession,
    caller: Uploader,
    dataset_id: str,
    roles: Annotated[ColumnRoles | None, Body()] = None,
) -> Dataset:
    """Read the stored file again with other column roles, without uploading it again.

    Possible until the first audit, and if the file was rejected because of its columns. The
    dataset's `status` is `processing` again, then `ready` or `rejected`.
    """
    chosen = (roles or ColumnRoles()).model_dump(exclude_defaults=True)
    return columns.reread(session, dataset_id, columns=chosen)


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
    audit = audits.get_audit(session, audit_id)
    response.headers["Location"] = f"/v1/audits/{audit.id}"
    return {**audit.to_dict(), **audits.progress_of(session, audit)}


@router.post("/{dataset_id}/exports", status_code=202, response_model=ExportRead, tags=["exports"],
             responses=documented(409))  # fmt: skip
def start_export(
    session: WriteSession,
    response: Response,
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
        ).id

    request = idempotency.fingerprint_of("export", dataset_id, options.model_dump_json())
    export_id = idempotency.create_once(session, caller, idempotency_key, request, create)
    export = exports.get_export(session, export_id)
    response.headers["Location"] = f"/v1/exports/{export.id}"
    return {**export.to_dict(), "download_url": None}

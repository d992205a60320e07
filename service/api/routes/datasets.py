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
    max_body_size=sys.maxsize,  # it is streamed, up to the setting's limit
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
        Query(pattern="^[0-9a-f]{64}$", description="What the file hashes to; checked."),
    ] = None,
    idempotency_key: IdempotencyKey = None,
) -> Dataset:
    """Upload a labeled dataset: the request body is the file, streamed to disk.

    Column roles are guessed, and shown in `columns` once the file is read; name a column here where
    the guess would be wrong. The dataset is `processing` until its `status` is `ready`, or
    `rejected` with the `problem` that says why. A rejected file leaves nothing behind.
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
        told = idempotency.fingerprint_of("upload", received.sha256, filename, name, roles)
        with (
            resources.write(caller) as session,
            idempotency.once(session, caller, idempotency_key, told) as answer,
        ):
            if answer.body is not None:
                return datasets.get_dataset(session, answer.body["id"])
            made = uploads.register(session, resources.settings, upload, received, principal=caller)
            answer.body = {"id": made.id}
        return made

    def forget() -> None:
        with resources.write(caller) as session:
            given_up = uploads.release(session, upload.id)
        if given_up:
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
            await run_in_threadpool(forget)
    except BaseException:
        await asyncio.shield(run_in_threadpool(forget))
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
    """Datasets, newest first."""
    before = str(cursors.decode(cursor, str)[0]) if cursor else None
    found = datasets.list_datasets(session, before=before, limit=limit)
    following = cursors.encode(found[-1].id) if len(found) == limit else None
    return {"items": found, "next_cursor": following}


@router.get("/{dataset_id}", response_model=DatasetRead)
def read_dataset(session: ReadSession, caller: Reader, dataset_id: str) -> Dataset:
    """One dataset: its status, how its columns were understood, its classes and its version."""
    return datasets.get_dataset(session, dataset_id)


@router.get("/{dataset_id}/columns", response_model=ColumnList)
def read_columns(session: ReadSession, caller: Reader, dataset_id: str) -> dict[str, Any]:
    """The columns of the upload: what they hold, and what each was taken for."""
    dataset = datasets.get_dataset(session, dataset_id)
    return {"status": dataset.status, "items": columns.described(dataset)}


@router.get("/{dataset_id}/annotators", response_model=AnnotatorList, responses=documented(409))
def read_annotators(
    session: ReadSession, storage: StorageDep, caller: Reader, dataset_id: str
) -> dict[str, Any]:
    """The people whose votes came with the dataset: their quality, and how far they agree.

    404 where no votes came. An audit's summary says the same under `votes`, with the models' help.
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
    """Read the stored upload again under other column roles, without sending it again.

    Possible until the first audit, and for a file that was rejected because of its columns. The
    dataset is `processing` once more, then `ready` or `rejected`.
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
    """Start an audit of a dataset version: the newest one unless another is named. Sent again with
    the same `Idempotency-Key`, the request answers with the audit that it started before."""
    options = options or AuditCreate()
    told = idempotency.fingerprint_of("audit", dataset_id, options.model_dump_json())
    audit_id = idempotency.made_once(
        session,
        caller,
        idempotency_key,
        told,
        lambda: (
            audits.start_audit(
                session,
                dataset_id,
                config=options.model_dump(mode="json", exclude={"dataset_version"}),
                dataset_version=options.dataset_version,
                principal=caller,
            ).id
        ),
    )
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
    """Write the corrected dataset as it came, as CSV or Parquet, or a patch of the changes. Sent
    again with the same `Idempotency-Key`, the request answers with the export of before."""
    options = options or ExportCreate()
    told = idempotency.fingerprint_of("export", dataset_id, options.model_dump_json())
    export_id = idempotency.made_once(
        session,
        caller,
        idempotency_key,
        told,
        lambda: (
            exports.start_export(
                session,
                dataset_id,
                format=options.format,
                dataset_version=options.dataset_version,
                principal=caller,
            ).id
        ),
    )
    export = exports.get_export(session, export_id)
    response.headers["Location"] = f"/v1/exports/{export.id}"
    return {**export.to_dict(), "download_url": None}

"""POST /v1/datasets: an upload in one request."""

import asyncio
import sys
from typing import Annotated, Any

from fastapi import Query, Request, Response
from starlette.concurrency import run_in_threadpool

from labelaudit.schemas import DatasetRead, UploadOptions
from service import uploads
from service.api import idempotency
from service.api.dependencies import IdempotencyKey, ResourcesDep, Uploader
from service.api.document import documented
from service.api.responses import accepted
from service.api.routing import TransactionRouter
from service.api.upload_bodies import FILE_FIELD, FORM, open_body
from service.datasets import records as datasets
from service.db.tables import Dataset, Upload
from service.storage.local import Received

router = TransactionRouter(prefix="/v1/datasets", tags=["datasets"], responses=documented())

BYTES = {"type": "string", "format": "binary"}
ANY_FILE = {
    "requestBody": {
        "required": True,
        "description": "The file itself, or a form that holds it: zip, CSV, TSV, JSON Lines, "
        "Parquet or NPZ. The other fields of the form are the parameters below.",
        "content": {
            "application/octet-stream": {"schema": BYTES},
            FORM: {
                "schema": {
                    "type": "object",
                    "required": [FILE_FIELD],
                    "properties": {
                        FILE_FIELD: {**BYTES, "description": "The file."},
                        **UploadOptions.model_json_schema()["properties"],
                    },
                    "additionalProperties": False,
                }
            },
        },
    }
}


@router.post(
    "",
    status_code=202,
    response_model=DatasetRead,
    responses=documented(408, 413, 415, 429, 507),
    openapi_extra=ANY_FILE,
    max_body_size=sys.maxsize,  # the body is streamed, up to the configured limit
)
async def upload_dataset(
    request: Request,
    response: Response,
    resources: ResourcesDep,
    caller: Uploader,
    options: Annotated[UploadOptions, Query()],
    idempotency_key: IdempotencyKey = None,
) -> Dataset:
    """Upload a labeled dataset; the request body is the file, or a form with the file in `file`.

    Column roles are detected, and shown in `columns` once the file is read; override them with the
    parameters. The dataset is `completed` once the file is read, or `failed` with a `problem`.
    Nothing is kept of a file that cannot be read.
    """

    def reserve() -> Upload:
        with resources.write(caller) as session:
            return uploads.reserve(
                session,
                resources.settings,
                length=body.length,
                principal=caller,
                **_described(body.options),
            )

    def register(received: Received) -> Dataset:
        said = body.options  # fields may have followed the file
        fingerprint = idempotency.fingerprint_of(
            "upload", received.sha256, said.filename, said.name, said.roles
        )
        with (
            resources.write(caller) as session,
            idempotency.once(session, caller, idempotency_key, fingerprint) as answer,
        ):
            if answer.body is not None:
                return datasets.get_dataset(session, answer.body["id"])
            uploads.describe(session, upload.id, **_described(said))
            created = uploads.register(
                session, resources.settings, upload.id, received, principal=caller
            )
            answer.body = {"id": created.id}
        return created

    def discard() -> None:
        with resources.write(caller) as session:
            cancelled = uploads.release(session, upload.id)
        if cancelled:
            resources.storage.delete(datasets.folder(upload.dataset_id))

    body = await open_body(request, options)
    upload = await run_in_threadpool(reserve)
    try:
        received = await resources.storage.receive(
            datasets.upload_key(upload.dataset_id),
            body.file(),
            limit=resources.settings.max_upload_bytes,
        )
        dataset = await run_in_threadpool(register, received)
        if dataset.id != upload.dataset_id:  # the same file, sent again
            await run_in_threadpool(discard)
    except BaseException:
        await asyncio.shield(run_in_threadpool(discard))
        raise
    accepted(response, f"/v1/datasets/{dataset.id}")
    return dataset


def _described(options: UploadOptions) -> dict[str, Any]:
    """As an upload's row has it."""
    return {
        "filename": options.filename,
        "name": options.name,
        "columns": options.roles or None,
        "sha256": options.sha256,
    }

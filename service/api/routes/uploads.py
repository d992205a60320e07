"""/v1/uploads: tus 1.0 (core, creation, checksum, expiration, termination)."""

import sys
from collections.abc import Sequence
from email.utils import format_datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Request, Response
from starlette.concurrency import run_in_threadpool

from labelaudit.enums import JobStatus
from labelaudit.schemas import (
    UploadCreate,
    UploadCreated,
    UploadPage,
    UploadRead,
)
from service import uploads
from service.api.dependencies import Resources, ResourcesDep, Uploader, require_bucket
from service.api.document import documented
from service.api.pages import Cursor, Limit, slice_of
from service.api.routing import JsonRoute
from service.api.tus import (
    ALGORITHMS,
    EXTENSIONS,
    VERSION,
    read_checksum,
    read_creation,
    require_version,
)
from service.core.errors import (
    Conflict,
    Gone,
    UnsupportedMediaType,
)
from service.core.principal import Principal
from service.db.tables import Upload
from service.uploads import multipart
from service.uploads.parts import PartLayout

router = APIRouter(
    prefix="/v1/uploads", tags=["uploads"], responses=documented(), route_class=JsonRoute
)

INITIALLY_SIGNED = 100
BODY_TYPE = "application/offset+octet-stream"
Tus = Annotated[str, Header(description=f"The protocol's version, `{VERSION}`.")]


@router.options("", status_code=204, response_class=Response)
def describe_uploads(resources: ResourcesDep, caller: Uploader) -> Response:
    """The tus version, extensions, maximum size and checksums that this service supports."""
    headers = {
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(resources.settings.max_upload_bytes),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }
    return Response(status_code=204, headers={"Tus-Resumable": VERSION, **headers})


@router.post("", status_code=201, response_model=UploadCreated,
             responses=documented(412, 413, 415, 507))  # fmt: skip
def create_upload(
    resources: ResourcesDep,
    response: Response,
    caller: Uploader,
    wanted: Annotated[UploadCreate | None, Body()] = None,
    upload_length: Annotated[
        int | None,
        Header(ge=1, lt=2**63, description="For tus clients, which send headers and no body."),
    ] = None,
    upload_metadata: Annotated[
        str,
        Header(
            description="tus metadata: `filename`, `name`, `sha256` (hex, of the whole file) and "
            "`columns` (the JSON of `POST /v1/datasets/{id}/columns`), each in base64.",
        ),
    ] = "",
    tus_resumable: Tus = VERSION,
) -> dict[str, Any]:
    """Create an upload: reserves the file's size; `Location` is where to send its bytes.

    `resumable`: send them with PATCH, in one or more requests. After a broken connection, HEAD
    returns the offset to resume from. The last byte creates the dataset, whose id is in
    `Upload-Dataset`. Clients of tus 1.0 create such an upload with headers instead of a body.

    `multipart`: PUT each part's bytes to its `url` in the bucket, without an API key: in any order,
    in parallel, retrying failures. `GET …/parts` returns which parts have arrived, and fresh URLs.
    Then `POST …/complete`. 404 `no-bucket` if no bucket is configured.
    """
    require_version(tus_resumable)
    if wanted is None:
        wanted = read_creation(upload_length, upload_metadata)
    if wanted.transfer == "multipart":
        upload, parts = create_multipart(resources, caller, wanted)
    else:
        upload, parts = reserve(resources, caller, wanted), None
    headers = {"Location": f"/v1/uploads/{upload.id}", "Upload-Offset": "0"}
    response.headers.update({**_expiry(upload), **headers})
    return {**described(upload, 0), "parts": parts}


@router.get("", response_model=UploadPage)
def list_uploads(
    resources: ResourcesDep, caller: Uploader, cursor: Cursor = None, limit: Limit = 100
) -> dict[str, Any]:
    """List your open uploads, which you can resume, oldest first."""
    with resources.read(caller) as session:
        found = uploads.list_open(session, principal=caller)
    items = [described(one, uploads.offset_of(resources.storage, one)) for one in found]
    return {**slice_of(items, cursor, limit), "multipart": resources.bucket is not None}


@router.get("/{upload_id}", response_model=UploadRead)
def read_upload(resources: ResourcesDep, caller: Uploader, upload_id: str) -> dict[str, Any]:
    """An upload's offset, the dataset it became, or why it was rejected."""
    upload = _get(resources, caller, upload_id)
    offset = _advance(resources, caller, upload)
    upload = _get(resources, caller, upload_id)
    return described(upload, offset)


@router.head("/{upload_id}", response_class=Response, responses=documented(410, 412))
def locate_upload(
    resources: ResourcesDep, caller: Uploader, upload_id: str, tus_resumable: Tus = VERSION
) -> Response:
    """`Upload-Offset`: where to resume. 410 if the upload was rejected; GET returns the reason."""
    upload = _get(resources, caller, upload_id)
    require_version(tus_resumable)
    offset = _advance(resources, caller, upload)
    return _offset_response(resources, caller, upload_id, offset, status=200)


@router.patch(
    "/{upload_id}",
    status_code=204,
    response_class=Response,
    responses=documented(408, 409, 410, 412, 413, 415, 423, 460, 507),
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "The file's bytes, starting at `Upload-Offset`; any number of them.",
            "content": {BODY_TYPE: {"schema": {"type": "string", "format": "binary"}}},
        }
    },
    max_body_size=sys.maxsize,  # it is streamed, up to the declared length
)
async def append_to_upload(
    request: Request,
    resources: ResourcesDep,
    caller: Uploader,
    upload_id: str,
    upload_offset: Annotated[int, Header(ge=0, lt=2**63)] = 0,
    upload_checksum: Annotated[str | None, Header(description="`sha256 <base64>`")] = None,
    tus_resumable: Tus = VERSION,
) -> Response:
    """Send bytes, starting at `Upload-Offset`. Received bytes are kept if the request fails."""
    upload = await run_in_threadpool(_get, resources, caller, upload_id)
    require_version(tus_resumable)
    if request.headers.get("content-type") != BODY_TYPE:
        raise UnsupportedMediaType(f"Send the bytes with `Content-Type: {BODY_TYPE}`.")
    require_open(upload)
    if upload.part_bytes is not None:
        raise Conflict(
            "Send the parts of a multipart upload to the bucket; GET `…/parts` returns their URLs.",
            type="upload-is-multipart",
        )
    if upload.completed_at is None:
        await uploads.append(
            resources.storage,
            upload,
            request.stream(),
            offset=upload_offset,
            checksum=read_checksum(upload_checksum),
        )
    offset = await run_in_threadpool(_advance, resources, caller, upload)
    return await run_in_threadpool(
        _offset_response, resources, caller, upload_id, offset, status=204
    )


@router.delete("/{upload_id}", status_code=204, response_class=Response,
               responses=documented(412))  # fmt: skip
def delete_upload(
    resources: ResourcesDep, caller: Uploader, upload_id: str, tus_resumable: Tus = VERSION
) -> Response:
    """Cancel an upload: deletes its bytes and releases the reserved space. If it is already a
    dataset, the dataset stays."""
    upload = _get(resources, caller, upload_id)
    require_version(tus_resumable)
    with resources.write(caller) as session:
        cancelled = uploads.release(session, upload_id)
    uploads.discard(resources.storage, upload)
    if cancelled and upload.part_bytes is not None and resources.bucket is not None:
        multipart.discard(resources.bucket, upload)
    return Response(status_code=204, headers={"Tus-Resumable": VERSION})


def reserve(
    resources: Resources,
    caller: Principal,
    wanted: UploadCreate,
    *,
    part_bytes: int | None = None,
) -> Upload:
    with resources.write(caller) as session:
        upload = uploads.reserve(
            session,
            resources.settings,
            filename=wanted.filename,
            name=wanted.name,
            columns=wanted.columns.model_dump(exclude_defaults=True) or None,
            length=wanted.length,
            sha256=wanted.sha256,
            principal=caller,
            part_bytes=part_bytes,
        )
        resources.storage.require_space(wanted.length)  # after the quotas, whose errors say more
    return upload


def _get(resources: Resources, caller: Principal, upload_id: str) -> Upload:
    with resources.read(caller) as session:
        return uploads.get_upload(session, upload_id, principal=caller)


def _advance(resources: Resources, caller: Principal, upload: Upload) -> int:
    """The durable offset. If all bytes have arrived, creates the dataset first."""
    if upload.completed_at is not None:
        return upload.length or 0
    offset = uploads.offset_of(resources.storage, upload)
    if upload.problem is None and offset == upload.length:
        uploads.complete(resources.database, resources.storage, upload, principal=caller)
    return offset


def _offset_response(
    resources: Resources, caller: Principal, upload_id: str, offset: int, *, status: int
) -> Response:
    upload = _get(resources, caller, upload_id)
    require_open(upload)
    headers = {"Upload-Offset": str(offset), "Upload-Length": str(upload.length)}
    if upload.completed_at is not None:
        headers["Upload-Dataset"] = upload.dataset_id
    return Response(status_code=status, headers={**_expiry(upload), **headers})


def described(upload: Upload, offset: int) -> dict[str, Any]:
    """An upload as the API returns it."""
    done = upload.completed_at is not None
    return {
        **upload.to_dict(),
        "status": JobStatus.failed
        if upload.problem
        else JobStatus.completed
        if done
        else JobStatus.running,
        "offset": offset,
        "part_count": PartLayout.of(upload).count if upload.part_bytes else None,
        "dataset_id": upload.dataset_id if done else None,
    }


def require_open(upload: Upload) -> None:
    """Raises Gone, with the reason, if the upload was rejected."""
    if upload.problem is not None:
        raise Gone(upload.problem["detail"], type=upload.problem["type"].rpartition("/")[2])


def _expiry(upload: Upload) -> dict[str, str]:
    return {
        "Tus-Resumable": VERSION,
        "Cache-Control": "no-store",
        "Upload-Expires": format_datetime(upload.expires_at, usegmt=True),
    }


def create_multipart(
    resources: Resources, caller: Principal, wanted: UploadCreate
) -> tuple[Upload, Sequence[multipart.SignedPart]]:
    """The upload and its first parts, with a signed URL each."""
    bucket = require_bucket(resources)
    layout = PartLayout.plan(resources.settings, wanted.length)
    upload = reserve(resources, caller, wanted, part_bytes=layout.part_bytes)
    try:
        return upload, multipart.sign(
            resources.database, bucket, upload, first=1, count=INITIALLY_SIGNED
        )
    except Exception:
        with resources.write(caller) as session:
            uploads.release(session, upload.id)
        raise

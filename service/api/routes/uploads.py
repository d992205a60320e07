"""/v1/uploads: tus 1.0 (core, creation, checksum, expiration, termination)."""

import base64
import binascii
import sys
from email.utils import format_datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from labelaudit.schemas import (
    ColumnRoles,
    MultipartUploadCreate,
    UploadList,
    UploadMetadata,
    UploadRead,
)
from service import uploads
from service.api.dependencies import Resources, ResourcesDep, Uploader
from service.api.problems import documented
from service.core.errors import (
    BadInput,
    Conflict,
    Gone,
    PreconditionFailed,
    UnsupportedMediaType,
)
from service.core.principal import Principal
from service.db.tables import Upload
from service.uploads import Checksum, multipart
from service.uploads.parts import PartLayout

router = APIRouter(prefix="/v1/uploads", tags=["uploads"], responses=documented())

VERSION = "1.0.0"
EXTENSIONS = "creation,checksum,expiration,termination"
ALGORITHMS = ("sha256", "sha1")
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


@router.post("", status_code=201, response_class=Response,
             responses=documented(412, 413, 429, 507))  # fmt: skip
def create_upload(
    resources: ResourcesDep,
    caller: Uploader,
    upload_length: Annotated[int, Header(ge=1, lt=2**63)],
    upload_metadata: Annotated[
        str,
        Header(
            description="tus metadata: `filename`, `name`, `sha256` (hex, of the whole file) and "
            "`columns` (the JSON of `POST /v1/datasets/{id}/columns`), each in base64.",
        ),
    ] = "",
    tus_resumable: Tus = VERSION,
) -> Response:
    """Create an upload: reserves the file's size; `Location` is where to send its bytes.

    Send them with PATCH, in one or more requests. After a broken connection, HEAD returns the
    offset to resume from. The last byte creates the dataset, whose id is in `Upload-Dataset`.
    """
    _require_version(tus_resumable)
    metadata = _metadata(upload_metadata)
    upload = reserve(resources, caller, metadata, upload_length)
    headers = {"Location": f"/v1/uploads/{upload.id}", "Upload-Offset": "0"}
    return Response(status_code=201, headers={**_expiry(upload), **headers})


@router.get("", response_model=UploadList)
def list_uploads(resources: ResourcesDep, caller: Uploader) -> dict[str, Any]:
    """Your open uploads, which you can resume."""
    with resources.read(caller) as session:
        found = uploads.list_open(session, principal=caller)
    items = [described(one, uploads.offset_of(resources.storage, one)) for one in found]
    return {"items": items, "multipart": resources.bucket is not None}


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
    _require_version(tus_resumable)
    offset = _advance(resources, caller, upload)
    return _offset_response(resources, caller, upload_id, offset, status=200)


@router.patch(
    "/{upload_id}",
    status_code=204,
    response_class=Response,
    responses=documented(409, 410, 412, 413, 415, 423, 460, 507),
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
    _require_version(tus_resumable)
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
            checksum=_checksum(upload_checksum),
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
    _require_version(tus_resumable)
    with resources.write(caller) as session:
        cancelled = uploads.release(session, upload_id)
    uploads.discard(resources.storage, upload)
    if cancelled and upload.part_bytes is not None and resources.bucket is not None:
        multipart.discard(resources.bucket, upload)
    return Response(status_code=204, headers={"Tus-Resumable": VERSION})


def reserve(
    resources: Resources,
    caller: Principal,
    wanted: UploadMetadata | MultipartUploadCreate,
    length: int,
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
            length=length,
            sha256=wanted.sha256,
            principal=caller,
            part_bytes=part_bytes,
        )
        resources.storage.require_space(length)  # after the quotas, whose errors say more
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
        "status": "rejected" if upload.problem else "complete" if done else "receiving",
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


def _require_version(version: str) -> None:
    if version != VERSION:
        raise PreconditionFailed(
            f"This service supports tus {VERSION}, not {version!r}.", type="tus-version"
        )


def _metadata(header: str) -> UploadMetadata:
    """Parse `Upload-Metadata`. Keys that tus clients add themselves are ignored."""
    values: dict[str, Any] = {}
    try:
        for pair in filter(None, header.split(",")):
            key, _, value = pair.strip().partition(" ")
            values[key] = base64.b64decode(value, validate=True).decode()
        if "columns" in values:
            values["columns"] = ColumnRoles.model_validate_json(values["columns"])
        return UploadMetadata.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "columns"
        raise BadInput(f"Upload-Metadata: {where}: {first['msg']}.") from error
    except (binascii.Error, ValueError) as error:
        raise BadInput(
            "Upload-Metadata is not a list of `key base64` pairs, separated by commas."
        ) from error


def _checksum(header: str | None) -> Checksum | None:
    if header is None:
        return None
    algorithm, _, value = header.partition(" ")
    try:
        digest = base64.b64decode(value, validate=True)
    except binascii.Error:
        digest = b""
    if algorithm not in ALGORITHMS or not digest:
        raise BadInput(
            f"Upload-Checksum must be one of {', '.join(ALGORITHMS)}, a space, and base64."
        )
    return Checksum(algorithm, digest)

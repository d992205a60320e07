"""/v1/multipart-uploads: upload a file to the bucket in parts."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from labelaudit.schemas import (
    MultipartUploadCreate,
    MultipartUploadRead,
    PartList,
    UploadRead,
)
from service import uploads
from service.api.dependencies import (
    BucketDep,
    Resources,
    ResourcesDep,
    Uploader,
)
from service.api.problems import documented
from service.api.routes.uploads import described, require_open, reserve
from service.core.principal import Principal
from service.db.tables import Upload
from service.uploads import multipart
from service.uploads.parts import PartLayout

router = APIRouter(prefix="/v1", tags=["uploads"], responses=documented())

INITIALLY_SIGNED = 100
NO_STORE = {"Cache-Control": "no-store"}  # anybody who has a signed URL can use it


@router.post("/multipart-uploads", status_code=201, response_model=MultipartUploadRead,
             responses=documented(413, 429, 503, 507))  # fmt: skip
def create_multipart_upload(
    resources: ResourcesDep,
    response: Response,
    caller: Uploader,
    bucket: BucketDep,
    wanted: MultipartUploadCreate,
) -> dict[str, Any]:
    """Create an upload whose parts you send to the bucket. Its size is reserved, as for tus.

    PUT each part's bytes to its `url`, without an API key: in any order, in parallel, retrying
    failures. `GET …/parts` returns which parts have arrived, and fresh URLs. Then
    `POST …/complete`. 404 `no-bucket` if no bucket is configured.
    """
    layout = PartLayout.plan(resources.settings, wanted.length)
    upload = reserve(resources, caller, wanted, wanted.length, part_bytes=layout.part_bytes)
    try:
        parts = multipart.sign(resources.database, bucket, upload, first=1, count=INITIALLY_SIGNED)
    except Exception:
        with resources.write(caller) as session:
            uploads.release(session, upload.id)
        raise
    response.headers.update({"Location": f"/v1/uploads/{upload.id}", **NO_STORE})
    return {**described(upload, 0), "parts": parts}


@router.get(
    "/uploads/{upload_id}/parts", response_model=PartList, responses=documented(409, 410, 503)
)
def sign_parts(
    resources: ResourcesDep,
    response: Response,
    caller: Uploader,
    bucket: BucketDep,
    upload_id: str,
    first: Annotated[int, Query(ge=1, le=10_000, description="The first part's number.")] = 1,
    count: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """Which of these parts have arrived, and a fresh signed URL for each."""
    upload = _get(resources, caller, upload_id)
    response.headers.update(NO_STORE)
    parts = multipart.sign(resources.database, bucket, upload, first=first, count=count)
    return {"items": parts}


@router.post("/uploads/{upload_id}/complete", response_model=UploadRead,
             responses=documented(409, 410, 503))  # fmt: skip
def complete_upload(
    resources: ResourcesDep, caller: Uploader, bucket: BucketDep, upload_id: str
) -> dict[str, Any]:
    """Complete the upload once you have sent all parts; `dataset_id` is the new dataset.

    409 `upload-incomplete` lists missing parts. Repeating the request returns the same answer. A
    worker then fetches and reads the file; the dataset is `rejected` if its hash is not the
    declared one.
    """
    upload = _get(resources, caller, upload_id)
    if upload.completed_at is None:
        multipart.complete(resources.database, bucket, upload, principal=caller)
        upload = _get(resources, caller, upload_id)
    return described(upload, upload.length or 0)


def _get(resources: Resources, caller: Principal, upload_id: str) -> Upload:
    with resources.read(caller) as session:
        upload = uploads.get_multipart_upload(session, upload_id, principal=caller)
    require_open(upload)
    return upload

"""/v1/direct-uploads: files that go straight to the bucket, in parts."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from labelaudit.schemas import (
    DirectUploadCreate,
    DirectUploadRead,
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
from service.uploads.parts import Cut

router = APIRouter(prefix="/v1", tags=["uploads"], responses=documented())

SIGNED_AT_FIRST = 100
UNKEPT = {"Cache-Control": "no-store"}  # whoever has an address can use it


@router.post("/direct-uploads", status_code=201, response_model=DirectUploadRead,
             responses=documented(413, 429, 503, 507))  # fmt: skip
def create_direct_upload(
    resources: ResourcesDep,
    response: Response,
    caller: Uploader,
    bucket: BucketDep,
    asked: DirectUploadCreate,
) -> dict[str, Any]:
    """Announce a file that you will send to the bucket: its size is reserved, as by tus.

    PUT each part's bytes to its `url`, in any order, several at a time, again where it failed, with
    no API key. `GET …/parts` tells which have arrived and signs addresses anew. Then
    `POST …/complete`. 404 `no-bucket` where no bucket is set up.
    """
    cut = Cut.plan(resources.settings, asked.length)
    upload = reserve(resources, caller, asked, asked.length, part_bytes=cut.part_bytes)
    try:
        parts = multipart.sign(resources.database, bucket, upload, first=1, count=SIGNED_AT_FIRST)
    except Exception:
        with resources.write(caller) as session:
            uploads.release(session, upload.id)
        raise
    response.headers.update({"Location": f"/v1/uploads/{upload.id}", **UNKEPT})
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
    """Which of these parts have arrived, and a fresh address for each."""
    upload = _get(resources, caller, upload_id)
    response.headers.update(UNKEPT)
    parts = multipart.sign(resources.database, bucket, upload, first=first, count=count)
    return {"items": parts}


@router.post("/uploads/{upload_id}/complete", response_model=UploadRead,
             responses=documented(409, 410, 503))  # fmt: skip
def complete_upload(
    resources: ResourcesDep, caller: Uploader, bucket: BucketDep, upload_id: str
) -> dict[str, Any]:
    """Every part has been sent: the upload becomes the dataset that `dataset_id` names.

    What has arrived is asked of the bucket; 409 `upload-incomplete` names parts that are missing.
    Sent again, it answers the same. The file is fetched and read by a worker: the dataset is
    `rejected` if it does not have the declared hash.
    """
    upload = _get(resources, caller, upload_id)
    if upload.completed_at is None:
        multipart.complete(resources.database, bucket, upload, principal=caller)
        upload = _get(resources, caller, upload_id)
    return described(upload, upload.length or 0)


def _get(resources: Resources, caller: Principal, upload_id: str) -> Upload:
    with resources.read(caller) as session:
        upload = uploads.get_direct(session, upload_id, principal=caller)
    require_open(upload)
    return upload

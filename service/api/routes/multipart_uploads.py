"""/v1/uploads/{id}/parts: upload a file to the bucket in parts."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from labelaudit.schemas import (
    PartPage,
    UploadRead,
)
from service import uploads
from service.api import cursors
from service.api.dependencies import (
    BucketDep,
    Resources,
    ResourcesDep,
    Uploader,
)
from service.api.document import documented
from service.api.pages import Cursor, Limit
from service.api.routes.uploads import described, require_open
from service.core.principal import Principal
from service.db.tables import Upload
from service.uploads import multipart
from service.uploads.parts import PartLayout

router = APIRouter(prefix="/v1", tags=["uploads"], responses=documented())

NO_STORE = {"Cache-Control": "no-store"}  # anybody who has a signed URL can use it


@router.get(
    "/uploads/{upload_id}/parts", response_model=PartPage, responses=documented(409, 410, 503)
)
def sign_parts(
    resources: ResourcesDep,
    response: Response,
    caller: Uploader,
    bucket: BucketDep,
    upload_id: str,
    first: Annotated[int, Query(ge=1, le=10_000, description="The first part's number.")] = 1,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> dict[str, Any]:
    """Show which of these parts have arrived, with a fresh signed URL for each."""
    upload = _get(resources, caller, upload_id)
    response.headers.update(NO_STORE)
    if cursor:
        first = int(cursors.decode(cursor, int)[0])
    parts = multipart.sign(resources.database, bucket, upload, first=first, count=limit)
    beyond = first + len(parts)
    more = beyond <= PartLayout.of(upload).count
    return {"items": parts, "next_cursor": cursors.encode(beyond) if more else None}


@router.post("/uploads/{upload_id}/complete", response_model=UploadRead,
             responses=documented(409, 410, 503))  # fmt: skip
def complete_upload(
    resources: ResourcesDep, caller: Uploader, bucket: BucketDep, upload_id: str
) -> dict[str, Any]:
    """Complete the upload once you have sent all parts; `dataset_id` is the new dataset.

    409 `upload-incomplete` lists missing parts. Repeating the request returns the same answer. A
    worker then fetches and reads the file; the dataset has `failed` if its hash is not the
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

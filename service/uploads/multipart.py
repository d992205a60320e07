"""Multipart uploads: clients send the parts of a file to the bucket, and a worker fetches the file.

The row is a reservation as for any other upload. Which parts have arrived, and whether they have
been assembled, is always asked of the bucket, so a crash cannot make the two disagree.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from service.core.errors import (
    BadInput,
    Conflict,
    Gone,
    NotFound,
    Unavailable,
)
from service.core.principal import Principal
from service.db.engine import Database, advisory_lock
from service.db.tables import Upload, now
from service.storage.local import Received
from service.storage.upload_bucket import (
    Found,
    NotThere,
    Part,
    UploadBucket,
)
from service.uploads.completion import create
from service.uploads.parts import PartLayout

SIGNED_URL_SECONDS = 3600  # how long the signed URL of a part is valid
MAX_LISTED = 20  # missing parts listed in an error


@dataclass(frozen=True)
class SignedPart:
    number: int
    bytes: int
    arrived: bool
    url: str
    expires_at: datetime


def begin(database: Database, bucket: UploadBucket, upload: Upload) -> str:
    """The bucket's id of the multipart upload, created on first use."""
    if upload.multipart_id is not None:
        return upload.multipart_id
    created = bucket.begin(upload.dataset_id)
    with database.write() as session:
        known = _require_row(session.get(Upload, upload.id, with_for_update=True))
        if known.multipart_id is None:
            known.multipart_id = created
        return known.multipart_id  # another request may have won; the cleanup aborts ours


def sign(
    database: Database, bucket: UploadBucket, upload: Upload, *, first: int, count: int
) -> list[SignedPart]:
    """Signed URLs for `count` parts, starting at number `first`. May be called repeatedly.

    Raises
    ------
    BadInput, Conflict, Gone
        There is no part with that number; the upload is complete; the bucket has deleted it.
    """
    layout = PartLayout.of(upload)
    if upload.completed_at is not None:
        raise Conflict("The upload is complete and takes no more parts.", type="upload-complete")
    if first > layout.count:
        raise BadInput(
            f"The upload has {layout.count} parts; there is no part {first}.", type="no-such-part"
        )
    last = min(layout.count, first + count - 1)
    multipart_id = begin(database, bucket, upload)
    arrived = _arrived(bucket, upload, multipart_id, first, last)
    expires_at = min(now() + timedelta(seconds=SIGNED_URL_SECONDS), upload.expires_at)
    seconds = max(1, int((expires_at - now()).total_seconds()))
    return [
        SignedPart(
            number,
            size := layout.size_of(number),
            layout.is_whole(arrived.get(number)),
            bucket.sign(upload.dataset_id, multipart_id, number, size=size, seconds=seconds),
            expires_at,
        )
        for number in range(first, last + 1)
    ]


def _arrived(
    bucket: UploadBucket, upload: Upload, multipart_id: str, first: int, last: int
) -> dict[int, Part]:
    try:
        parts = bucket.parts(upload.dataset_id, multipart_id, after=first - 1)
        return {part.number: part for part in takewhile(lambda part: part.number <= last, parts)}
    except NotThere:
        if bucket.find(upload.dataset_id) is None:
            raise _lost() from None
        raise Conflict(
            "All parts have arrived and are assembled. Complete the upload.",
            type="upload-complete",
        ) from None


def complete(
    database: Database, bucket: UploadBucket, upload: Upload, *, principal: Principal
) -> dict[str, Any] | None:
    """Create the dataset of an upload whose parts are all in the bucket; returns None, or the
    problem that rejected it.

    Safe to retry after a crash at any point, and to call from two requests at once. Raises Conflict
    while parts are missing.
    """
    found = bucket.find(upload.dataset_id) or _assemble(database, bucket, upload)
    problem = _check_size(upload, found)
    with database.write() as session:
        advisory_lock(session, upload.id)
        known = _require_row(session.get(Upload, upload.id, with_for_update=True))
        if known.completed_at is None and known.problem is None:
            if problem is None:
                received = Received(PartLayout.of(known).length, known.sha256 or "")
                create(session, known, received, principal=principal, in_bucket=True)
            known.problem = problem
        problem = known.problem
    if problem is not None:
        discard(bucket, upload)
    return problem


def discard(bucket: UploadBucket, upload: Upload) -> None:
    """Delete what has arrived. If the bucket is unavailable, the cleanup does it later."""
    with suppress(Unavailable):
        if upload.multipart_id is not None:
            bucket.abort(upload.dataset_id, upload.multipart_id)
        bucket.delete(upload.dataset_id)


def _assemble(database: Database, bucket: UploadBucket, upload: Upload) -> Found | None:
    """Assemble the parts into the object; None if the bucket has neither."""
    multipart_id = begin(database, bucket, upload)
    try:
        parts = list(bucket.parts(upload.dataset_id, multipart_id))
        _require_all(PartLayout.of(upload), parts)
        bucket.assemble(upload.dataset_id, multipart_id, parts)
    except NotThere:  # another request has assembled them, or the bucket has deleted them
        pass
    return bucket.find(upload.dataset_id)


def _require_all(layout: PartLayout, parts: list[Part]) -> None:
    arrived = {part.number: part for part in parts}
    missing = [one for one in range(1, layout.count + 1) if not layout.is_whole(arrived.get(one))]
    if missing:
        raise Conflict(
            f"{len(missing)} of {layout.count} parts are missing or incomplete. Send them, then "
            "complete the upload.",
            type="upload-incomplete",
            errors=[
                {"part": number, "detail": f"{layout.size_of(number)} bytes expected."}
                for number in missing[:MAX_LISTED]
            ],
        )


def _check_size(upload: Upload, found: Found | None) -> dict[str, Any] | None:
    if found is None:
        return _lost().problem()
    if found.bytes == upload.length:
        return None
    return Gone(
        f"The bucket received {found.bytes} bytes, but you declared {upload.length}. Nothing was "
        "kept; start a new upload.",
        type="upload-size-mismatch",
    ).problem()


def _lost() -> Gone:
    return Gone(
        "The bucket no longer has the uploaded parts. Start a new upload.", type="upload-vanished"
    )


def _require_row(known: Upload | None) -> Upload:
    if known is None:
        raise NotFound("The upload was deleted in the meantime. Start a new one.")
    return known

"""Direct uploads: the parts of a file go straight to the bucket, and a worker fetches the whole.

The row is a reservation like any other's. What has arrived, and whether the parts have been joined,
is asked of the bucket each time: it knows, whoever was killed when.
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
    UploadBucket,
    NotThere,
    Part,
)
from service.uploads.completion import create
from service.uploads.parts import Cut

ADDRESS_SECONDS = 3600  # for one part; then it is signed again
SHOWN = 20  # missing parts that a refusal names


@dataclass(frozen=True)
class SignedPart:
    number: int
    bytes: int
    arrived: bool
    url: str
    expires_at: datetime


def begin(database: Database, bucket: UploadBucket, upload: Upload) -> str:
    """The bucket's id for the upload, made when it is first asked for."""
    if upload.multipart_id is not None:
        return upload.multipart_id
    made = bucket.begin(upload.dataset_id)
    with database.write() as session:
        known = _still(session.get(Upload, upload.id, with_for_update=True))
        if known.multipart_id is None:
            known.multipart_id = made
        return known.multipart_id  # another request's, perhaps: the janitor takes ours away then


def sign(
    database: Database, bucket: UploadBucket, upload: Upload, *, first: int, count: int
) -> list[SignedPart]:
    """Addresses for `count` parts from number `first` on, as often as somebody asks for them.

    Raises
    ------
    BadInput, Conflict, Gone
        There is no part of that number; the upload is complete; the bucket has dropped it.
    """
    cut = Cut.of(upload)
    if upload.completed_at is not None:
        raise Conflict("The upload is complete: it takes no more parts.", type="upload-complete")
    if first > cut.count:
        raise BadInput(
            f"The upload has {cut.count} parts; there is no number {first}.", type="no-such-part"
        )
    last = min(cut.count, first + count - 1)
    multipart_id = begin(database, bucket, upload)
    arrived = _arrived(bucket, upload, multipart_id, first, last)
    expires_at = min(now() + timedelta(seconds=ADDRESS_SECONDS), upload.expires_at)
    seconds = max(1, int((expires_at - now()).total_seconds()))
    return [
        SignedPart(
            number,
            size := cut.size_of(number),
            cut.is_whole(arrived.get(number)),
            bucket.sign(upload.dataset_id, multipart_id, number, size=size, seconds=seconds),
            expires_at,
        )
        for number in range(first, last + 1)
    ]


def _arrived(
    bucket: UploadBucket, upload: Upload, multipart_id: str, first: int, last: int
) -> dict[int, Part]:
    try:
        coming = bucket.parts(upload.dataset_id, multipart_id, after=first - 1)
        return {part.number: part for part in takewhile(lambda part: part.number <= last, coming)}
    except NotThere:
        if bucket.find(upload.dataset_id) is None:
            raise _vanished() from None
        raise Conflict(
            "Every part has arrived and they are joined. Complete the upload.",
            type="upload-complete",
        ) from None


def complete(
    database: Database, bucket: UploadBucket, upload: Upload, *, principal: Principal
) -> dict[str, Any] | None:
    """Make a dataset of an upload whose every part is in the bucket; None, or why it was refused.

    Safe to call again after a crash at any point, and from two requests at once. Raises Conflict
    while parts are missing.
    """
    found = bucket.find(upload.dataset_id) or _join(database, bucket, upload)
    problem = _find_fault(upload, found)
    with database.write() as session:
        advisory_lock(session, upload.id)
        known = _still(session.get(Upload, upload.id, with_for_update=True))
        if known.completed_at is None and known.problem is None:
            if problem is None:
                received = Received(Cut.of(known).length, known.sha256 or "")
                create(session, known, received, principal=principal, in_bucket=True)
            known.problem = problem
        problem = known.problem
    if problem is not None:
        discard(bucket, upload)
    return problem


def discard(bucket: UploadBucket, upload: Upload) -> None:
    """Delete what has arrived; if the bucket is away, the janitor comes back to it."""
    with suppress(Unavailable):
        if upload.multipart_id is not None:
            bucket.abort(upload.dataset_id, upload.multipart_id)
        bucket.delete(upload.dataset_id)


def _join(database: Database, bucket: UploadBucket, upload: Upload) -> Found | None:
    """Make the object of its parts; None if the bucket has neither it nor them."""
    multipart_id = begin(database, bucket, upload)
    try:
        parts = list(bucket.parts(upload.dataset_id, multipart_id))
        _require_all(Cut.of(upload), parts)
        bucket.join(upload.dataset_id, multipart_id, parts)
    except NotThere:  # another request has joined them, or the bucket has dropped them
        pass
    return bucket.find(upload.dataset_id)


def _require_all(cut: Cut, parts: list[Part]) -> None:
    arrived = {part.number: part for part in parts}
    missing = [one for one in range(1, cut.count + 1) if not cut.is_whole(arrived.get(one))]
    if missing:
        raise Conflict(
            f"{len(missing)} of {cut.count} parts have not arrived, or not whole. Send them, then "
            "complete the upload.",
            type="upload-incomplete",
            errors=[
                {"part": number, "detail": f"{cut.size_of(number)} bytes are to come."}
                for number in missing[:SHOWN]
            ],
        )


def _find_fault(upload: Upload, found: Found | None) -> dict[str, Any] | None:
    if found is None:
        return _vanished().problem()
    if found.bytes == upload.length:
        return None
    return Gone(
        f"{found.bytes} bytes arrived in the bucket, {upload.length} were declared. Nothing is "
        "kept; start a new upload.",
        type="upload-size-mismatch",
    ).problem()


def _vanished() -> Gone:
    return Gone(
        "The bucket has dropped what had arrived. Start a new upload.", type="upload-vanished"
    )


def _still(known: Upload | None) -> Upload:
    if known is None:
        raise NotFound("The upload was deleted meanwhile. Start a new one.")
    return known

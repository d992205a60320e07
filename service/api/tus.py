"""The headers of tus 1.0, the protocol of resumable uploads."""

import base64
import binascii
from typing import Any

from pydantic import ValidationError

from labelaudit.schemas import ColumnRoles, UploadCreate, UploadMetadata
from service.core.errors import BadInput, PreconditionFailed
from service.uploads import Checksum

VERSION = "1.0.0"
EXTENSIONS = "creation,checksum,expiration,termination"
ALGORITHMS = ("sha256", "sha1")


def require_version(version: str) -> None:
    """Raises PreconditionFailed (`tus-version`)."""
    if version != VERSION:
        raise PreconditionFailed(
            f"This service supports tus {VERSION}, not {version!r}.", type="tus-version"
        )


def read_creation(length: int | None, metadata: str) -> UploadCreate:
    """What the headers of a new upload ask for. Raises BadInput."""
    if length is None:
        raise BadInput(
            "Say how long the file is: send JSON with `length`, or the header `Upload-Length`.",
            errors=[{"pointer": "/length", "detail": "missing"}],
        )
    found = _metadata(metadata)
    return UploadCreate(
        length=length, **{name: getattr(found, name) for name in found.model_fields_set}
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


def read_checksum(header: str | None) -> Checksum | None:
    """Parse `Upload-Checksum`. Raises BadInput."""
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

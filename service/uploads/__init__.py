"""Uploads: reserve space, receive bytes, and create the dataset.

A row reserves the space before the first byte is sent. Bytes are kept in `incoming/` until all have
arrived and the hash matches; then the file is renamed to the dataset's path and the dataset's row
is committed. A crash between the two leaves a complete file at a known path, and the next request
continues from there. The bytes of a multipart upload go to the upload bucket instead.
"""

from service.uploads.completion import complete, register
from service.uploads.reservation import (
    describe,
    get_multipart_upload,
    get_upload,
    list_open,
    release,
    reserve,
)
from service.uploads.tus import (
    Checksum,
    append,
    discard,
    offset_of,
    part_key,
)

__all__ = [
    "Checksum",
    "append",
    "complete",
    "describe",
    "discard",
    "get_multipart_upload",
    "get_upload",
    "list_open",
    "offset_of",
    "part_key",
    "register",
    "release",
    "reserve",
]

"""Uploads: room for them, their bytes as they come, and the datasets that they become.

A row reserves the room before the first byte. The bytes lie in `incoming/` until all are there and
their hash is right; then the file is renamed to the dataset's and the dataset's row is committed. A
crash between the two leaves a whole file under a known name, and the next request goes on there.
Where a bucket is set up, the bytes of a direct upload go there instead.
"""

from service.uploads.completion import complete, register
from service.uploads.reservation import (
    get_direct,
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
    "discard",
    "get_direct",
    "get_upload",
    "list_open",
    "offset_of",
    "part_key",
    "register",
    "release",
    "reserve",
]

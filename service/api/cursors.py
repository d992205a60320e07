"""Opaque cursors: the sort key of a page's last item, after which the next page starts."""

import base64
import binascii

import orjson

from service.core.errors import BadCursor


def encode(*parts: str | int) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode()


def decode(cursor: str, *kinds: type[str] | type[int]) -> tuple[str | int, ...]:
    """The parts of a cursor.

    Raises
    ------
    BadCursor
        The cursor was not issued by this service.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        parts = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise BadCursor("This cursor was not issued by this service.") from error
    fits = isinstance(parts, list) and len(parts) == len(kinds)
    if not fits or not all(map(_is_storable, parts, kinds)):
        raise BadCursor("This cursor belongs to another list.")
    return tuple(parts)


def _is_storable(part: object, kind: type) -> bool:
    if isinstance(part, int):
        return type(part) is kind and abs(part) < 2**63
    return isinstance(part, kind) and "\x00" not in str(part)

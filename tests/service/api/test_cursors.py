"""Cursors: what goes in comes out, and nothing else is taken for one."""

import base64

import pytest

from service.api import cursors
from service.core.errors import BadCursor

LARGEST = 2**63 - 1  # of a column of the database


@pytest.mark.parametrize("parts", [(LARGEST,), (-LARGEST, "b\u00fccher"), ("a", "b", 0)])
def test_a_cursor_is_decoded_to_what_it_was_made_of(parts):
    assert cursors.decode(cursors.encode(*parts), *map(type, parts)) == parts


@pytest.mark.parametrize(
    ("parts", "kinds"),
    [
        ((LARGEST + 1,), (int,)),
        ((-LARGEST - 1,), (int,)),
        ((True,), (int,)),
        ((1,), (str,)),
        (("1",), (int,)),
        (("a\0b",), (str,)),
        ((1, 2), (int,)),
        ((), (int,)),
    ],
)
def test_a_cursor_of_another_list_is_refused(parts, kinds):
    with pytest.raises(BadCursor, match="another list"):
        cursors.decode(cursors.encode(*parts), *kinds)


@pytest.mark.parametrize("text", ["!", "a", base64.urlsafe_b64encode(b"{").decode(), "\u00fc"])
def test_what_is_no_cursor_is_refused(text):
    with pytest.raises(BadCursor, match="not issued"):
        cursors.decode(text, int)

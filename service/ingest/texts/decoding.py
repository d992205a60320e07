"""Decodes small texts by the rules of tables."""

import codecs
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from service.ingest.tables.encoding import find_encoding


class Decoded(NamedTuple):
    """A text, and whether its encoding was guessed."""

    text: str
    guessed: bool


def decode(data: bytes, workspace: Path) -> Decoded:
    """The text of a small file. Raises BadDataset (`invalid-encoding`, `invalid-character`).

    What is not plain UTF-8 is looked into as a table is, for which it must be a file.
    """
    if b"\0" not in data and not data.startswith(codecs.BOM_UTF8):
        with suppress(UnicodeDecodeError):
            return Decoded(data.decode(), False)
    with tempfile.NamedTemporaryFile(dir=workspace, prefix=".text.") as file:
        file.write(data)
        file.flush()
        encoding = find_encoding(Path(file.name))
        with encoding.open_at(Path(file.name)) as stream:
            return Decoded(stream.read(), encoding.note is not None)

"""How the bytes of a text file are encoded: by its byte order mark, as UTF-8, or by a guess."""

import codecs
import io
import itertools
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from service.core.errors import BadDataset
from service.ingest.faults import refuse

SCAN_BLOCK = 1 << 20
GUESS = "cp1252"
MARKS = (  # UTF-32 begins as UTF-16 does, so it comes first
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
RUN = re.compile(r"[^\x00-\x7f]{3,}")  # words of other scripts; Western ones have one accent or two
RUN_SHARE = 0.5  # of the foreign characters; beyond it they are words of another script
FOREIGN_SHARE = 0.3  # of the letters; beyond it the text is in no Western language


@dataclass(frozen=True)
class Encoding:
    """The codec of a text file and the mark that stands before its text."""

    codec: str
    mark: bytes = b""
    note: str | None = None
    quotes: int = 0  # of its characters, how many are double quotes
    escapes: int = 0  # how many of them follow a backslash

    def open_at(self, path: Path) -> io.TextIOWrapper:
        """The text behind the mark, its line ends as they are."""
        file = path.open("rb")
        file.seek(len(self.mark))
        return io.TextIOWrapper(file, encoding=self.codec, newline="")


def find_encoding(path: Path) -> Encoding:
    """Read all of the file and decide.

    Raises BadDataset (`invalid-encoding`, `invalid-character`), with the offset of the first byte
    that fits no encoding.
    """
    with path.open("rb") as file:
        head = file.read(512)
    for mark, codec in MARKS:
        if head.startswith(mark):
            return _scan(path, codec, mark)
    if wide := _find_unmarked(head):
        return _scan(path, wide, b"")
    try:
        return _scan(path, "utf-8", b"")
    except BadDataset as error:
        if error.type != "invalid-encoding" or not _may_be_western(path):
            raise
        found = _scan(path, GUESS, b"")
        place = error.detail.partition(" is not")[0]
        note = (
            f"The file is not UTF-8 ({place}), so it was read as {GUESS}. If characters look "
            "wrong, save it as UTF-8 and upload it again."
        )
        return Encoding(GUESS, b"", note, found.quotes, found.escapes)


def _find_unmarked(head: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of Western text is zero."""
    pairs = len(head) // 2
    if pairs < 4:
        return None
    if sum(byte == 0 for byte in head[1::2]) > 0.7 * pairs and 0 not in head[0 : 2 * pairs : 2]:
        return "utf-16-le"
    if sum(byte == 0 for byte in head[0::2]) > 0.7 * pairs and 0 not in head[1 : 2 * pairs : 2]:
        return "utf-16-be"
    return None


def _scan(path: Path, codec: str, mark: bytes) -> Encoding:
    decoder = codecs.getincrementaldecoder(codec)()
    offset, lines, quotes, escapes = len(mark), 1, 0, 0
    with path.open("rb") as file:
        file.seek(len(mark))
        for block in itertools.chain(iter(lambda: file.read(SCAN_BLOCK), b""), [b""]):
            pending = len(decoder.getstate()[0])
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                at = offset - pending + error.start
                lines += block.count(b"\n", 0, max(0, error.start - pending))
                name = "UTF-8" if codec in ("utf-8", GUESS) else codec
                detail = f"Byte {at} (line {lines}) is not {name}. Save the file as UTF-8."
                raise refuse("invalid-encoding", detail) from error
            if (nul := text.find("\0")) >= 0:
                lines += text.count("\n", 0, nul)
                at = offset - pending + len(text[:nul].encode(codec))
                raise refuse("invalid-character", f"Byte {at} (line {lines}) is NUL. Remove it.")
            offset += len(block)
            lines += text.count("\n")
            quotes += text.count('"')
            escapes += text.count('\\"')
    return Encoding(codec, mark, None, quotes, escapes)


def _may_be_western(path: Path) -> bool:
    """Whether a file that is no UTF-8 reads as a Western language in cp1252.

    A file that has characters in UTF-8 too is damaged; one of mostly foreign characters is in
    another encoding.
    """
    letters = foreign = in_runs = 0
    with path.open("rb") as file:
        while block := file.read(SCAN_BLOCK):
            try:
                text = block.decode(GUESS)
            except UnicodeDecodeError:
                return False
            others = [character for character in text if not character.isascii()]
            if not all(_is_western(character) for character in others) or _has_utf8(block):
                return False
            foreign += len(others)
            runs = (run for run in RUN.findall(text) if any(map(str.isalpha, run)))
            in_runs += sum(map(len, runs))
            letters += sum(character.isalpha() for character in text)
    if in_runs > RUN_SHARE * foreign:
        return False
    return foreign <= FOREIGN_SHARE * max(1, letters)


def _is_western(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cn")


def _has_utf8(block: bytes) -> bool:
    """Whether any character of two bytes or more is proper UTF-8."""
    lenient = block.decode("utf-8", "ignore")
    return not lenient.isascii()

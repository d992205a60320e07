"""Detects an upload's format from its bytes. Its name is only used in error messages."""

import codecs
from pathlib import Path
from typing import Literal

from service.core.errors import UnsupportedMediaType
from service.ingest.archives.tars import is_tar
from service.ingest.faults import refuse
from service.ingest.recognised import refuse_document
from service.ingest.tables.json_document import find_list, is_one_object
from service.ingest.tables.spreadsheet import is_spreadsheet
from service.pictures.pixels import PICTURES

Container = Literal["zip", "tar", "parquet", "csv", "jsonl", "json", "arrow", "spreadsheet"]

ACCEPTED = (
    "Upload a table (CSV, JSON, Parquet or a spreadsheet), an NPZ, or a zip of images or texts; "
    "see docs/formats.md."
)
AS_OBJECTS = (
    "Write one object for each sample, as a JSON array or JSON Lines; with pandas, "
    'df.to_json("data.jsonl", orient="records", lines=True).'
)
FOREIGN = (
    (b"MZ", "a Windows program"),
    (b"\x7fELF", "a Linux program"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"MATLAB 5.0 MAT-file", "a MATLAB file"),
    (b"$FL2", "an SPSS file"),
    (b"<stata_dta>", "a Stata file"),
    (b"ORC", "an ORC file"),
    (b"RDX", "an R data file"),
    (b"SIMPLE  =", "a FITS file"),
    (b"OggS", "an audio file"),
    (b"fLaC", "an audio file"),
    (b"ID3", "an audio file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "a bare .npy array"),
)
OLD_OFFICE = b"\xd0\xcf\x11\xe0"
BINARY_NAMES = (".zip", ".npz", ".parquet")


def read_head(upload: Path) -> bytes:
    """The first 512 bytes."""
    with upload.open("rb") as file:
        return file.read(512)


def read_text(upload: Path, size: int = 64 << 10) -> str:
    """The first characters of a text, whatever does not decode replaced."""
    with upload.open("rb") as file:
        return file.read(size).decode("utf-8", "replace").lstrip("\ufeff")


def detect(upload: Path, filename: str) -> Container:
    """The container of an upload. Raises BadDataset (`empty-file`) or UnsupportedMediaType."""
    head = read_head(upload)
    if not head:
        raise refuse("empty-file", "The file is empty.")
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "spreadsheet" if is_spreadsheet(upload) else "zip"
    if head.startswith(OLD_OFFICE):
        return "spreadsheet"
    if is_tar(head):
        return "tar"
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"ARROW1") or (
        head.startswith(b"\xff\xff\xff\xff") and head[8:9] == b"\x10"
    ):
        return "arrow"
    _refuse_foreign(head, filename)
    return _detect_text(upload, head, filename)


def _refuse_foreign(head: bytes, filename: str) -> None:
    what = find_foreign(head)
    if what is None and head.startswith(PICTURES):
        what = "a single image"
    # Pickle protocol 2 and up: an opcode no text begins with, then the protocol number.
    if what is None and head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        what = "a Python pickle, which can run code when it is read"
    if what is not None:
        raise UnsupportedMediaType(f"{filename} is {what}. {ACCEPTED}")


def find_foreign(head: bytes) -> str | None:
    """What a well-known signature says these first bytes are, if it is nothing we take."""
    return next((what for magic, what in FOREIGN if head.startswith(magic)), None)


def _detect_text(upload: Path, head: bytes, filename: str) -> Container:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    suffix = Path(filename).suffix.lower()
    if head.startswith(b"version https://git-lfs"):
        what = "a Git LFS pointer, not the file itself"
        raise UnsupportedMediaType(f"{filename} is {what}. Run `git lfs pull` first.")
    if suffix in BINARY_NAMES:
        raise UnsupportedMediaType(
            f"{filename} is named {suffix}, but its content is something else. {ACCEPTED}",
            type="content-type-mismatch",
        )
    if _is_binary(head):
        raise UnsupportedMediaType(f"{filename} is a binary file of an unknown kind. {ACCEPTED}")
    if text.startswith(b"<"):
        raise UnsupportedMediaType(f"{filename} is an HTML or XML document. {ACCEPTED}")
    if text.startswith(b"["):
        return _detect_array(text[1:].lstrip(), filename)
    if not text.startswith(b"{"):
        return "csv"
    if is_one_object(upload):
        _expect_list(upload, filename)
        return "json"
    return "jsonl"


def _detect_array(elements: bytes, filename: str) -> Container:
    if elements.startswith(b"["):
        detail = f"{filename} is a JSON array of arrays, so its columns have no names."
        raise UnsupportedMediaType(f"{detail} {AS_OBJECTS}")
    return "json" if elements[:1] in (b"{", b"]", b"") else "csv"


def _expect_list(upload: Path, filename: str) -> None:
    """Refuse an object in which no samples stand."""
    text = read_text(upload)
    refuse_document(text, filename)
    if find_list(text) is None:
        detail = f"{filename} is one JSON object, without a list of objects in it."
        raise UnsupportedMediaType(f"{detail} {AS_OBJECTS}")


def _is_binary(head: bytes) -> bool:
    """True for bytes that are no text: many control characters, and no UTF-16."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return False
    controls = sum(byte < 32 and byte not in b"\t\n\r\f" for byte in head)
    zeros = max(head[0::2].count(0), head[1::2].count(0))
    wide = zeros > 0.7 * len(head) / 2 and controls <= zeros + 2
    return controls > 0.1 * len(head) and not wide

"""Detects an upload's format from its bytes. Its name is only used in error messages."""

from pathlib import Path
from typing import Literal

from service.core.errors import UnsupportedMediaType
from service.ingest.faults import refuse

Container = Literal["zip", "parquet", "csv", "jsonl"]

ACCEPTED = "Upload a zip of images, CSV, TSV, JSON Lines, Parquet or NPZ; see docs/formats.md."
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
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"ARROW1", "an Arrow/Feather file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "a bare .npy array"),
)
PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\x00", b"MM\x00*")
BINARY_NAMES = (".zip", ".npz", ".parquet")


def detect(upload: Path, filename: str) -> Container:
    """The container of an upload. Raises BadDataset (`empty-file`) or UnsupportedMediaType."""
    with upload.open("rb") as file:
        head = file.read(512)
    if not head:
        raise refuse("empty-file", "The file is empty.")
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head.startswith(b"PAR1"):
        return "parquet"
    _refuse_foreign(head, filename)
    return _detect_text(head, filename)


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


def _detect_text(head: bytes, filename: str) -> Container:
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
    if text.startswith(b"<"):
        raise UnsupportedMediaType(f"{filename} is an HTML or XML document. {ACCEPTED}")
    if text.startswith(b"["):
        raise UnsupportedMediaType(
            f"{filename} is one JSON array. Write JSON Lines instead: one object per line."
        )
    return "jsonl" if text.startswith(b"{") else "csv"

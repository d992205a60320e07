"""Files that are compressed as a whole: gzip, bzip2, xz and zstd."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Literal

import pyarrow as pa

from service.core.errors import BadDataset
from service.ingest.faults import refuse
from service.ingest.report import Limits

Compression = Literal["gzip", "bzip2", "xz", "zstd"]
MAGIC: dict[bytes, Compression] = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
SUFFIXES = (".gz", ".bz2", ".xz", ".zst", ".tgz", ".tbz2", ".txz")
BLOCK = 1 << 20
DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError, pa.ArrowException)


def find_compression(head: bytes) -> Compression | None:
    """How a file with these first bytes is compressed."""
    return next((name for magic, name in MAGIC.items() if head.startswith(magic)), None)


def unwrap(path: Path, compression: Compression, target: Path, limits: Limits) -> Path:
    """Decompress to `target`, no further than the limits for archives allow.

    Raises BadDataset (`archive-bomb`, `archive-corrupt`).
    """
    packed = path.stat().st_size
    most = max(limits.archive_ratio_floor, int(packed * limits.archive_ratio))
    most = min(most, limits.archive_unpacked)
    size = 0
    with target.open("wb") as written:
        for block in _blocks(path, compression):
            size += len(block)
            if size > most:
                detail = f"The file of {packed} bytes unpacks to more than {most} bytes."
                raise refuse("archive-bomb", f"{detail} Upload it without compression.")
            written.write(block)
    return target


def compress(path: Path, compression: Compression, target: Path) -> None:
    """Compress a file; equal content gives equal bytes."""
    with path.open("rb") as file, target.open("wb") as raw, _packing(raw, compression) as packed:
        while block := file.read(BLOCK):
            packed.write(block)


def _packing(raw: IO[bytes], compression: Compression) -> Any:
    if compression == "gzip":
        return gzip.GzipFile("", "wb", fileobj=raw, mtime=0)
    if compression == "bzip2":
        return bz2.open(raw, "wb")
    if compression == "xz":
        return lzma.open(raw, "wb")
    return pa.CompressedOutputStream(pa.PythonFile(raw, "w"), "zstd")


def plain_name(filename: str) -> str:
    """The file's name without the suffix of its compression."""
    lower = filename.lower()
    for suffix in (".tgz", ".tbz2", ".txz"):
        if lower.endswith(suffix):
            return filename[: -len(suffix)] + ".tar"
    for suffix in SUFFIXES:
        if lower.endswith(suffix):
            return filename[: -len(suffix)]
    return filename


def _blocks(path: Path, compression: Compression) -> Iterator[bytes]:
    try:
        with _open(path, compression) as stream:
            while block := stream.read(BLOCK):
                yield block
    except DAMAGED as error:
        raise _damaged(compression) from error


def _damaged(compression: Compression) -> BadDataset:
    detail = f"The {compression} file is damaged or truncated. Compress it again."
    return refuse("archive-corrupt", detail)


def _open(path: Path, compression: Compression) -> IO[bytes]:
    openers: dict[Compression, Any] = {
        "gzip": gzip.open,
        "bzip2": bz2.open,
        "xz": lzma.open,
        "zstd": lambda path: pa.CompressedInputStream(pa.OSFile(str(path)), "zstd"),
    }
    opened: IO[bytes] = openers[compression](path)
    return opened

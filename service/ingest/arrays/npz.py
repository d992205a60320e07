"""NPZ: arrays of equal length, row i of each belonging to sample i.

Headers are read and checked against the file before any data; data is streamed in blocks of rows.
"""

import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
from numpy.lib import format as npy

from service.core.errors import BadDataset
from service.ingest.archives.archive import Archive, Member
from service.ingest.arrays.pictures import is_pixels, to_pngs
from service.ingest.columns.column_names import (
    CORRECTED,
    EMBEDDINGS,
    LABELS,
    PROBABILITIES,
    SAMPLE_IDS,
)
from service.ingest.faults import Faults, refuse
from service.ingest.report import Limits
from service.ingest.source import BATCH_BYTES, BATCH_ROWS

CLASS_NAMES = ("class_names", "classes", "label_names", "target_names")
KNOWN_NAMES = {*EMBEDDINGS, *LABELS, *PROBABILITIES, *SAMPLE_IDS}
LONGEST_NAME = 4096  # bytes of one string in an array


@dataclass(frozen=True)
class ArrayHeader:
    """The header of a .npy member."""

    member: Member
    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return prod(self.shape[1:]) * self.dtype.itemsize


class ArrayRows:
    """Arrays of one length, row i of each belonging to sample i."""

    format = "npz"

    def __init__(
        self, archive: Archive, headers: dict[str, ArrayHeader], names: list[str] | None
    ) -> None:
        self.archive, self.row_arrays = archive, headers
        self.progress = 0.0
        self.notes: list[str] = []
        self.row_count = next(iter(headers.values())).shape[0]
        self.columns = tuple(headers)
        self.class_names = {} if names is None else dict.fromkeys(self.columns, names)
        self.pictures = frozenset(
            name for name, header in headers.items() if is_pixels(header.shape, header.dtype)
        )
        self.one_hot = frozenset(n for n, h in headers.items() if self._is_one_hot(n, h))
        self.unsupported = {
            name: _describe(header)
            for name, header in headers.items()
            if name not in self.pictures and name not in self.one_hot and not _is_supported(header)
        }
        self.unsupported |= {
            name: f"list of {header.shape[1]} labels"
            for name, header in headers.items()
            if _is_wide_label(name, header) and name not in self.one_hot
        }

    def _is_one_hot(self, name: str, header: ArrayHeader) -> bool:
        """Whether a label array has a 1 for the class of each row and 0 elsewhere."""
        if not _is_wide_label(name, header):
            return False
        for block in read_blocks(self.archive, header):
            whole = ((block == 0) | (block == 1)).all()
            if not whole or (block.sum(axis=1) != 1).any():
                return False
        return True

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Scalars as they are, strings as strings, 2-d arrays as fixed-size lists of float32."""
        wanted = self.columns if columns is None else columns
        names = [name for name in wanted if name not in self.unsupported]
        headers = [self.row_arrays[name] for name in names]
        widest = max((header.row_bytes for header in headers), default=1) or 1
        rows = max(1, min(BATCH_ROWS, BATCH_BYTES // widest))
        read = 0
        with ExitStack() as stack:
            streams = [stack.enter_context(_Rows(self.archive, header)) for header in headers]
            while read < self.row_count:
                blocks = [stream.read(min(rows, self.row_count - read)) for stream in streams]
                read += min(rows, self.row_count - read)
                self.progress = read / self.row_count
                arrays = [self._to_arrow(n, b) for n, b in zip(names, blocks, strict=True)]
                yield pa.RecordBatch.from_arrays(arrays, names=names)

    def _to_arrow(self, name: str, block: Any) -> Any:
        if name in self.pictures:
            return pa.array(to_pngs(block), pa.binary())
        if name in self.one_hot:
            return pa.array(block.argmax(axis=1))
        return _to_arrow(block[:, 0] if _is_column(name, block.shape) else block)


class NpzSource(ArrayRows):
    """An NPZ file whose arrays of one length are the rows."""

    def __init__(self, archive: Archive, limits: Limits) -> None:
        self.headers, self.class_names_column, names = read_headers(archive, limits)
        rows = {n: h for n, h in self.headers.items() if n != self.class_names_column and h.shape}
        count = _common_length(rows, limits)
        _check_ranks(rows)
        super().__init__(archive, {n: h for n, h in rows.items() if h.shape[0] == count}, names)


def read_headers(
    archive: Archive, limits: Limits
) -> tuple[dict[str, ArrayHeader], str | None, list[str] | None]:
    """The arrays of an NPZ, the name of the one with the class names, and these names."""
    headers = {
        name.removesuffix(".npy"): read_header(archive, member)
        for name, member in archive.members.items()
    }
    column = next((n for n in CLASS_NAMES if n in headers), None)
    if column is None:
        return headers, None, None
    return headers, column, _read_class_names(archive, column, headers[column], limits)


def _read_class_names(
    archive: Archive, column: str, header: ArrayHeader, limits: Limits
) -> list[str]:
    if len(header.shape) != 1 or header.dtype.kind not in "USiu":
        detail = "class_names must be a 1-d array of strings."
        raise refuse("array-header-invalid", detail, column=column)
    if header.shape[0] > limits.classes:
        detail = f"There are {header.shape[0]} class names; the limit is {limits.classes}."
        raise refuse("too-many-classes", detail, column=column)
    blocks = read_blocks(archive, header)
    names: list[str] = [text for block in blocks for text in _to_strings(block).to_pylist()]
    if len(set(names)) < len(names):
        detail = "class_names contains a name twice."
        raise refuse("class-names-invalid", detail, column=column)
    return names


class _Rows:
    """Consecutive rows of one array."""

    def __init__(self, archive: Archive, header: ArrayHeader) -> None:
        self.archive, self.header = archive, header

    def __enter__(self) -> "_Rows":
        self.read_rows = 0
        self.spooled: Path | None = None
        if self.header.fortran_order and len(self.header.shape) > 1:
            self.spooled = self.archive.spool(self.header.member, Path(tempfile.gettempdir()))
        else:
            self.stream = self.archive.open(self.header.member)
            _read_npy_header(self.stream, self.header.member.name)
        return self

    def __exit__(self, *_: object) -> None:
        if self.spooled is None:
            self.stream.close()
        else:
            self.spooled.unlink()

    def read(self, rows: int) -> Any:
        start, self.read_rows = self.read_rows, self.read_rows + rows
        if self.spooled is not None:
            return _fortran_blocks(self.spooled, self.header, start, rows)
        return _read_rows(self.stream, self.header, rows)


def _fortran_blocks(path: Path, header: ArrayHeader, start: int, rows: int) -> Any:
    """Rows of a column-major array, which lie scattered: mapped anew so that pages are let go."""
    offset = header.member.size - prod(header.shape) * header.dtype.itemsize
    mapped = np.memmap(path, header.dtype, "r", offset, header.shape, "F")
    return np.ascontiguousarray(mapped[start : start + rows])


def _read_rows(stream: IO[bytes], header: ArrayHeader, rows: int) -> Any:
    wanted = rows * header.row_bytes
    try:
        data = stream.read(wanted)
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise _damaged(header.member.name) from error
    if len(data) != wanted:
        raise _damaged(header.member.name)
    return np.frombuffer(data, header.dtype).reshape(rows, *header.shape[1:])


def _damaged(name: str) -> BadDataset:
    return refuse("archive-corrupt", f"{name} is damaged or truncated. Save the file again.")


def read_header(archive: Archive, member: Member) -> ArrayHeader:
    """Raises BadDataset (`pickle-not-allowed`, `array-header-invalid`)."""
    with archive.open(member) as stream:
        shape, fortran_order, dtype, length = _read_npy_header(stream, member.name)
    if dtype.hasobject:
        detail = (
            f"{member.name} contains Python objects. Save plain numbers or fixed-width strings."
        )
        raise refuse("pickle-not-allowed", detail, file=member.name)
    if any(edge < 0 for edge in shape) or length + prod(shape) * dtype.itemsize != member.size:
        detail = (
            f"{member.name} declares the shape {shape}, which does not fit its {member.size} bytes."
        )
        raise refuse("array-header-invalid", detail, file=member.name)
    return ArrayHeader(member, shape, fortran_order, dtype)


def _read_npy_header(
    stream: IO[bytes], name: str
) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    try:
        version = npy.read_magic(stream)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran_order, dtype = read(stream)
    except (zipfile.BadZipFile, zlib.error) as error:
        raise _damaged(name) from error
    except Exception as error:  # numpy reads the header as Python source, which fails in any way
        detail = f"{name} is not an array that numpy can read: {str(error)[:200]}."
        raise refuse("array-header-invalid", detail, file=name) from error
    return tuple(shape), fortran_order, dtype, stream.tell()


def _common_length(headers: dict[str, ArrayHeader], limits: Limits) -> int:
    """Rows of the arrays whose names we know, else of the longest. Refuses what does not match."""
    named = {n: h for n, h in headers.items() if n.lower() in KNOWN_NAMES} or headers
    lengths = {name: header.shape[0] for name, header in named.items()}
    if not lengths:
        raise refuse("too-few-samples", "The NPZ contains no arrays of samples.")
    if named is not headers and len(set(lengths.values())) > 1:
        faults = Faults("shape-mismatch", "The arrays do not have one row per sample.")
        for name, rows in lengths.items():
            faults.add(f"{rows} rows", column=name)
        faults.raise_if_any()
    longest = max(lengths.values())
    if longest > limits.rows:
        raise refuse("too-many-rows", f"{longest} rows; the limit is {limits.rows}. Split it.")
    return longest


def _check_ranks(headers: dict[str, ArrayHeader]) -> None:
    for name, header in headers.items():
        known = name.lower() in (*EMBEDDINGS, *PROBABILITIES)
        if known and len(header.shape) != 2 and not is_pixels(header.shape, header.dtype):
            detail = f"{name} has shape {header.shape}; it must be 2-d, with one row per sample."
            raise refuse("shape-mismatch", detail, column=name)


def _is_label(name: str) -> bool:
    return name.lower() in (*LABELS, CORRECTED)


def _is_column(name: str, shape: tuple[int, ...]) -> bool:
    """True for labels and ids of shape (N, 1)."""
    named = _is_label(name) or name.lower() in SAMPLE_IDS
    return named and len(shape) == 2 and shape[1] == 1


def _is_wide_label(name: str, header: ArrayHeader) -> bool:
    """True for labels of shape (N, C): one-hot, or several for each sample."""
    wide = len(header.shape) == 2 and header.shape[1] > 1
    return _is_label(name) and wide and header.dtype.kind in "fiub"


def _is_supported(header: ArrayHeader) -> bool:
    if header.dtype.kind in "US":
        flat = len(header.shape) == 1 or (len(header.shape) == 2 and header.shape[1] == 1)
        return flat and header.dtype.itemsize <= LONGEST_NAME
    return header.dtype.kind in "fiub" and len(header.shape) in (1, 2)


def _describe(header: ArrayHeader) -> str:
    return f"{header.dtype} {header.shape}"


def read_blocks(archive: Archive, header: ArrayHeader) -> Iterator[Any]:
    """The array in blocks of rows, each at most about 16 MiB."""
    rows = max(1, BATCH_BYTES // (header.row_bytes or 1))
    with _Rows(archive, header) as stream:
        for start in range(0, header.shape[0], rows):
            yield stream.read(min(rows, header.shape[0] - start))


def _to_strings(block: Any) -> Any:
    """Arrow strings of bytes, unicode or integers. Raises BadDataset (`invalid-character`)."""
    try:
        texts = np.char.decode(block, "utf-8") if block.dtype.kind == "S" else block.astype(str)
        strings = pa.array(texts.tolist(), pa.string())
        strings.validate(full=True)
    except (ValueError, pa.ArrowInvalid) as error:
        detail = "An array of strings contains invalid characters. Save it as UTF-8."
        raise refuse("invalid-character", detail) from error
    return strings


def _to_arrow(block: Any) -> Any:
    if block.ndim == 2 and block.dtype.kind in "US":
        block = block[:, 0]
    if block.ndim == 2:
        flat = pa.array(np.ascontiguousarray(block, np.float32).ravel())
        return pa.FixedSizeListArray.from_arrays(flat, block.shape[1])
    if block.dtype.kind in "US":
        return _to_strings(block)
    native = block.astype(block.dtype.newbyteorder("="))
    return pa.array(native.astype(np.float64) if native.dtype.kind == "f" else native)

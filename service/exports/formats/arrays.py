"""Rewrites NPZ: labels are corrected, excluded rows are left out of every array of samples."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from service.core.errors import BadInput
from service.exports.formats.containers import new_entry
from service.exports.formats.corrections import LabelColumns, RowEdits
from service.exports.formats.limits import PASSED
from service.exports.formats.output import Output
from service.ingest.archives.archive import Archive
from service.ingest.archives.opening import open_archive
from service.ingest.arrays.npz import (
    ArrayHeader,
    NpzSource,
    read_blocks,
    read_headers,
)
from service.ingest.arrays.splits import split_arrays
from service.ingest.origin import Origin


@dataclass(frozen=True)
class _Plan:
    """How one array is written."""

    header: ArrayHeader
    edits: RowEdits | None = None  # None for an array that holds no rows
    corrected: bool = False


def rewrite_npz(upload: Path, origin: Origin, edits: RowEdits, output: Output) -> None:
    """Rewrite an NPZ. Without a label array (a table has the labels) only rows are dropped."""
    archive = open_archive(upload, PASSED)
    plan = _plan_splits(archive, edits) if origin.tables else _plan(archive, origin, edits)
    with zipfile.ZipFile(output.target, "w") as written:
        for done, (name, part) in enumerate(plan.items()):
            output.on_progress(done / len(plan))
            member = new_entry(f"{name}.npy", part.header.member.method)
            with written.open(member, "w", force_zip64=True) as stream:
                if part.edits is None or not (part.edits.excluded or part.corrected):
                    stream.writelines(archive.blocks(part.header.member))
                else:
                    _copy_rows(archive, part.header, part.edits, part.corrected, stream)


def _plan(archive: Archive, origin: Origin, edits: RowEdits) -> dict[str, _Plan]:
    source = NpzSource(archive, PASSED)
    rows = source.row_arrays.values()
    plan = {n: _Plan(h, edits if h in rows else None) for n, h in source.headers.items()}
    label = origin.label_column
    if label is not None:
        rule = LabelColumns.of(list(source.headers), label)
        given = source.headers[label]
        plan |= dict.fromkeys(rule.added, _Plan(given, edits))
        plan |= dict.fromkeys(rule.corrected, _Plan(given, edits, corrected=True))
    return plan


def _plan_splits(archive: Archive, edits: RowEdits) -> dict[str, _Plan]:
    """Arrays of each split, whose labels are corrected where they stand."""
    headers, _, _ = read_headers(archive, PASSED)
    plan = {name: _Plan(header) for name, header in headers.items()}
    first = 0
    for arrays in split_arrays(headers).values():
        rows = headers[arrays["samples"]].shape[0]
        part = edits.part(first, first + rows)
        first += rows
        plan[arrays["samples"]] = _Plan(headers[arrays["samples"]], part)
        if "label" in arrays:
            corrected = any(c.corrected_label is not None for c in part.between(0, rows).values())
            plan[arrays["label"]] = _Plan(headers[arrays["label"]], part, corrected)
    return plan


def _copy_rows(
    archive: Archive, header: ArrayHeader, edits: RowEdits, corrected: bool, stream: IO[bytes]
) -> None:
    dtype = _widen(header.dtype, edits) if corrected else header.dtype
    shape = (header.shape[0] - edits.excluded, *header.shape[1:])
    described = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(stream, described)
    first = 0
    for block in read_blocks(archive, header):
        stream.write(_edit(block, dtype, first, edits, corrected).tobytes())
        first += len(block)


def _widen(dtype: np.dtype[Any], edits: RowEdits) -> np.dtype[Any]:
    """A string type that also holds the longest corrected label."""
    if dtype.kind not in "US":
        return dtype
    width = dtype.itemsize // (4 if dtype.kind == "U" else 1)
    return np.dtype(f"{dtype.byteorder}{dtype.kind}{max(width, edits.longest())}")


def _edit(block: Any, dtype: np.dtype[Any], first: int, edits: RowEdits, corrected: bool) -> Any:
    changes = edits.between(first, first + len(block))
    if not changes:
        return block.astype(dtype, copy=False)
    block = block.astype(dtype)  # a copy: what was read may be read-only
    keep = np.ones(len(block), bool)
    for row, change in changes.items():
        keep[row - first] = not change.excluded
        if corrected and change.corrected_label is not None:
            _write(block, row - first, edits.written(change.corrected_label))
    return block[keep]


def _write(block: Any, row: int, text: str) -> None:
    """Put a label into one row: a value, a column of one, or a 1 among zeros."""
    if block.ndim == 2 and block.shape[1] > 1:
        if int(text) >= block.shape[1]:
            detail = f"The array has no column for class {text}. Export as csv or parquet instead."
            raise BadInput(detail, type="label-out-of-range")
        block[row] = 0
        block[row, int(text)] = 1
        return
    block[row] = _value(text, block.dtype)


def _value(text: str, dtype: np.dtype[Any]) -> Any:
    if dtype.kind in "US":
        return text.encode() if dtype.kind == "S" else text
    if dtype.kind == "b":
        return text in ("true", "True", "1")
    return int(text) if dtype.kind in "iu" else float(text)

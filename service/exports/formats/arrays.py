"""Rewrites NPZ: labels are corrected, excluded rows are left out of every array of samples."""

import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from service.exports.formats.corrections import LabelColumns, RowEdits
from service.exports.formats.output import Output
from service.exports.formats.tables import PASSED
from service.exports.formats.zips import new_member
from service.ingest.archive import open_archive
from service.ingest.arrays import ArrayHeader, NpzSource, read_blocks


def rewrite_npz(upload: Path, label: str | None, edits: RowEdits, output: Output) -> None:
    """Rewrite an NPZ. Without a `label` array (a table has the labels) only rows are dropped."""
    source = NpzSource(open_archive(upload, PASSED), PASSED)
    plan = {name: (header, False) for name, header in source.headers.items()}
    if label is not None:
        rule = LabelColumns.of(list(source.headers), label)
        given = source.headers[label]
        plan |= dict.fromkeys(rule.added, (given, False))
        plan |= dict.fromkeys(rule.corrected, (given, True))
    with zipfile.ZipFile(output.target, "w") as archive:
        for done, (name, (header, corrected)) in enumerate(plan.items()):
            output.on_progress(done / len(plan))
            member = new_member(f"{name}.npy", header.member.method)
            with archive.open(member, "w", force_zip64=True) as stream:
                if header in source.row_arrays.values():
                    _copy_rows(source, header, edits, corrected, stream)
                else:
                    stream.writelines(source.archive.blocks(header.member))


def _copy_rows(
    source: NpzSource, header: ArrayHeader, edits: RowEdits, corrected: bool, stream: IO[bytes]
) -> None:
    dtype = _widen(header.dtype, edits) if corrected else header.dtype
    shape = (header.shape[0] - edits.excluded, *header.shape[1:])
    described = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(stream, described)
    first = 0
    for block in read_blocks(source.archive, header):
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
            block[row - first] = _value(edits.written(change.corrected_label), dtype)
    return block[keep]


def _value(text: str, dtype: np.dtype[Any]) -> Any:
    if dtype.kind in "US":
        return text.encode() if dtype.kind == "S" else text
    return int(text) if dtype.kind in "iub" else float(text)

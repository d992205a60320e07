"""Spreadsheets, saved datasets, and the files of well-known benchmarks."""

import gzip
import io
import json
import struct
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from service.core.errors import BadInput
from service.exports.formats import Correction, export
from tests.service.ingest.uploads import (
    label_of,
    make_zip,
    picture,
    refusal,
    take_in,
    write,
)

NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def xlsx(path, rows):
    """A spreadsheet with one sheet of strings and numbers."""
    lines = []
    for number, row in enumerate(rows, 1):
        cells = [
            f"<c><v>{value}</v></c>"
            if isinstance(value, int | float)
            else f'<c t="inlineStr"><is><t>{value}</t></is></c>'
            for value in row
        ]
        lines.append(f'<row r="{number}">{"".join(cells)}</row>')
    office = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{office}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/s.xml" ContentType="{office}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r1" '
        f'Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{NAMESPACE}" xmlns:r="{RELATIONS}"><sheets>'
        '<sheet name="Data" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{RELATIONS}/worksheet" Target="worksheets/s.xml"/>'
        "</Relationships>",
        "xl/worksheets/s.xml": f'<worksheet xmlns="{NAMESPACE}"><sheetData>{"".join(lines)}'
        "</sheetData></worksheet>",
    }
    return make_zip(path, parts, method=8)


class Written(float):
    """A number whose cell says something else."""

    cell: str

    def __new__(cls, cell: str) -> "Written":
        written = super().__new__(cls)
        written.cell = cell
        return written

    def __format__(self, _: str) -> str:
        return self.cell


def with_cell(path, cell):
    rows: list[tuple[Any, str, str]] = [("size", "colour", "label")]
    rows += [(i * 1.5 % 7, "red" if i % 4 else "blue", label_of(i)) for i in range(40)]
    rows[6] = (Written(cell), *rows[6][1:])
    return xlsx(path, rows)


@pytest.mark.parametrize("cell", ["1e400", "-1e999", "inf"])
def test_an_infinite_cell_of_a_spreadsheet_is_refused_with_its_place(cell, tmp_path):
    error = refusal(with_cell(tmp_path / "a.xlsx", cell))
    assert error.type == "non-finite-features"
    assert error.errors == [{"detail": "infinite", "row": 6, "column": "size"}]


def test_a_cell_that_is_no_number_is_missing(tmp_path):
    _, samples = take_in(with_cell(tmp_path / "a.xlsx", "NaN"), tmp_path / "in")
    assert samples["feature.size"].to_pylist()[5] is None


def test_a_spreadsheet_is_read_and_cannot_be_written_with_corrections(tmp_path):
    rows: list[tuple[Any, str, str]] = [("size", "colour", "label")]
    rows += [(i * 1.5 % 7, "red" if i % 4 else "blue", label_of(i)) for i in range(40)]
    upload = xlsx(tmp_path / "a.xlsx", rows)
    report, samples = take_in(upload, tmp_path / "in")
    assert (report.format, dict(report.columns.features)) == (
        "spreadsheet",
        {"size": "numeric", "colour": "categorical"},
    )
    assert samples["feature.size"].to_pylist() == [row[0] for row in rows[1:]]
    samples_path = tmp_path / "in" / "samples.parquet"
    arguments = (report.kind, report.format, upload, samples_path)
    with pytest.raises(BadInput) as caught:
        export(*arguments, {0: Correction("dog", "relabel")}, tmp_path / "out")
    assert caught.value.type == "original-not-written"
    export(*arguments, {}, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == upload.read_bytes()


@pytest.mark.parametrize("cut", [0.3, 0.7, 0.95])
def test_a_damaged_spreadsheet_is_refused(cut, tmp_path):
    data = xlsx(tmp_path / "a.xlsx", [("a", "label"), *([1, "x"],) * 40]).read_bytes()
    error = refusal(write(tmp_path / "b.xlsx", data[: int(cut * len(data))]))
    assert error.status in (415, 422)


def saved_split(rows, names):
    """An Arrow stream as the `datasets` library saves it: encoded images, and a ClassLabel."""
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    features = {
        "image": {"_type": "Image"},
        "label": {"names": names, "_type": "ClassLabel"},
    }
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    images = pa.array([{"bytes": picture(i), "path": None} for i in rows], image)
    labels = pa.array([i % len(names) for i in rows], pa.int64())
    table = pa.table({"image": images, "label": labels}).replace_schema_metadata(metadata)
    target = io.BytesIO()
    with pa.ipc.new_stream(target, table.schema) as writer:
        writer.write_table(table)
    return target.getvalue()


def test_a_saved_dataset_with_splits_is_read(tmp_path):
    members = {
        "train/data-00000-of-00002.arrow": saved_split(range(20), ["cat", "dog"]),
        "train/data-00001-of-00002.arrow": saved_split(range(20, 40), ["cat", "dog"]),
        "test/data-00000-of-00001.arrow": saved_split(range(40, 50), ["cat", "dog"]),
        "train/dataset_info.json": "{}",
        "dataset_dict.json": '{"splits": ["train", "test"]}',
    }
    report, samples = take_in(make_zip(tmp_path / "a.zip", members), tmp_path / "out")
    assert (report.kind, report.class_counts) == ("image", [25, 25])
    assert report.class_names == ["cat", "dog"]
    assert sorted(samples["prior_split"].to_pylist()) == ["test"] * 10 + ["train"] * 40


def idx(array):
    return struct.pack(f">BBBB{array.ndim}i", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.mark.parametrize("packed", [True, False])
def test_the_files_of_mnist_are_read_together(packed, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (30, 28, 28), dtype=np.uint8)
    labels = (np.arange(30) % 3).astype(np.uint8)
    pack, suffix = (gzip.compress, ".gz") if packed else (bytes, "")
    members = {}
    for prefix in ("train", "t10k"):
        members[f"{prefix}-images-idx3-ubyte{suffix}"] = pack(idx(pixels))
        members[f"{prefix}-labels-idx1-ubyte{suffix}"] = pack(idx(labels))
    report, samples = take_in(make_zip(tmp_path / "a.zip", members), tmp_path / "out")
    assert (report.kind, report.class_counts) == ("image", [20, 20, 20])
    assert samples["prior_split"].to_pylist().count("test") == 30


def test_one_file_of_mnist_is_refused_with_what_is_missing(tmp_path):
    upload = write(tmp_path / "train-images-idx3-ubyte", idx(np.zeros((3, 28, 28), np.uint8)))
    assert "file of the labels" in refusal(upload).detail


def test_a_batch_of_cifar_is_read(tmp_path):
    records = np.random.default_rng(0).integers(0, 256, (40, 3073), dtype=np.uint8)
    records[:, 0] = np.arange(40) % 10
    report, _ = take_in(write(tmp_path / "data_batch_1.bin", records.tobytes()), tmp_path / "out")
    assert (report.kind, report.format, report.sample_count) == ("image", "cifar", 40)


def test_compressed_tables_of_one_archive_are_each_read(tmp_path):
    lines = {
        name: "text,label\n" + "".join(f"{name} words {i},{label_of(i)}\n" for i in range(20))
        for name in ("train", "test")
    }
    members = {f"{name}.csv.gz": gzip.compress(text.encode()) for name, text in lines.items()}
    _, samples = take_in(make_zip(tmp_path / "a.zip", members), tmp_path / "out")
    assert len(set(samples["text"].to_pylist())) == 40

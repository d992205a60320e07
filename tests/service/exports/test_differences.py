"""An export in the upload's own form differs from it only where somebody corrected something."""

import csv
import gzip
import io
import json
import zipfile
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.errors import BadInput
from service.exports.formats import Correction, export
from service.ingest import Limits, ingest
from tests.service.ingest.uploads import (
    CLASSES,
    FORMS,
    folder_members,
    label_of,
    make_form,
    make_zip,
    picture,
    take_in,
    to_csv,
    write,
    write_npz,
    write_parquet,
)


def relabel(label: str) -> Correction:
    return Correction(label, "relabel", "ann")


def exclude() -> Correction:
    return Correction(None, "exclude", "ann", excluded=True)


def sent_out(upload, labels, folder, **options):
    report = ingest(upload, filename=upload.name, destination=folder / "in", **options)
    target = folder / "out"
    samples = folder / "in" / "samples.parquet"
    export(report.kind, report.format, upload, samples, labels, target)
    return target


@pytest.mark.parametrize("form", FORMS)
def test_what_nobody_corrected_comes_back_byte_by_byte(form, tmp_path):
    upload = make_form(form, tmp_path)
    kept = {3: Correction(None, "keep", "bob")}
    assert sent_out(upload, kept, tmp_path).read_bytes() == upload.read_bytes()


def written(rows, **dialect):
    target = io.StringIO(newline="")
    csv.writer(target, **dialect).writerows(rows)
    return target.getvalue()


DIALECTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "all quoted, CRLF": {"quoting": csv.QUOTE_ALL, "lineterminator": "\r\n"},
    "semicolons": {"delimiter": ";"},
    "tabs": {"delimiter": "\t"},
    "unix": {"lineterminator": "\n"},
}
ROWS = [["text", " Label ", "note"]] + [
    [f"words {i}, and\nmore", label_of(i), f'"{i}" ü'] for i in range(30)
]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_csv_keeps_its_dialect_and_every_other_row(dialect, encoding, tmp_path):
    text = written(ROWS, **DIALECTS[dialect])
    upload = write(tmp_path / "a.csv", text.encode(encoding))
    out = sent_out(upload, {4: relabel("fox"), 7: exclude()}, tmp_path).read_bytes()
    options = {**DIALECTS[dialect]}
    end = options.get("lineterminator", "\r\n")
    delimiter = options.get("delimiter", ",")
    quoted = '"{}"' if "quoting" in options else "{}"
    expected = []
    for number, row in enumerate(ROWS):
        line = written([row], **options).removesuffix(end)
        if number == 0:
            expected.append(delimiter.join([line, "given_label", "corrected_label"]))
        elif number != 8:
            given, final = quoted.format(row[1]), quoted.format("fox" if number == 5 else row[1])
            if number == 5:
                line = line.replace(delimiter + given + delimiter, delimiter + final + delimiter)
            expected.append(delimiter.join([line, given, final]))
    assert out == (end.join(expected) + end).encode(encoding)


def test_comments_a_separator_line_and_blank_lines_are_kept(tmp_path):
    rows = "".join(f"{i},{i},5;{label_of(i)}\n" for i in range(30))
    upload = write(tmp_path / "a.csv", f"sep=;\nx;label\n{rows}\n\n")
    lines = sent_out(upload, {0: relabel("fox")}, tmp_path).read_text().splitlines()
    assert lines[:2] == ["sep=;", "x;label;given_label;corrected_label"]
    assert lines[2] == "0,0,5;fox;cat;fox"
    assert lines[-2:] == ["", ""]


def test_a_csv_without_a_header_gets_no_columns(tmp_path):
    rows = "".join(f"{i * 7 % 10},{i / 7:.2f},{label_of(i)}\n" for i in range(30))
    upload = write(tmp_path / "a.data", rows)
    lines = sent_out(upload, {1: relabel("fox")}, tmp_path).read_text().splitlines()
    assert lines[1] == "7,0.14,fox"
    assert lines[:1] + lines[2:] == rows.splitlines()[:1] + rows.splitlines()[2:]


def test_a_label_that_the_encoding_lacks_is_refused(tmp_path):
    rows = [(f"né {i}", label_of(i)) for i in range(30)]
    upload = write(tmp_path / "a.csv", to_csv(("text", "label"), rows).encode("cp1252"))
    with pytest.raises(BadInput, match="cp1252"):
        sent_out(upload, {1: relabel("狐")}, tmp_path)
    assert not (tmp_path / "out").exists()


def test_json_objects_keep_their_text(tmp_path):
    lines = [f'{{"label":"{label_of(i)}",  "text": "w\\u00e9 {i}", "n": 1e3}}' for i in range(30)]
    upload = write(tmp_path / "a.jsonl", "\n".join(lines))
    out = sent_out(upload, {2: relabel("cat"), 5: exclude()}, tmp_path).read_text().split("\n")
    assert out[:2] + out[3:] == lines[:2] + lines[3:5] + lines[6:]
    assert json.loads(out[2])["label"] == "cat"


@pytest.mark.parametrize("indent", [None, 1, 4])
@pytest.mark.parametrize("dropped", [0, 5, 29])
def test_a_json_array_stays_an_array(indent, dropped, tmp_path):
    rows = [{"text": f"words {i}", "label": label_of(i)} for i in range(30)]
    upload = write(tmp_path / "a.json", json.dumps(rows, indent=indent) + "\n")
    out = sent_out(upload, {2: relabel("cat"), dropped: exclude()}, tmp_path).read_text()
    back = json.loads(out)
    assert out.endswith("]\n")
    given = {"given_label": "fox", "corrected_label": "cat", "label": "cat"}
    expected = [row | given if i == 2 else row for i, row in enumerate(rows) if i != dropped]
    assert back == expected


TASKS = {
    "label studio": lambda i: {
        "id": i,
        "data": {"text": f"words {i}"},
        "annotations": [
            {"result": [{"type": "choices", "value": {"choices": [label_of(i)]}, "from_name": "c"}]}
        ],
    },
    "argilla": lambda i: {
        "id": str(i),
        "fields": {"text": f"words {i}"},
        "responses": {"topic": [{"value": label_of(i), "status": "submitted"}]},
    },
    "old argilla": lambda i: {
        "text": f"words {i}",
        "annotation": label_of(i),
        "status": "Validated",
        "prediction": [{"label": "cat", "score": 0.5}],
    },
    "prodigy": lambda i: {
        "text": f"words {i}",
        "answer": "accept",
        "_task_hash": i,
        "_input_hash": i,
        "accept": [label_of(i)],
        "options": [{"id": name} for name in CLASSES],
    },
    "doccano": lambda i: {"id": i, "text": f"words {i}", "label": [label_of(i)]},
}


@pytest.mark.parametrize("tool", TASKS)
@pytest.mark.parametrize("array", [True, False])
def test_labels_go_back_to_where_a_tool_keeps_them(tool, array, tmp_path):
    rows = [TASKS[tool](i) for i in range(30)]
    text = json.dumps(rows) if array else "".join(json.dumps(row) + "\n" for row in rows)
    upload = write(tmp_path / "a.json", text)
    report, _ = take_in(upload, tmp_path / "first")
    assert (report.kind, report.class_names) == ("text", list(CLASSES))
    out = sent_out(upload, {0: relabel("dog")}, tmp_path)
    _, again = take_in(out, tmp_path / "again")
    assert again["given_label"].to_pylist() == ["dog", *(label_of(i) for i in range(1, 30))]


def test_ordered_categories_keep_their_order(tmp_path):
    codes = pa.array([i % 4 for i in range(40)], pa.int8())
    levels = pa.DictionaryArray.from_arrays(codes, ["low", "mid", "high", "critical"], ordered=True)
    table = pa.table({"f_a": list(range(40)), "label": levels})
    pq.write_table(table, tmp_path / "a.parquet")
    out = sent_out(tmp_path / "a.parquet", {0: relabel("critical")}, tmp_path)
    after = pq.read_table(out)["label"]
    assert after.type == levels.type
    assert after.combine_chunks().dictionary.to_pylist() == ["low", "mid", "high", "critical"]
    assert after.to_pylist() == ["critical", *levels.to_pylist()[1:]]


LABEL_TYPES: dict[str, Any] = {
    "string_view": (pa.string_view(), ["a", "b"]),
    "large_string": (pa.large_string(), ["a", "b"]),
    "binary": (pa.binary(), [b"a", b"b"]),
    "date": (pa.date32(), [18000, 18001]),
    "uint8": (pa.uint8(), [200, 201]),
    "uint64": (pa.uint64(), [2**63, 1]),
    "bool": (pa.bool_(), [True, False]),
    "float16": (pa.float16(), [np.float16(1), np.float16(2)]),
    "decimal": (pa.decimal128(4, 2), ["1.50", "2.50"]),
}


@pytest.mark.parametrize("name", LABEL_TYPES)
def test_a_label_of_any_type_is_corrected_in_its_type(name, tmp_path):
    from decimal import Decimal

    type, values = LABEL_TYPES[name]
    values = [Decimal(v) if name == "decimal" else v for v in values]
    column = pa.array([values[i % 2] for i in range(40)], type)
    upload = write_parquet(tmp_path / "a.parquet", {"f_a": np.arange(40.0) % 7, "label": column})
    _, samples = take_in(upload, tmp_path / "first")
    other = samples["given_label"][1].as_py()
    out = sent_out(upload, {0: relabel(other)}, tmp_path)
    after = pq.read_table(out)
    assert after["label"].type == type
    assert after["label"].to_pylist() == [column[1].as_py(), *column.to_pylist()[1:]]


def test_pandas_finds_its_index_after_rows_are_left_out(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {"a": np.arange(40.0) % 7, "label": [label_of(i) for i in range(40)]},
        index=pandas.RangeIndex(0, 80, 2),
    )
    frame.to_parquet(tmp_path / "a.parquet")
    out = sent_out(tmp_path / "a.parquet", {1: exclude()}, tmp_path)
    after = pandas.read_parquet(out)
    assert list(after.index) == [0, *range(4, 80, 2)]
    assert after["a"].tolist() == frame["a"].drop(2).tolist()


def test_metadata_and_compression_of_parquet_are_kept(tmp_path):
    table = pa.table({"f_a": np.arange(40.0) % 7, "label": [label_of(i) for i in range(40)]})
    table = table.replace_schema_metadata({"who": "me"})
    pq.write_table(table, tmp_path / "a.parquet", compression="snappy")
    out = sent_out(tmp_path / "a.parquet", {0: relabel("fox")}, tmp_path)
    assert pq.read_schema(out).metadata[b"who"] == b"me"
    assert pq.ParquetFile(out).metadata.row_group(0).column(0).compression == "SNAPPY"


@pytest.mark.parametrize("labels", ["bool", "column", "one-hot"])
def test_arrays_of_labels_keep_their_form(labels, tmp_path):
    codes = np.array([i % 2 for i in range(30)])
    y = {"bool": codes.astype(bool), "column": codes[:, None], "one-hot": np.eye(2)[codes]}[labels]
    upload = write_npz(tmp_path / "a.npz", X=np.eye(30), y=y)
    report, _ = take_in(upload, tmp_path / "first")
    out = sent_out(upload, {0: relabel(report.class_names[1])}, tmp_path)
    with np.load(out) as after:
        assert (after["y"].dtype, after["y"].shape) == (y.dtype, y.shape)
        assert np.array_equal(after["y"][0], y[1])
        assert np.array_equal(after["y"][1:], y[1:])


def test_a_zip_keeps_order_dates_comments_and_empty_folders(tmp_path):
    upload = tmp_path / "a.zip"
    with zipfile.ZipFile(upload, "w") as archive:
        archive.comment = b"made by hand"
        archive.writestr(zipfile.ZipInfo("empty/", (2020, 1, 2, 3, 4, 6)), b"")
        for name, content in reversed(folder_members().items()):
            info = zipfile.ZipInfo(name, (2021, 5, 6, 7, 8, 10))
            info.comment = b"of " + name.encode()
            archive.writestr(info, content)
    before = zipfile.ZipFile(upload)
    out = sent_out(upload, {0: relabel("cat"), 3: exclude()}, tmp_path)
    with before, zipfile.ZipFile(out) as after:
        assert after.comment == b"made by hand"
        old = {i.filename: (i.date_time, i.comment, before.read(i)) for i in before.infolist()}
        new = {i.filename: (i.date_time, i.comment, after.read(i)) for i in after.infolist()}
        assert after.namelist()[0] == "empty/"
        left = [name for name in before.namelist() if name in new]
        assert left == [name for name in after.namelist() if name in old]
        assert len(left) == 29
        assert all(new[name] == old[name] for name in left)


def test_a_picture_that_no_table_lists_gets_a_row_when_it_is_labeled(tmp_path):
    table = to_csv(("file", "label"), [(f"{i}.png", label_of(i)) for i in range(28)])
    members = {f"{i}.png": picture(i) for i in range(30)} | {"labels.csv": table}
    upload = make_zip(tmp_path / "a.zip", members)
    out = sent_out(upload, {29: relabel("dog")}, tmp_path)
    report, samples = take_in(out, tmp_path / "again", filename="a.zip")
    found = dict(zip(samples["file"].to_pylist(), samples["given_label"].to_pylist(), strict=True))
    assert found["29.png"] == "dog"
    assert found["28.png"] is None
    assert report.labeled_count == 29


def test_only_the_table_with_the_corrected_row_changes(tmp_path):
    upload = make_form("zip-of-splits", tmp_path)
    out = sent_out(upload, {20: relabel("cat")}, tmp_path)
    with zipfile.ZipFile(upload) as before, zipfile.ZipFile(out) as after:
        assert after.read("test.csv") == before.read("test.csv")
        assert after.read("train.csv").split(b"\n")[6].startswith(b"s5,sentence number 5,cat")


def test_a_compressed_table_comes_back_compressed(tmp_path):
    rows = [(f"words {i}", label_of(i)) for i in range(30)]
    upload = write(tmp_path / "a.csv.gz", gzip.compress(to_csv(("text", "label"), rows).encode()))
    out = sent_out(upload, {0: relabel("dog")}, tmp_path)
    assert gzip.decompress(out.read_bytes()).splitlines()[1] == b"words 0,dog,cat,dog"


# `csv` writes a lone carriage return without quotes where its own rows do not end in one.
cells = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=12)


@settings(max_examples=60, deadline=None)
@given(
    notes=st.lists(cells, min_size=12, max_size=20),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    end=st.sampled_from(["\n", "\r\n"]),
    changed=st.integers(0, 11),
    dropped=st.integers(0, 11),
)
def test_rows_of_any_csv_begin_as_they_did(
    notes, quoting, delimiter, end, changed, dropped, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("random")
    rows = [[f"t{note}", label_of(i), note] for i, note in enumerate(notes)]
    options = {"quoting": quoting, "delimiter": delimiter, "lineterminator": end}
    lines = [written([row], **options) for row in [["text", "label", "note"], *rows]]
    upload = write(folder / "a.csv", "".join(lines))
    labels = {changed: relabel("fox")} | ({dropped: exclude()} if dropped != changed else {})
    out = sent_out(upload, labels, folder, limits=Limits(smallest_dataset=1))
    text = out.read_bytes().decode()
    for place, line in enumerate(lines[1:]):
        if place not in labels:
            assert line.removesuffix(end) in text
    back = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    expected = [
        [row[0], "fox" if i == changed else row[1], row[2]]
        for i, row in enumerate(rows)
        if not (i == dropped and i != changed)
    ]
    assert [row[:3] for row in back[1:]] == expected


def test_a_task_of_label_studio_keeps_all_but_its_choice(tmp_path):
    names = {"from_name": "topic", "to_name": "words"}
    guess = {**names, "type": "choices", "value": {"choices": ["fox"]}}
    rows = [
        {
            **TASKS["label studio"](i),
            "meta": {"source": f"page {i}"},
            "predictions": [{"id": i, "model_version": "m1", "score": 0.5, "result": [guess]}],
            "inner_id": i,
            "comment_count": 0,
        }
        for i in range(31)
    ]
    rows[30]["annotations"] = []
    upload = write(tmp_path / "a.json", json.dumps(rows))
    out = sent_out(upload, {0: relabel("dog"), 30: relabel("cat")}, tmp_path)
    [region] = rows[0]["annotations"][0]["result"]
    region["value"]["choices"] = ["dog"]
    chosen = {**names, "type": "choices", "value": {"choices": ["cat"]}}
    rows[30]["annotations"] = [{"result": [chosen]}]
    assert json.loads(out.read_text()) == rows

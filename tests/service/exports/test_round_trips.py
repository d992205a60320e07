"""What comes out in its own form can go in again, and then has the corrected labels."""

import csv
import io
import json
import zipfile
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.errors import BadInput
from service.exports.formats import Correction, arrow_rows, export, json_rows
from service.ingest import Limits, ingest
from service.ingest.arrays import npz
from tests.service.ingest.uploads import (
    CLASSES,
    FORMS,
    folder_members,
    label_of,
    make_form,
    make_zip,
    picture,
    take_in,
    text_rows,
    to_csv,
    to_jsonl,
    write,
    write_npz,
    write_parquet,
)

WHEN = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)


def relabel(label):
    return Correction(label, "relabel", "ann", WHEN)


def exclude():
    return Correction(None, "exclude", "ann", WHEN, excluded=True)


def send_out(upload, folder, labels, destination, **options):
    report, _ = take_in(upload, folder)
    suffix = export(
        report.kind,
        report.format,
        upload,
        folder / "samples.parquet",
        labels,
        destination,
        **options,
    )
    assert destination.exists()
    return report, suffix


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("count", [30, 2100])
def test_corrections_come_back_and_excluded_samples_do_not(form, count, tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "BATCH_BYTES", 1000)  # so that arrays have many blocks
    if count > 30 and FORMS[form][0] == "image":
        count = 1100
    upload = make_form(form, tmp_path, count)
    names = list(CLASSES) if form != "parquet-integers" else ["0", "1", "2"]
    changed = {p: relabel(names[(p + 1) % 3]) for p in range(0, count, 7)}
    dropped = {p: exclude() for p in range(3, count, 11) if p not in changed}
    kept_as_is = {count - 1: Correction(None, "keep", "bob", WHEN)}
    labels = kept_as_is | changed | dropped
    out = tmp_path / "corrected"
    told: list[float] = []
    report, suffix = send_out(upload, tmp_path / "first", labels, out, on_progress=told.append)
    assert told == sorted(told)
    assert all(0 <= share <= 1 for share in told)
    assert told or count == 30
    again, samples = take_in(out, tmp_path / "second", filename="corrected" + suffix)
    assert (again.kind, again.format) == (report.kind, report.format)
    first = pq.read_table(tmp_path / "first" / "samples.parquet").to_pylist()
    expected = [
        changed[p].corrected_label if p in changed else row["given_label"]
        for p, row in enumerate(first)
        if p not in dropped
    ]
    if report.format in (
        "imagefolder",
        "textfolder",
    ):  # the order follows the archive, the ids follow the folders
        assert samples.num_rows == len(expected)
        assert sorted(samples["given_label"].to_pylist()) == sorted(expected)
    else:
        assert samples["given_label"].to_pylist() == expected


@pytest.mark.parametrize("form", FORMS)
def test_an_export_without_corrections_loses_nothing(form, tmp_path):
    upload = make_form(form, tmp_path)
    report, suffix = send_out(upload, tmp_path / "first", {}, tmp_path / "same")
    again, samples = take_in(tmp_path / "same", tmp_path / "second", filename="same" + suffix)
    before = pq.read_table(tmp_path / "first" / "samples.parquet")
    places = [n for n in before.column_names if n.startswith("media_")]
    assert samples.drop_columns(places).equals(before.drop_columns(places))
    assert again.class_names == report.class_names


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("format", ["original", "csv", "parquet", "patch"])
def test_equal_input_gives_equal_bytes(form, format, tmp_path):
    upload = make_form(form, tmp_path)
    name = "1" if form == "parquet-integers" else "dog"
    labels = {0: relabel(name), 4: exclude()}
    send_out(upload, tmp_path / "a", labels, tmp_path / "one", format=format)
    reordered = dict(reversed(labels.items()))
    send_out(upload, tmp_path / "b", reordered, tmp_path / "two", format=format)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


FLAT = [
    (form, format)
    for form, (kind, _) in FORMS.items()
    for format in ("csv", "parquet")
    if kind in ("text", "table") or (format == "parquet" and kind == "vector")
]


@pytest.mark.parametrize(("form", "format"), FLAT)
def test_the_flat_forms_can_be_ingested_too(form, format, tmp_path):
    upload = make_form(form, tmp_path)
    names = list(CLASSES) if form != "parquet-integers" else ["0", "1", "2"]
    labels = {0: relabel(names[2]), 4: exclude()}
    _, suffix = send_out(upload, tmp_path / "a", labels, tmp_path / "flat", format=format)
    assert suffix == f".{format}"
    report, samples = take_in(tmp_path / "flat", tmp_path / "b")
    assert report.kind == FORMS[form][0]
    assert samples.num_rows == 29
    assert samples["given_label"][0].as_py() == names[2]


def test_an_image_moves_to_the_folder_of_its_class_and_clashes_are_resolved(tmp_path):
    members = folder_members(prefix="pets/") | {"pets/README.txt": b"hello"}
    upload = make_zip(tmp_path / "a.zip", members)
    labels = {0: relabel("dog"), 1: relabel("cat"), 2: relabel("dog"), 5: exclude()}
    _, suffix = send_out(upload, tmp_path / "a", labels, tmp_path / "out.zip")
    assert suffix == ".zip"
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        names = archive.namelist()
        # cat/0 and dog/0 change places, so each finds its new name free; fox/0 does not.
        assert archive.read("pets/dog/0.png") == members["pets/cat/0.png"]
        assert archive.read("pets/cat/0.png") == members["pets/dog/0.png"]
        assert archive.read("pets/dog/from-fox-0.png") == members["pets/fox/0.png"]
        assert archive.read("pets/README.txt") == b"hello"
        assert "pets/fox/1.png" not in names
        decisions = archive.read(".labelaudit/corrections.jsonl").decode().splitlines()
    assert [json.loads(line)["sample_id"] for line in decisions] == [
        "cat/0.png", "dog/0.png", "fox/0.png", "fox/1.png",
    ]  # fmt: skip


def test_names_that_clash_again_and_again_are_numbered(tmp_path):
    kept = ["dog/0.png", "dog/from-cat-0.png", "dog/from-cat-1-0.png"]
    members = folder_members() | {name: picture(90 + n) for n, name in enumerate(kept[1:])}
    upload = make_zip(tmp_path / "a.zip", members)
    send_out(upload, tmp_path / "a", {0: relabel("dog")}, tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.read("dog/from-cat-2-0.png") == members["cat/0.png"]
        assert "cat/0.png" not in archive.namelist()
        for name in kept:
            assert archive.read(name) == members[name]


def test_members_keep_their_date_and_new_ones_have_neither_a_date_nor_an_owner(tmp_path):
    upload = make_form("imagefolder", tmp_path)
    send_out(upload, tmp_path / "a", {0: relabel("dog")}, tmp_path / "out.zip")
    with zipfile.ZipFile(upload) as archive:
        dates = {info.filename: info.date_time for info in archive.infolist()}
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        for info in archive.infolist():
            if info.filename in dates:
                assert info.date_time == dates[info.filename]
        added = archive.getinfo(".labelaudit/corrections.jsonl")
        assert added.date_time == (1980, 1, 1, 0, 0, 0)
        assert (added.create_system, added.external_attr >> 16) == (3, 0o644)
        compressed = {info.filename: info.compress_type for info in archive.infolist()}
    assert compressed["dog/from-cat-0.png"] == zipfile.ZIP_STORED
    assert compressed[".labelaudit/corrections.jsonl"] == zipfile.ZIP_DEFLATED


def test_an_image_without_a_folder_moves_into_one(tmp_path):
    members = folder_members() | {"stray.png": picture(77)}
    upload = make_zip(tmp_path / "a.zip", members)
    send_out(upload, tmp_path / "a", {30: relabel("fox")}, tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.read("fox/stray.png") == members["stray.png"]


@pytest.mark.parametrize("label", ["../up", "a/b", "a\\b", ".."])
def test_a_class_that_cannot_name_a_folder_is_refused(label, tmp_path):
    upload = make_form("imagefolder", tmp_path)
    with pytest.raises(BadInput) as caught:
        send_out(upload, tmp_path / "a", {0: relabel(label)}, tmp_path / "out.zip")
    assert caught.value.type == "unsafe-class-name"
    assert not (tmp_path / "out.zip").exists()
    assert not list(tmp_path.glob(".out.zip*"))


def test_rows_behind_an_image_that_was_left_out_are_still_met(tmp_path):
    members = {f"{i}.png": picture(i) for i in range(300)}
    members["5.png"] = b"broken"
    table = to_csv(("file", "label"), [(f"{i}.png", label_of(i)) for i in range(300)])
    upload = make_zip(tmp_path / "a.zip", members | {"labels.csv": table})
    labels = {4: relabel("A"), 5: relabel("B"), 298: exclude()}  # rows 4, 6 and 299
    send_out(upload, tmp_path / "a", labels, tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        rows = list(csv.DictReader(io.TextIOWrapper(archive.open("labels.csv"))))
        assert "299.png" not in archive.namelist()
    assert {row["file"]: row["label"] for row in rows if row["label"] in "AB"} == {
        "4.png": "A",
        "6.png": "B",
    }
    assert len(rows) == 299
    assert rows[5]["file"] == "5.png"


def test_the_given_label_is_kept_beside_the_corrected_one(tmp_path):
    upload = write(tmp_path / "a.jsonl", to_jsonl(text_rows()))
    send_out(upload, tmp_path / "a", {0: relabel("fox")}, tmp_path / "out")
    row = json.loads((tmp_path / "out").read_text().splitlines()[0])
    assert row == {
        "sample_id": "s0",
        "text": "sentence number 0",
        "label": "fox",
        "given_label": "cat",
        "corrected_label": "fox",
    }


def test_letters_of_every_language_are_written_as_they_are(tmp_path):
    rows = [{**row, "text": f"füchse 狐 {row['text']}"} for row in text_rows()]
    raw = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    upload = write(tmp_path / "a.jsonl", raw.encode())
    send_out(upload, tmp_path / "a", {0: relabel("fox")}, tmp_path / "out")
    send_out(upload, tmp_path / "b", {0: relabel("fox")}, tmp_path / "patch", format="patch")
    assert "füchse 狐".encode() in (tmp_path / "out").read_bytes()


@pytest.mark.parametrize(
    ("given", "text", "expected"),
    [
        (True, "true", True),
        (False, "false", False),
        (3, "7", 7),
        (1.5, "2", 2.0),
        (3, "seven", "seven"),
        ("3", "7", "7"),
        (None, "7", "7"),
    ],
)
def test_a_json_label_is_written_in_the_type_of_the_given_one(given, text, expected):
    written = json_rows._like(given, text)
    assert (written, type(written)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("type", "text", "expected"),
    [
        (pa.int8(), "2", 2),
        (pa.float32(), "2", 2.0),
        (pa.bool_(), "true", True),
        (pa.bool_(), "false", False),
        (pa.decimal128(5, 1), "2.5", Decimal("2.5")),
        (pa.string(), "2", "2"),
    ],
)
def test_a_parquet_label_is_written_in_the_type_of_its_column(type, text, expected):
    [written] = pa.array([arrow_rows._typed(text, type)], type).to_pylist()
    assert written == expected


def test_what_the_datasets_library_keeps_of_columns_is_kept_of_new_ones(tmp_path):
    features = {"text": {"dtype": "string"}, "label": {"names": ["cat", "dog", "fox"]}}
    described = json.dumps({"info": {"features": features}})
    table = pa.table({"text": [f"t{i}" for i in range(30)], "label": [i % 3 for i in range(30)]})
    upload = tmp_path / "a.parquet"
    pq.write_table(table.replace_schema_metadata({"huggingface": described}), upload)
    send_out(upload, tmp_path / "a", {0: relabel("2")}, tmp_path / "out")
    kept = json.loads(pq.read_schema(tmp_path / "out").metadata[b"huggingface"])["info"]["features"]
    added = dict.fromkeys(("given_label", "corrected_label"), features["label"])
    assert kept == features | added


def test_a_column_called_given_label_is_never_overwritten(tmp_path):
    rows = [(f"words {i}", label_of(i)) for i in range(30)]
    upload = write(tmp_path / "a.csv", to_csv(("text", "given_label"), rows))
    send_out(upload, tmp_path / "a", {0: relabel("fox")}, tmp_path / "out.csv")
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[:3] == ["text,given_label,corrected_label", "words 0,cat,fox", "words 1,dog,dog"]


def test_a_second_round_of_corrections_keeps_the_first_given_label(tmp_path):
    upload = write(tmp_path / "a.jsonl", to_jsonl(text_rows()))
    send_out(upload, tmp_path / "a", {0: relabel("fox")}, tmp_path / "second")
    send_out(tmp_path / "second", tmp_path / "b", {0: relabel("dog")}, tmp_path / "third")
    row = json.loads((tmp_path / "third").read_text().splitlines()[0])
    assert (row["given_label"], row["corrected_label"], row["label"]) == ("cat", "dog", "dog")


def test_all_other_columns_are_untouched_whatever_their_type(tmp_path):
    count = 1500
    columns = {
        "text": pa.array([f"sentence {i}" for i in range(count)], pa.large_string()),
        "label": pa.array([i % 3 for i in range(count)], pa.int16()),
        "nested": [{"a": [i], "b": str(i)} for i in range(count)],
        "when": pa.array(range(count), pa.timestamp("us", "UTC")),
        "kind": pa.array(["x", "y", None] * 500).dictionary_encode(),
        "blob": [bytes([i % 256]) for i in range(count)],
    }
    upload = write_parquet(tmp_path / "a.parquet", columns)
    send_out(upload, tmp_path / "a", {1: relabel("0"), 1400: exclude()}, tmp_path / "out")
    before, after = pq.read_table(upload), pq.read_table(tmp_path / "out")
    assert after.schema.field("label").type == pa.int16()
    assert after.schema.field("given_label").type == pa.int16()
    keep = pa.array([i != 1400 for i in range(count)])
    for name in ("text", "nested", "when", "kind", "blob"):
        assert after[name].combine_chunks().equals(before[name].combine_chunks().filter(keep))
    assert after["label"].to_pylist()[:3] == [0, 0, 2]


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "U5", "S5"])
def test_npz_labels_keep_their_type_and_all_arrays_lose_excluded_rows(dtype, tmp_path):
    codes = np.array([i % 3 for i in range(30)])
    labels = codes.astype(dtype)
    cube = np.arange(30 * 8).reshape(30, 2, 4)
    upload = write_npz(
        tmp_path / "a.npz", X=np.asfortranarray(np.eye(30)), y=labels, cube=cube, note=np.arange(7)
    )
    corrections = {0: relabel("2"), 1: exclude()}
    send_out(upload, tmp_path / "a", corrections, tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz", allow_pickle=False) as after:
        assert set(after.files) == {"X", "y", "cube", "note", "given_label", "corrected_label"}
        assert after["y"].dtype == labels.dtype
        assert list(after["y"][:2].astype(int)) == [2, 2]
        assert list(after["given_label"][:2].astype(int)) == [0, 2]
        assert np.array_equal(after["cube"], np.delete(cube, 1, axis=0))
        assert np.array_equal(after["X"], np.delete(np.eye(30), 1, axis=0))
        assert np.array_equal(after["note"], np.arange(7))


def test_a_longer_class_name_widens_the_strings_of_an_npz(tmp_path):
    upload = make_form("npz-strings", tmp_path)
    send_out(upload, tmp_path / "a", {0: relabel("elephant")}, tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz") as after:
        assert after["labels"][0] == "elephant"


def test_a_class_without_a_code_is_refused(tmp_path):
    upload = make_form("npz", tmp_path)
    with pytest.raises(BadInput, match="elephant"):
        send_out(upload, tmp_path / "a", {0: relabel("elephant")}, tmp_path / "out.npz")


def test_the_wrong_form_or_format_is_refused(tmp_path):
    upload = make_form("csv", tmp_path)
    take_in(upload, tmp_path / "a")
    samples = tmp_path / "a" / "samples.parquet"
    with pytest.raises(BadInput):
        export("image", "imagefolder", upload, samples, {}, tmp_path / "out")
    with pytest.raises(BadInput):
        export("text", "csv", upload, samples, {}, tmp_path / "out", format="xlsx")
    assert not (tmp_path / "out").exists()


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
words = st.text(
    st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=8
).filter(lambda word: word.strip() not in ("", "nan", "NaN"))


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(cells, st.integers(0, 2)), min_size=10, max_size=40),
    names=st.lists(words, min_size=3, max_size=3, unique=True),
    delimiter=st.sampled_from([",", "\t", ";"]),
    data=st.data(),
)
def test_any_csv_keeps_every_cell(rows, names, delimiter, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("random")
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(["text", "label", "extra"])
    given_rows = [[f"t{cell}", names[code], cell] for cell, code in rows]
    writer.writerows(given_rows)
    upload = write(folder / "a.csv", text.getvalue())
    positions = data.draw(st.sets(st.integers(0, len(rows) - 1), max_size=5))
    labels = {position: relabel(names[0]) for position in positions}
    limits = Limits(smallest_dataset=1)
    if len({row[1] for row in given_rows}) < 2:
        return
    report = ingest(upload, filename="a", destination=folder / "a", limits=limits)
    samples = folder / "a" / "samples.parquet"
    export(report.kind, report.format, upload, samples, labels, folder / "out.csv")
    if not positions:
        assert (folder / "out.csv").read_bytes() == upload.read_bytes()
        return
    with (folder / "out.csv").open(encoding="utf-8", newline="") as file:
        back = list(csv.reader(file, delimiter=delimiter))
    assert back[0] == ["text", "label", "extra", "given_label", "corrected_label"]
    for position, (before, after) in enumerate(zip(given_rows, back[1:], strict=True)):
        final = names[0] if position in positions else before[1]
        assert after == [before[0], final, before[2], before[1], final]

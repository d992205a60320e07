"""Tables as people and programs write them: dialects, encodings, numbers, types, tools."""

import csv
import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.ingest import Limits, ingest
from service.ingest.columns.convert import to_numbers
from service.ingest.columns.numbers import NumberProfile
from tests.service.ingest.uploads import (
    CLASSES,
    folder_members,
    label_of,
    make_zip,
    refusal,
    take_in,
    to_csv,
    to_jsonl,
    write,
    write_npz,
    write_parquet,
)


def values(tmp_path, column, cells, **options):
    rows = [(label_of(i), cell) for i, cell in enumerate(cells)]
    target = io.StringIO()
    csv.writer(target, **options).writerows([("label", column), *rows])
    upload = write(tmp_path / "a.csv", target.getvalue())
    report, samples = take_in(upload, tmp_path / "out")
    return report, samples[f"feature.{column}"].to_pylist()


WRITTEN = {
    "decimal comma": ("{},5", lambda i: i + 0.5, {}),
    "decimal comma by semicolons": ("{},250", lambda i: i + 0.25, {"delimiter": ";"}),
    "thousands": ("{},000.5", lambda i: i * 1000 + 0.5, {}),
    "thousands alone": ("1{:02d},000", lambda i: (100 + i) * 1000, {}),
    "european": ("1.0{:02d},5", lambda i: 1000 + i + 0.5, {}),
    "percent": ("{}%", lambda i: i, {}),
    "money": ("${},000.5", lambda i: i * 1000 + 0.5, {}),
    "exponents": ("{}e3", lambda i: i * 1000, {}),
}


@pytest.mark.parametrize("style", WRITTEN)
def test_numbers_are_read_as_they_were_meant(style, tmp_path):
    form, meant, options = WRITTEN[style]
    report, read = values(tmp_path, "x", [form.format(i) for i in range(1, 41)], **options)
    assert report.columns.features == {"x": "numeric"}
    assert read == [meant(i) for i in range(1, 41)]
    assert style == "exponents" or any("Read the numbers of x" in w for w in report.warnings)


@pytest.mark.parametrize("between", ["'", "’", " ", "\u00a0", "\u202f"])
@pytest.mark.parametrize("money", ["{}", "€ {}", "{} €", "-{}"])
def test_groups_of_digits_and_signs_of_money_are_no_part_of_a_number(between, money, tmp_path):
    cells = [money.format(f"{i}{between}{i:03d}") for i in range(1, 41)]
    report, read = values(tmp_path, "x", cells)
    assert report.columns.features == {"x": "numeric"}
    sign = -1 if money.startswith("-") else 1
    assert read == [sign * (1000 * i + i) for i in range(1, 41)]


def test_numbers_beside_each_other_are_no_groups_of_digits(tmp_path):
    rows = [(label_of(i), f"{i} {i}", i) for i in range(40)]
    report, _ = take_in(
        write(tmp_path / "a.csv", to_csv(("label", "x", "y"), rows)), tmp_path / "o"
    )
    assert report.columns.features.get("x") != "numeric"


def test_dates_are_numbers_that_grow(tmp_path):
    report, read = values(tmp_path, "when", [f"2024-03-{1 + i % 28:02d}" for i in range(40)])
    assert report.columns.features == {"when": "numeric"}
    assert read[1] - read[0] == 86400


@pytest.mark.parametrize("word", ["-", "#N/A", "<NA>", "NULL", "unknown", "n.a."])
def test_words_among_numbers_are_missing_and_named(word, tmp_path):
    cells = [word if i % 8 == 0 else f"{i}.5" for i in range(40)]
    report, read = values(tmp_path, "x", cells)
    assert read[:2] == [None, 1.5]
    assert word != "unknown" or any("'unknown' (5)" in w for w in report.warnings)


def test_a_row_index_is_never_a_feature(tmp_path):
    rows = [(i, i * 7 % 5, label_of(i)) for i in range(40)]
    for name in ("", "Unnamed: 0", "nr"):
        upload = write(tmp_path / "a.csv", to_csv((name, "x", "label"), rows))
        report, _ = take_in(upload, tmp_path / f"out{len(name)}")
        assert list(report.columns.features) == ["x"]


def test_the_index_of_pandas_is_never_a_feature(tmp_path):
    metadata = {"pandas": json.dumps({"index_columns": ["__index_level_0__"]})}
    table = pa.table(
        {
            "x": np.arange(40.0) % 7,
            "__index_level_0__": [i % 20 for i in range(40)],
            "label": [label_of(i) for i in range(40)],
        }
    )
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "a.parquet")
    report, _ = take_in(tmp_path / "a.parquet", tmp_path / "out")
    assert list(report.columns.features) == ["x"]


def test_a_quantity_is_no_label(tmp_path):
    rows = [(f"{i * 1.37:.2f}", i % 7) for i in range(60)]
    error = refusal(write(tmp_path / "a.csv", to_csv(("target", "x"), rows)))
    assert error.type == "label-is-quantity"


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["1", "1.0", "2"], "'1' / '1.0'"),
        (["cafe\u0301", "caf\u00e9", "tea"], "as NFD"),
        (["NULL", "a", "b"], "'NULL'"),
        (["a", "b", "a;b"], "several labels in one"),
        (["nan", "a", "b"], "'nan', which was read as no label"),
    ],
)
def test_classes_that_may_be_meant_otherwise_are_pointed_out(labels, words, tmp_path):
    rows = [(f"some words {i}", labels[i % 3]) for i in range(30)]
    upload = write(tmp_path / "a.csv", to_csv(("text", "label"), rows))
    report, _ = take_in(upload, tmp_path / "out")
    assert any(words in warning for warning in report.warnings)


@pytest.mark.parametrize("beside", [["a", "b"], [{"x": 1}], [[0, 3], [4, 5]], {"a": 1}, [1, "a"]])
def test_what_stands_beside_text_and_label_is_ignored_with_a_word(beside, tmp_path):
    rows = [{"text": f"words {i}", "label": label_of(i), "more": beside} for i in range(30)]
    report, _ = take_in(write(tmp_path / "a.jsonl", to_jsonl(rows)), tmp_path / "out")
    assert report.kind == "text"
    assert any("Ignored more" in warning for warning in report.warnings)


@pytest.mark.parametrize("numbers", [[0, 5], [0.1, 0.9], [1]])
def test_numbers_beside_text_are_no_embedding(numbers, tmp_path):
    rows = [{"text": f"words {i}", "label": label_of(i), "span": numbers} for i in range(30)]
    report, _ = take_in(write(tmp_path / "a.jsonl", to_jsonl(rows)), tmp_path / "out")
    assert report.kind == "text"


@pytest.mark.parametrize("labels", [["a", "b"], [[0, 3, "LOC"]], [1, 2]])
def test_several_labels_are_named_as_such(labels, tmp_path):
    rows = [{"text": f"words {i}", "labels": labels} for i in range(30)]
    upload = write(tmp_path / "a.jsonl", to_jsonl(rows))
    assert refusal(upload).type == "multiple-labels"
    array = write(tmp_path / "a.json", json.dumps(rows))
    assert refusal(array).type == "multiple-labels"


def test_a_label_is_spelled_the_same_wherever_it_stands(tmp_path):
    rows = [{"text": f"w {i}", "label": 1.0 if i < 1500 else 2} for i in range(3000)]
    rows[2000]["label"] = "x"
    report, _ = take_in(write(tmp_path / "a.jsonl", to_jsonl(rows)), tmp_path / "out")
    assert report.class_names == ["1", "2", "x"]


def test_prodigy_examples_that_were_rejected_have_no_label(tmp_path):
    rows = [
        {"text": f"w {i}", "label": label_of(i), "answer": "reject" if i < 5 else "accept",
         "_task_hash": i, "_input_hash": i}
        for i in range(30)
    ]  # fmt: skip
    _, samples = take_in(write(tmp_path / "a.jsonl", to_jsonl(rows)), tmp_path / "out")
    assert samples["given_label"].null_count == 5


def test_a_csv_of_this_service_gives_its_labels_back(tmp_path):
    from service.exports.formats import export

    rows = [(f"words {i}", "+-"[i % 2]) for i in range(30)]
    upload = write(tmp_path / "a.csv", to_csv(("text", "label"), rows))
    report, _ = take_in(upload, tmp_path / "in")
    samples = tmp_path / "in" / "samples.parquet"
    export(report.kind, report.format, upload, samples, {}, tmp_path / "b.csv", format="csv")
    again, _ = take_in(tmp_path / "b.csv", tmp_path / "again")
    assert again.class_names == ["+", "-"]


def test_probabilities_in_another_order_are_refused_with_the_order_that_fits(tmp_path):
    codes = np.arange(60) % 3
    probabilities = np.full((60, 3), 0.1)
    probabilities[np.arange(60), codes] = 0.8
    names = np.array(CLASSES)[codes]
    good = write_npz(tmp_path / "good.npz", pred_probs=probabilities, label=names)
    assert take_in(good, tmp_path / "out")[0].kind == "probabilities"
    turned = write_npz(tmp_path / "a.npz", pred_probs=probabilities[:, [2, 0, 1]], label=names)
    error = refusal(turned)
    assert error.type == "class-order-mismatch"
    assert "fox, cat, dog" in error.detail


@pytest.mark.parametrize("form", ["prob_{}", "p({})", "{}", "{} score", "pred_proba_{}"])
def test_a_column_of_probabilities_for_each_class_is_read_as_such(form, tmp_path):
    header = ("label", *(form.format(name) for name in ("fox", "cat", "dog")))
    rows = []
    for i in range(60):
        shares = {name: 0.8 if name == label_of(i) else 0.1 for name in CLASSES}
        rows.append((label_of(i), shares["fox"], shares["cat"], shares["dog"]))
    report, samples = take_in(write(tmp_path / "a.csv", to_csv(header, rows)), tmp_path / "out")
    assert (report.kind, report.class_names) == ("probabilities", ["fox", "cat", "dog"])
    assert samples["pred_probs"][0].as_py() == pytest.approx([0.1, 0.8, 0.1])


def test_other_work_is_refused_by_its_name(tmp_path):
    coco = json.dumps({"images": [], "annotations": [], "categories": []})
    conll = "Berlin B-LOC\nis O\n\n" * 10
    boxes = {f"images/{i}.png": b for i, b in enumerate(folder_members().values())}
    yolo = {f"labels/{i}.txt": "0 0.5 0.5 0.1 0.2\n" for i in range(30)}
    voc = {f"Annotations/{i}.xml": "<annotation><object></object></annotation>" for i in range(30)}
    for upload, name in (
        (write(tmp_path / "a.json", coco), "COCO"),
        (write(tmp_path / "b.txt", conll), "CoNLL"),
        (make_zip(tmp_path / "c.zip", {**boxes, **yolo}), "YOLO"),
        (make_zip(tmp_path / "d.zip", {**boxes, **voc}), "Pascal VOC"),
    ):
        error = refusal(upload)
        assert error.status == 415
        assert name in error.detail


cells = st.text(
    st.characters(codec="utf-8", exclude_categories=["C"], exclude_characters="\r\n"), max_size=10
)


@settings(max_examples=80, deadline=None)
@given(
    rows=st.lists(cells, min_size=10, max_size=20),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
)
def test_any_text_is_read_back_from_any_dialect(
    rows, delimiter, quoting, encoding, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("random")
    texts = [f"t{cell}." for cell in rows]
    target = io.StringIO(newline="")
    writer = csv.writer(target, delimiter=delimiter, quoting=quoting)
    writer.writerows([("text", "label"), *((t, label_of(i)) for i, t in enumerate(texts))])
    upload = write(folder / "a", target.getvalue().encode(encoding))
    ingest(upload, filename="a", destination=folder / "o", limits=Limits(smallest_dataset=1))
    assert pq.read_table(folder / "o" / "samples.parquet")["text"].to_pylist() == texts


@settings(max_examples=100, deadline=None)
@given(
    numbers=st.lists(st.integers(-(10**9), 10**9).map(lambda n: n / 100), min_size=1, max_size=20),
    style=st.sampled_from(["plain", "thousands", "decimal-comma"]),
)
def test_any_number_is_read_back_from_any_style(numbers, style):
    forms = {
        "plain": "{:.2f}".format,
        "thousands": "{:,.2f}".format,
        "decimal-comma": lambda n: f"{n:,.2f}".translate(str.maketrans(",.", ".,")),
    }
    column = pa.array([forms[style](number) for number in numbers])
    profile = NumberProfile()
    profile.add(column)
    found = profile.style()
    assert found is not None
    assert to_numbers(column, found).to_pylist() == pytest.approx(numbers)


def test_every_arrow_type_is_read_or_named(tmp_path):
    types = [
        *(pa.int8(), pa.uint64(), pa.float16(), pa.bool_(), pa.date32(), pa.date64()),
        *(pa.timestamp("ns"), pa.timestamp("s", "UTC"), pa.time32("s"), pa.duration("ms")),
        *(pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.decimal128(9, 2)),
        *(pa.list_(pa.string()), pa.large_list(pa.int8()), pa.list_(pa.float32(), 2), pa.null()),
        *(pa.struct([("a", pa.int8())]), pa.map_(pa.string(), pa.int8()), pa.binary(3)),
        *(pa.dictionary(pa.int8(), pa.int64()), pa.month_day_nano_interval()),
    ]
    columns = {f"c{i}": pa.nulls(40, type) for i, type in enumerate(types)}
    columns |= {"x": np.arange(40.0) % 7, "label": [label_of(i) for i in range(40)]}
    try:
        upload = write_parquet(tmp_path / "a.parquet", columns)
    except pa.ArrowNotImplementedError:  # Parquet has no intervals
        columns.pop(f"c{len(types) - 1}")
        upload = write_parquet(tmp_path / "a.parquet", columns)
    report, _ = take_in(upload, tmp_path / "out")
    assert list(report.columns.features) == ["x"]
    assert set(report.columns.ignored) == set(columns) - {"x", "label"}

"""The flat forms, the patch and the table of suspects."""

import csv
import io
import json
import time
from datetime import UTC, datetime, timedelta, timezone

import pyarrow.parquet as pq
import pytest

from service.exports.formats import (
    SUSPECT_COLUMNS,
    Correction,
    export,
    write_suspects,
)
from service.exports.formats.cells import escape
from tests.service.ingest.uploads import (
    CLASSES,
    label_of,
    make_form,
    take_in,
    to_csv,
    write,
)

WHEN = datetime(2026, 11, 23, 13, 30, tzinfo=timezone(timedelta(hours=1)))
LABELS = {
    2: Correction("cat", "relabel", "ann", WHEN, certificate="ce_1"),
    7: Correction(None, "exclude", "bob", WHEN, excluded=True),
    5: Correction(None, "keep", None, datetime(2026, 1, 1)),
}


def flat(tmp_path, form, format, **options):
    upload = make_form(form, tmp_path)
    report, _ = take_in(upload, tmp_path / "a")
    samples = tmp_path / "a" / "samples.parquet"
    out = tmp_path / "out"
    suffix = export(
        report.kind, report.format, upload, samples, LABELS, out, format=format, **options
    )
    return out, suffix


def test_flat_parquet_has_the_decision_beside_the_labels(tmp_path):
    out, _ = flat(tmp_path, "csv", "parquet")
    table = pq.read_table(out)
    assert table.column_names == [
        "sample_id", "given_label", "corrected_label", "verdict", "annotator", "corrected_at",
        "certificate", "text",
    ]  # fmt: skip
    rows = table.to_pylist()
    assert len(rows) == 29
    assert list(rows[2].values())[1:6] == ["fox", "cat", "relabel", "ann", "2026-11-23T12:30:00Z"]
    assert list(rows[3].values())[1:6] == ["cat", "cat", None, None, None]
    assert list(rows[5].values())[1:6] == ["fox", "fox", "keep", None, "2026-01-01T00:00:00Z"]
    assert "s7" not in table["sample_id"].to_pylist()


@pytest.mark.parametrize("format", ["csv", "parquet", "patch"])
def test_corrections_reach_their_rows_in_every_batch(format, tmp_path):
    """Samples are read 1,024 at a time."""
    count, excluded = 2100, {1100}
    corrected = {p: CLASSES[(p + 1) % 3] for p in (0, 1023, 1024, 1500, 2048, 2099)}
    labels = {p: Correction(label, "relabel", "ann", WHEN) for p, label in corrected.items()}
    labels |= {p: Correction(None, "exclude", "bob", WHEN, excluded=True) for p in excluded}
    upload = make_form("jsonl", tmp_path, count)
    report, _ = take_in(upload, tmp_path / "a")
    samples, out = tmp_path / "a" / "samples.parquet", tmp_path / "out"
    told: list[float] = []
    export(
        report.kind, report.format, upload, samples, labels, out,
        format=format, on_progress=told.append,
    )  # fmt: skip
    if format == "patch":
        rows = [json.loads(line) for line in out.read_text().splitlines()]
        assert [row["sample_id"] for row in rows] == [f"s{p}" for p in sorted(labels)]
    elif format == "csv":
        rows = list(csv.DictReader(io.StringIO(out.read_text(), newline="")))
    else:
        rows = pq.read_table(out).to_pylist()
    by_id = {row["sample_id"]: row for row in rows}
    for position in range(count) if format != "patch" else sorted(labels):
        if position in excluded:
            assert format == "patch" or f"s{position}" not in by_id
            continue
        row = by_id[f"s{position}"]
        assert row["given_label"] == label_of(position)
        assert row["corrected_label"] == corrected.get(position, label_of(position))
        assert (row["verdict"] or None) == ("relabel" if position in corrected else None)
    if format != "patch":
        assert told == pytest.approx([1024 / count, 2048 / count, 1.0])


def test_flat_features_have_their_own_names_again(tmp_path):
    out, _ = flat(tmp_path, "parquet-integers", "csv")
    with out.open() as file:
        header = next(csv.reader(file))
    assert header[-2:] == ["f_a", "f_b"]


def test_flat_images_keep_their_file_but_not_its_place(tmp_path):
    out, _ = flat(tmp_path, "image-manifest", "parquet")
    assert pq.read_table(out).column_names[-1] == "file"


def test_vectors_go_into_parquet_and_not_into_csv(tmp_path):
    out, _ = flat(tmp_path, "npz", "parquet")
    assert "embedding" in pq.read_table(out).column_names
    out, _ = flat(tmp_path, "npz", "csv")
    assert "embedding" not in out.read_text()


def test_a_patch_lists_every_decision_and_nothing_else(tmp_path):
    out, suffix = flat(tmp_path, "jsonl", "patch")
    assert suffix == ".jsonl"
    assert [json.loads(line) for line in out.read_text().splitlines()] == [
        {
            "sample_id": "s2",
            "given_label": "fox",
            "corrected_label": "cat",
            "verdict": "relabel",
            "annotator": "ann",
            "corrected_at": "2026-11-23T12:30:00Z",
            "excluded": False,
            "certificate": "ce_1",
        },
        {
            "sample_id": "s5",
            "given_label": "fox",
            "corrected_label": "fox",
            "verdict": "keep",
            "annotator": None,
            "corrected_at": "2026-01-01T00:00:00Z",
            "excluded": False,
            "certificate": None,
        },
        {
            "sample_id": "s7",
            "given_label": "dog",
            "corrected_label": None,
            "verdict": "exclude",
            "annotator": "bob",
            "corrected_at": "2026-11-23T12:30:00Z",
            "excluded": True,
            "certificate": None,
        },
    ]


@pytest.mark.parametrize("cell", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1"])
def test_cells_that_a_spreadsheet_would_run_are_quoted(cell):
    assert escape(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["", "cat", "-1", "+4.5e-3", "-.5", "a=b", "1-2"])
def test_numbers_and_words_are_left_alone(cell):
    assert escape(cell) == cell


@pytest.mark.parametrize(
    ("format", "option", "expected"),
    [
        ("csv", None, "'=HYPERLINK(1)"),
        ("csv", False, "=HYPERLINK(1)"),
        ("original", None, "=HYPERLINK(1)"),
        ("original", True, "'=HYPERLINK(1)"),
    ],
)
def test_formulas_are_escaped_in_the_spreadsheet_form_or_when_asked(
    format, option, expected, tmp_path
):
    rows = [("=HYPERLINK(1)" if i == 0 else f"words {i}", label_of(i)) for i in range(30)]
    upload = write(tmp_path / "a.csv", to_csv(("text", "label"), rows))
    report, _ = take_in(upload, tmp_path / "a")
    samples, out = tmp_path / "a" / "samples.parquet", tmp_path / "out"
    export(
        report.kind, report.format, upload, samples, {}, out,
        format=format, escape_formulas=option,
    )  # fmt: skip
    with out.open(newline="") as file:
        assert next(csv.DictReader(file))["text"] == expected


SUSPECTS = [
    {"rank": 1, "sample_id": "=a", "given_label": "cat", "predicted_label": "dog",
     "tier": "obvious", "p_wrong": 0.9, "p_wrong_low": 0.8, "p_wrong_high": 0.95,
     "label_score": 0.1,
     "suggested_label": "dog", "suggested_label_confidence": 0.85,
     "reason": 'never learned, "so"',
     "state": "open"},
    {"rank": 2, "sample_id": "b", "given_label": "dog", "predicted_label": "dog", "tier": "none",
     "p_wrong": 0.1, "p_wrong_low": 0.0, "p_wrong_high": 0.2, "label_score": 0.9,
     "suggested_label": None, "suggested_label_confidence": None, "reason": ""},
]  # fmt: skip


def test_suspects_as_csv_have_the_columns_that_cleanlab_has():
    target = io.BytesIO()
    write_suspects(iter(SUSPECTS), target, "csv")
    rows = list(csv.DictReader(io.StringIO(target.getvalue().decode())))
    assert tuple(rows[0]) == SUSPECT_COLUMNS
    assert [row["sample_id"] for row in rows] == ["'=a", "b"]
    assert [row["is_label_issue"] for row in rows] == ["True", "False"]
    assert [float(row["label_quality"]) for row in rows] == [0.1, 0.9]
    assert rows[0]["reason"] == 'never learned, "so"'
    assert rows[1]["suggested_label"] == ""


def test_suspects_as_parquet_keep_their_types():
    target = io.BytesIO()
    write_suspects(iter(SUSPECTS * 5000), target, "parquet")
    table = pq.read_table(io.BytesIO(target.getvalue()))
    assert tuple(table.column_names) == SUSPECT_COLUMNS
    assert table.num_rows == 10_000
    assert table["is_label_issue"].to_pylist()[:2] == [True, False]
    assert table["suggested_label_confidence"].to_pylist()[:2] == [0.85, None]


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_no_suspects_still_make_a_file_with_columns(format):
    target = io.BytesIO()
    write_suspects([], target, format)
    content = target.getvalue()
    if format == "csv":
        assert content.decode().strip().split(",") == list(SUSPECT_COLUMNS)
    else:
        assert pq.read_table(io.BytesIO(content)).num_rows == 0


@pytest.fixture
def far_from_greenwich(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("far_from_greenwich")
def test_a_naive_time_is_taken_for_utc():
    assert Correction(None, "keep", corrected_at=datetime(2026, 1, 1)).timestamp == (
        Correction(None, "keep", corrected_at=datetime(2026, 1, 1, tzinfo=UTC)).timestamp
    )

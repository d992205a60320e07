"""Numbers that JSON cannot contain, from an upload to each export."""

import json
import math
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.core.errors import BadDataset
from service.exports.formats import Correction, export
from tests.service.ingest.uploads import take_in, write

WHEN = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
CHANGED = Correction("a", "relabel", "ann", WHEN)  # of row 3, which is a "b"
FORMS = ("csv", "jsonl", "json", "parquet")


def strict(text):
    """As every other program reads JSON: without NaN and Infinity."""

    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def table(form, number, folder):
    """A table whose row 3 has the number in the column `age`."""
    rows = [{"age": n + 0.5, "size": 2.0 * n, "label": "ab"[n % 2]} for n in range(30)]
    rows[3]["age"] = number
    path = folder / f"table.{form}"
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
        return path
    if form == "csv":
        text = "age,size,label\n" + "".join(f"{r['age']},{r['size']},{r['label']}\n" for r in rows)
    elif form == "json":
        text = json.dumps(rows)
    else:
        text = "".join(json.dumps(row) + "\n" for row in rows)
    return write(path, text.encode())


def exported(upload, folder, format):
    report, _ = take_in(upload, folder / "taken")
    target = folder / "exported"
    samples = folder / "taken" / "samples.parquet"
    export(report.kind, report.format, upload, samples, {3: CHANGED}, target, format=format)
    return target


@pytest.mark.parametrize("form", FORMS)
def test_a_number_that_is_none_is_null_in_label_studio(form, tmp_path):
    tasks = strict(exported(table(form, math.nan, tmp_path), tmp_path, "label-studio").read_text())
    assert tasks[3]["data"]["row"] == {"age": None, "size": 6}
    assert tasks[4]["data"]["row"] == {"age": 4.5, "size": 8}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("format", ["original", "csv", "parquet", "patch"])
def test_it_stops_no_other_export(form, format, tmp_path):
    assert exported(table(form, math.nan, tmp_path), tmp_path, format).stat().st_size


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("number", [math.inf, -math.inf])
def test_an_infinite_number_is_refused_with_its_place_before_anything_is_audited(
    form, number, tmp_path
):
    with pytest.raises(BadDataset) as refused:
        take_in(table(form, number, tmp_path), tmp_path / "taken")
    assert refused.value.type == "non-finite-features"
    [place] = refused.value.errors
    assert (place["row"], place["column"]) == (4, "age")


TOO_LARGE = ("1e999", "-1E+400", "1" * 400 + ".5")


@pytest.mark.parametrize("layout", ["jsonl", "json"])
@pytest.mark.parametrize("number", TOO_LARGE)
def test_a_number_too_large_for_a_float_leaves_the_original_valid_json(layout, number, tmp_path):
    """It is in a column that is not audited, of a row whose label is corrected."""
    rows = [
        f'{{"text": "to {n}", "label": "{"ab"[n % 2]}", "seen": {{"at": [{number}, 1.5]}}}}'
        for n in range(30)
    ]
    text = "\n".join(rows) if layout == "jsonl" else f"[{','.join(rows)}]"
    written = exported(
        write(tmp_path / f"a.{layout}", text.encode()), tmp_path, "original"
    ).read_text()
    found = (
        [strict(line) for line in written.splitlines()] if layout == "jsonl" else strict(written)
    )
    assert (found[3]["label"], found[3]["given_label"], found[2]["label"]) == ("a", "b", "a")
    assert found[3]["seen"] == {"at": [float(number), 1.5]}


def test_a_file_that_says_infinity_keeps_its_own_word(tmp_path):
    rows = [
        f'{{"text": "to {n}", "label": "{"ab"[n % 2]}", "seen": [Infinity, 1e999]}}'
        for n in range(30)
    ]
    upload = write(tmp_path / "a.jsonl", "\n".join(rows).encode())
    written = exported(upload, tmp_path, "original").read_text().splitlines()
    assert '"seen": [Infinity, Infinity]' in written[3]
    assert '"seen": [Infinity, 1e999]' in written[2]

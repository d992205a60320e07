"""Tables that cannot become a dataset are refused with the rows at fault."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.ingest import ColumnRoles, Limits
from tests.service.ingest.uploads import (
    label_of,
    make_form,
    refusal,
    take_in,
    text_rows,
    to_csv,
    to_jsonl,
    write,
    write_parquet,
)

GOOD = to_csv(("text", "label"), [(f"sentence {i}", label_of(i)) for i in range(30)])


def csv_refusal(tmp_path, content, **options):
    return refusal(write(tmp_path / "a.csv", content), **options)


def jsonl_refusal(tmp_path, rows, **options):
    return refusal(write(tmp_path / "a.jsonl", to_jsonl(rows)), **options)


def test_an_empty_file_is_refused(tmp_path):
    assert csv_refusal(tmp_path, "").type == "empty-file"


@pytest.mark.parametrize(
    "head",
    [b"MZ\x90\0", b"Rar!\x1a\x07", b"\x80\x04\x95", b"\xd0\xcf\x11\xe0\xa1\xb1",
     b"7z\xbc\xaf\x27\x1c", b"SQLite format 3\0", b"\x93NUMPY\x01\0", b"\x89HDF\r\n",
     b"%PDF-1.7", b"\xff\xd8\xff\xe0", b"<!doctype html>"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["data.csv", "data.xlsx"])
def test_unknown_types_are_refused_by_content_whatever_they_are_called(head, name, tmp_path):
    error = refusal(write(tmp_path / name, head + b"x" * 100))
    assert (error.type, error.status) == ("unsupported-media-type", 415)


@pytest.mark.parametrize("name", ["data.zip", "data.npz", "data.parquet"])
def test_text_under_a_binary_name_is_refused(name, tmp_path):
    error = refusal(write(tmp_path / name, GOOD))
    assert (error.type, error.status) == ("content-type-mismatch", 415)


def test_a_git_lfs_pointer_is_recognised(tmp_path):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n"
    assert "git lfs pull" in refusal(write(tmp_path / "a.parquet", pointer)).detail


@pytest.mark.parametrize("padding", [0, 1 << 20, (1 << 20) - 3])
def test_bytes_that_are_not_utf8_are_refused_with_their_offset(padding, tmp_path):
    start = GOOD.encode() + b"x" * padding
    error = csv_refusal(tmp_path, start + b"caf\x81,cat\n")
    assert error.type == "invalid-encoding"
    assert f"Byte {len(start) + 3} " in error.detail
    assert "line 32" in error.detail


def test_a_character_cut_by_a_block_of_the_scan_is_still_one_character(tmp_path):
    for padding in range(1 << 20, (1 << 20) - 5, -1):
        text = "text,label\n" + "a" * (padding - 11 - 2) + "é\n"
        error = csv_refusal(tmp_path, text)
        assert error.type != "invalid-encoding"


def test_nul_bytes_are_refused(tmp_path):
    error = csv_refusal(tmp_path, GOOD + "a\0b,cat\n")
    assert error.type == "invalid-character"
    assert "line 32" in error.detail


def test_ragged_rows_are_refused_with_the_first_twenty(tmp_path):
    error = csv_refusal(tmp_path, GOOD + "too,many,fields\n" + "few\n" * 30)
    assert error.type == "csv-malformed"
    assert [item["row"] for item in error.errors] == list(range(31, 51))


def test_rows_are_numbered_by_record_not_by_line(tmp_path):
    error = csv_refusal(tmp_path, 'text,label\n"two\nlines",cat\n\n"x","dog"\nragged\n')
    assert [item["row"] for item in error.errors] == [3]


@pytest.mark.parametrize("tail", ['"never, closed,cat\n', '"closed"too, early,cat\n'])
def test_broken_quotes_are_refused_with_their_line(tail, tmp_path):
    """A file that is regular neither with quotes nor without them."""
    error = csv_refusal(tmp_path, GOOD + tail)
    assert error.type == "csv-malformed"
    assert "Line 3" in error.detail


def test_a_header_with_one_name_twice_is_refused(tmp_path):
    error = csv_refusal(tmp_path, "text,label,text\na,b,c\n")
    assert error.type == "csv-malformed"
    assert error.errors[0]["column"] == "text"


def test_a_missing_header_is_noted_and_columns_are_numbered(tmp_path):
    error = csv_refusal(tmp_path, "1,2.5\n3,4\n")
    assert error.type == "label-column-missing"
    assert "column_1, column_2" in error.detail


def test_a_field_beyond_a_megabyte_is_refused(tmp_path):
    error = csv_refusal(tmp_path, GOOD + "x" * (1 << 20) + "x,cat\n")
    assert error.type == "csv-limits"


def test_a_quote_left_open_does_not_swallow_a_large_file(tmp_path):
    row = "more, and more text,cat\n"
    assert csv_refusal(tmp_path, GOOD + '"' + row * 100_000).type == "csv-limits"


def test_too_many_columns_are_refused(tmp_path):
    header = ",".join(f"c{i}" for i in range(100_000))
    assert csv_refusal(tmp_path, header + "\n").type == "csv-limits"


def test_too_many_rows_are_refused(tmp_path):
    limits = Limits(rows=29)
    assert csv_refusal(tmp_path, GOOD, limits=limits).type == "too-many-rows"
    assert jsonl_refusal(tmp_path, text_rows(), limits=limits).type == "too-many-rows"
    parquet = make_form("parquet", tmp_path)
    assert refusal(parquet, limits=limits).type == "parquet-too-large"


def test_a_table_without_labels_is_refused_with_its_columns(tmp_path):
    error = csv_refusal(tmp_path, GOOD.replace("label", "lable"))
    assert error.type == "label-column-missing"
    assert "text, lable" in error.detail


def test_labels_all_missing_are_refused(tmp_path):
    rows = [{**row, "label": None} for row in text_rows()]
    assert jsonl_refusal(tmp_path, rows).type == "labels-missing"


def test_missing_labels_are_refused_if_the_caller_says_so(tmp_path):
    rows = text_rows()
    rows[7]["label"] = ""
    error = jsonl_refusal(tmp_path, rows, limits=Limits(missing_labels="refuse"))
    assert error.type == "labels-missing"
    assert [item["row"] for item in error.errors] == [8]


def test_one_class_is_too_few(tmp_path):
    rows = [{**row, "label": "cat"} for row in text_rows()]
    assert jsonl_refusal(tmp_path, rows).type == "too-few-classes"


def test_a_class_with_one_member_is_reported_and_refused_only_if_asked(tmp_path):
    rows = text_rows()
    rows[0]["label"] = "catt"
    upload = write(tmp_path / "a.jsonl", to_jsonl(rows))
    report, _ = take_in(upload, tmp_path / "out")
    assert any("catt (1)" in warning for warning in report.warnings)
    error = refusal(upload, limits=Limits(smallest_class=2))
    assert error.type == "class-too-small"
    assert "catt" in error.errors[0]["detail"]


@pytest.mark.parametrize("count", [0, 1, 9])
def test_too_few_samples_are_refused(count, tmp_path):
    content = to_csv(("text", "label"), [(f"words {i}", label_of(i)) for i in range(count)])
    error = csv_refusal(tmp_path, content)
    assert error.type in ("too-few-samples", "too-few-classes", "no-features")


def test_a_label_that_differs_in_every_row_is_refused(tmp_path):
    rows = [{**row, "label": f"unique {i}"} for i, row in enumerate(text_rows(100))]
    assert jsonl_refusal(tmp_path, rows).type == "too-few-samples"
    assert jsonl_refusal(tmp_path, rows, limits=Limits(classes=50)).type == "too-many-classes"


@pytest.mark.parametrize("other", ["s3", "Ame\u0301lie"])
def test_ids_given_twice_are_refused_with_their_rows(other, tmp_path):
    rows = text_rows()
    rows[3]["sample_id"] = {"s3": "s3", "Ame\u0301lie": "Amélie"}[other]
    rows[20]["sample_id"] = other
    error = jsonl_refusal(tmp_path, rows)
    assert error.type == "duplicate-sample-id"
    assert error.errors[0]["row"] == 21
    assert "row 4" in error.errors[0]["detail"]


def test_a_sample_without_an_id_is_refused(tmp_path):
    rows = text_rows()
    rows[5]["sample_id"] = ""
    error = jsonl_refusal(tmp_path, rows)
    assert error.type == "sample-id-missing"
    assert error.errors[0]["row"] == 6


def test_a_column_called_id_that_is_none_is_passed_over_with_a_word(tmp_path):
    rows = [(f"sentence {i}", label_of(i), i // 2) for i in range(30)]
    upload = write(tmp_path / "a.csv", to_csv(("text", "label", "id"), rows))
    report, samples = take_in(upload, tmp_path / "out")
    assert samples["sample_id"][3].as_py() == "3"
    assert any("id" in warning and "unique" in warning for warning in report.warnings)


def test_a_manifest_without_its_images_is_refused(tmp_path):
    rows = [(f"{i}.png", label_of(i)) for i in range(30)]
    error = csv_refusal(tmp_path, to_csv(("file", "label"), rows))
    assert error.type == "manifest-mismatch"


@pytest.mark.parametrize("value", ["inf", "-Infinity"])
def test_infinite_features_are_refused(value, tmp_path):
    rows = [(value if i == 6 else i, label_of(i)) for i in range(30)]
    error = csv_refusal(tmp_path, to_csv(("size", "label"), rows))
    assert error.type == "non-finite-features"
    assert error.errors[0] == {"detail": "infinite", "row": 7, "column": "size"}


def test_constant_columns_alone_are_no_features(tmp_path):
    error = csv_refusal(tmp_path, to_csv(("a", "label"), [(1, label_of(i)) for i in range(30)]))
    assert error.type == "no-features"
    assert "same value" in error.detail


@pytest.mark.parametrize("role", ["sample_id", "label", "text", "file"])
def test_a_role_for_a_column_that_is_not_there_is_refused_by_name(role, tmp_path):
    named: dict[str, Any] = {role: "nope"}
    error = csv_refusal(tmp_path, GOOD, roles=ColumnRoles(**named))
    assert error.type == "column-unknown"
    assert "nope" in error.detail
    assert "text, label" in error.detail


@pytest.mark.parametrize(
    ("line", "slug"),
    [
        ('{"text": "a", "label": ', "json-invalid"),
        ("[1, 2]", "json-invalid"),
        ('"text"', "json-invalid"),
        ('{"text": ' + "[" * 100_000 + "]" * 100_000 + "}", "json-invalid"),
        ('{"text": "a", "label": ' + "9" * 5000 + "}", "json-invalid"),
        ('{"text": "a", "label": "\\ud800"}', "invalid-character"),
        ('{"text": "a", "label": "\\u0000"}', "invalid-character"),
        ('{"text": "a\\u0000", "label": "cat"}', "invalid-character"),
        ('{"text": [1, "a"], "label": "cat"}', "no-features"),
    ],
)
def test_bad_json_lines_are_refused_with_their_row(line, slug, tmp_path):
    good = to_jsonl([{"text": f"words {i}", "label": label_of(i)} for i in range(30)])
    error = refusal(write(tmp_path / "a.jsonl", good + line + "\n"))
    assert error.type == slug
    assert slug == "no-features" or error.errors[0]["row"] in (31, 1)


def test_json_lines_that_are_not_utf8_are_refused_with_the_offset(tmp_path):
    good = to_jsonl(text_rows()).encode()
    error = refusal(write(tmp_path / "a.jsonl", good + b'{"text": "caf\xe9"}\n'))
    assert error.type == "invalid-encoding"
    assert f"Byte {len(good) + 13} " in error.detail


def test_a_json_line_without_end_is_refused(tmp_path):
    content = to_jsonl(text_rows()) + '{"text": "' + "x" * (20 << 20)
    assert refusal(write(tmp_path / "a.jsonl", content)).type == "line-too-long"


def test_numbers_beyond_64_bits_do_not_break_the_reader(tmp_path):
    rows = [{"f_a": 10**30 * (i % 5 + 1), "label": label_of(i)} for i in range(30)]
    report, _ = take_in(write(tmp_path / "a.jsonl", to_jsonl(rows)), tmp_path / "out")
    assert report.columns.features == {"f_a": "numeric"}


@pytest.mark.parametrize("damage", [lambda d: d[:-20], lambda d: d[:100], lambda _: b"PAR1PAR1"])
def test_a_parquet_file_without_a_sound_footer_is_refused(damage, tmp_path):
    upload = make_form("parquet", tmp_path)
    assert refusal(write(upload, damage(upload.read_bytes()))).type == "parquet-invalid"


def test_a_parquet_file_damaged_in_the_middle_is_refused(tmp_path):
    upload = make_form("parquet", tmp_path, 20_000)
    data = bytearray(upload.read_bytes())
    data[2000:3000] = bytes(1000)
    assert refusal(write(upload, bytes(data))).type == "parquet-invalid"


def test_a_parquet_file_that_expands_beyond_the_limit_is_refused_unread(tmp_path):
    upload = write_parquet(
        tmp_path / "a.parquet",
        {"f_a": np.zeros(2_000_000), "label": pa.array(["a"] * 2_000_000)},
        compression="zstd",
    )
    assert upload.stat().st_size < 100_000
    error = refusal(upload, limits=Limits(unpacked_table=20_000_000))
    assert error.type == "parquet-too-large"


def test_a_huge_string_that_a_dictionary_repeats_is_refused(tmp_path):
    giant = pa.DictionaryArray.from_arrays(np.zeros(50_000, np.int32), ["x" * (5 << 20)])
    columns = {"text": giant, "label": [label_of(i) for i in range(50_000)]}
    upload = write_parquet(tmp_path / "a.parquet", columns, compression="zstd")
    error = refusal(upload)
    assert error.type == "parquet-too-large"
    assert error.errors[0]["column"] == "text"


def test_a_role_for_a_nested_column_is_refused_and_without_one_it_is_ignored(tmp_path):
    nested = [{"a": i} for i in range(30)]
    texts = [f"sentence {i}" for i in range(30)]
    columns = {"meta": nested, "text": texts, "label": [label_of(i) for i in range(30)]}
    upload = write_parquet(tmp_path / "a.parquet", columns)
    error = refusal(upload, roles=ColumnRoles(text="meta"))
    assert error.type == "column-type-unsupported"
    report, _ = take_in(upload, tmp_path / "out")
    assert report.columns.ignored == ["meta"]


def test_an_extension_type_has_no_role(tmp_path):
    ids = pa.array([bytes([i]) * 16 for i in range(30)], pa.binary(16))
    column = pa.ExtensionArray.from_storage(pa.uuid(), ids)
    table = pa.table({"text": column, "label": [label_of(i) for i in range(30)]})
    pq.write_table(table, tmp_path / "a.parquet")
    error = refusal(tmp_path / "a.parquet", roles=ColumnRoles(text="text"))
    assert error.type == "column-type-unsupported"


def test_vectors_of_different_width_are_refused(tmp_path):
    vectors = [[1.0, 2.0]] * 17 + [[1.0]] + [[3.0, 4.0]] * 12
    rows = [{"embedding": v, "label": label_of(i)} for i, v in enumerate(vectors)]
    error = jsonl_refusal(tmp_path, rows)
    assert error.type == "shape-mismatch"
    assert error.errors[0]["row"] == 18


def test_vectors_with_nan_are_refused(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(30, 4))
    vectors[11, 2] = np.nan
    columns = {"embedding": list(vectors), "label": [label_of(i) for i in range(30)]}
    error = refusal(write_parquet(tmp_path / "a.parquet", columns))
    assert error.type == "non-finite-features"
    assert error.errors[0]["row"] == 12


def test_an_interrupted_ingest_leaves_nothing_behind(tmp_path):
    from service.ingest import ingest

    def stop(share):
        if share > 0.5:
            raise KeyboardInterrupt

    upload = make_form("jsonl", tmp_path, 5000)
    with pytest.raises(KeyboardInterrupt):
        ingest(upload, filename="a", destination=tmp_path / "out", on_progress=stop)
    assert not (tmp_path / "out").exists()


def test_a_failed_ingest_does_not_touch_what_was_there(tmp_path):
    from service.core.errors import BadDataset
    from service.ingest import ingest

    (tmp_path / "out").mkdir()
    write(tmp_path / "out" / "upload", GOOD.replace("dog", "cat").replace("fox", "cat"))
    with pytest.raises(BadDataset):
        ingest(tmp_path / "out" / "upload", filename="a", destination=tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["upload"]


def test_every_refusal_is_a_problem_that_json_can_carry(tmp_path):
    problem = csv_refusal(tmp_path, GOOD + "ragged\n").problem()
    assert json.loads(json.dumps(problem))["errors"][0]["row"] == 31

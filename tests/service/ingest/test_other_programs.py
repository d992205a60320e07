"""Tables that other programs write, and samples that stand among other things."""

import json

import numpy as np
import pytest

from tests.service.ingest.uploads import (
    CLASSES,
    label_of,
    make_zip,
    refusal,
    take_in,
    to_csv,
    to_jsonl,
    write,
    write_npz,
)

# -------------------------------------------------- rows that R and Weka write


@pytest.mark.parametrize("quoted", [False, True])
def test_names_of_rows_that_the_header_does_not_name_shift_nothing(quoted, tmp_path):
    names = [f'"row {i}"' if quoted else i + 1 for i in range(30)]
    rows = [(names[i], 7 * i % 30, 2 * i, label_of(i)) for i in range(30)]
    header = ('"a"', '"b"', '"label"') if quoted else ("a", "b", "label")
    upload = write(tmp_path / "a.csv", to_csv(header, rows))
    report, samples = take_in(upload, tmp_path / "out")
    assert report.class_names == list(CLASSES)
    assert samples["feature.a"].to_pylist() == [7 * i % 30 for i in range(30)]
    assert samples["feature.b"].to_pylist() == list(range(0, 60, 2))
    assert any("the first is the name of the row" in warning for warning in report.warnings)


def test_a_delimiter_at_the_end_of_every_row_is_no_name(tmp_path):
    """Else every value would be read one column too far to the left."""
    rows = [(i, 2 * i, label_of(i), "") for i in range(30)]
    error = refusal(write(tmp_path / "a.csv", to_csv(("a", "b", "label"), rows)))
    assert error.type == "csv-malformed"


def test_a_comma_that_nobody_quoted_shifts_nothing_either(tmp_path):
    rows = [(f"sentence {i}", "and its end", label_of(i)) for i in range(30)]
    error = refusal(write(tmp_path / "a.csv", to_csv(("text", "label"), rows)))
    assert error.type == "csv-malformed"


@pytest.mark.parametrize("gap", [" ", "   "])
def test_blanks_delimit_where_nothing_else_does(gap, tmp_path):
    rows = [(i, 2 * i, label_of(i)) for i in range(30)]
    upload = write(tmp_path / "a.data", to_csv(("a", "b", "label"), rows, gap))
    report, samples = take_in(upload, tmp_path / "out")
    assert samples["feature.b"].to_pylist() == list(range(0, 60, 2))
    assert "Blanks were read as the delimiter." in report.warnings


def test_words_of_a_text_are_no_columns(tmp_path):
    lines = ["label"] + [f"{'word ' * (2 + i % 5)}{label_of(i)}" for i in range(30)]
    report_or_error = write(tmp_path / "a.csv", "\n".join(lines) + "\n")
    error = refusal(report_or_error)
    assert error.type != "csv-malformed"


FOREIGN_TEXTS = {
    "an ARFF file": "% made by hand\n@relation pets\n@attribute a numeric\n@data\n1\n",
    "sparse features": "+1 1:0.5 7:2\n-1 2:1e-3 # a comment\n" * 20,
    "a fastText file": "__label__cat it purrs\n__label__dog it barks\n" * 20,
    "a Markdown table": "| text | label |\n|:---|---:|\n" + "| it purrs | cat |\n" * 20,
    "a JSON array of arrays": json.dumps([["it purrs", "cat"]] * 20),
    "one JSON object": json.dumps({"text": {"0": "it purrs"}, "label": {"0": "cat"}}),
}


@pytest.mark.parametrize("what", FOREIGN_TEXTS)
def test_texts_of_other_programs_are_refused_by_name(what, tmp_path):
    error = refusal(write(tmp_path / "a.txt", FOREIGN_TEXTS[what]))
    assert error.type == "unsupported-media-type"
    assert what in error.detail


# -------------------------------------------------- samples among other things


@pytest.mark.parametrize("indent", [None, 1])
def test_the_list_of_samples_in_an_object_is_read(indent, tmp_path):
    rows = [{"text": f"number {i}", "label": label_of(i), "spans": [{"a": 1}]} for i in range(30)]
    document = {"name": "pets", "license": {"urls": ["x"]}, "empty": [], "rows": rows, "n": 30}
    upload = write(tmp_path / "a.json", json.dumps(document, indent=indent))
    report, samples = take_in(upload, tmp_path / "out")
    assert (report.format, report.sample_count) == ("json", 30)
    assert samples["text"].to_pylist() == [row["text"] for row in rows]


@pytest.mark.parametrize("cut", [-1, -3, -20])
def test_an_object_that_does_not_end_is_refused(cut, tmp_path):
    rows = [{"text": f"number {i}", "label": label_of(i)} for i in range(30)]
    whole = json.dumps({"rows": rows, "about": {"n": 30}})
    assert refusal(write(tmp_path / "a.json", whole[:cut])).type == "json-invalid"


def test_lines_with_lists_of_objects_are_still_lines(tmp_path):
    rows = [{"text": f"{i} cats", "label": label_of(i), "spans": [{"end": i}]} for i in range(30)]
    report, _ = take_in(write(tmp_path / "a.json", to_jsonl(rows)), tmp_path / "out")
    assert (report.format, report.sample_count) == ("jsonl", 30)


def test_a_table_that_repeats_ids_beside_made_up_labels_is_no_split(tmp_path):
    """As sample_submission.csv beside train.csv and test.csv."""
    train = [(i, f"sentence {i}", label_of(i)) for i in range(30)]
    test = [(i, f"sentence {i}") for i in range(30, 40)]
    members = {
        "train.csv": to_csv(("id", "text", "label"), train),
        "test.csv": to_csv(("id", "text"), test),
        "sample_submission.csv": to_csv(("id", "label"), [(i, "cat") for i in range(30, 40)]),
    }
    report, samples = take_in(make_zip(tmp_path / "a.zip", members), tmp_path / "out")
    assert (report.sample_count, report.labeled_count) == (40, 30)
    assert samples["text"].to_pylist() == [f"sentence {i}" for i in (*range(30, 40), *range(30))]
    assert any("Did not read sample_submission.csv" in warning for warning in report.warnings)


def test_time_series_are_not_taken_for_pictures_without_a_word(tmp_path):
    series = np.random.default_rng(0).normal(size=(30, 20, 6))
    upload = write_npz(tmp_path / "a.npz", X=series, y=np.arange(30) % 3)
    report, _ = take_in(upload, tmp_path / "out")
    assert any("X.reshape(len(X), -1)" in warning for warning in report.warnings)


@pytest.mark.parametrize("codec", ["cp1251", "koi8-r", "shift_jis", "gbk", "euc-kr", "cp1253"])
def test_words_of_another_script_are_never_read_as_western(codec, tmp_path):
    words = {
        "cp1253": "καλή μέρα",
        "shift_jis": "日本語の文",
        "gbk": "中文评论",
        "euc-kr": "한국어 문장",
    }
    rows = [(f"{words.get(codec, 'привет мир')} number {i}", label_of(i)) for i in range(30)]
    upload = write(tmp_path / "a.csv", to_csv(("text", "label"), rows).encode(codec))
    assert refusal(upload).type == "invalid-encoding"


@pytest.mark.parametrize(
    "word", ["Fußgängerübergänge", "été à la plage", "esta ação não é uma boa escolha", "Ångström"]
)
def test_western_words_are_read_with_a_word_of_warning(word, tmp_path):
    rows = [(f"{word} {i}", label_of(i)) for i in range(30)]
    upload = write(tmp_path / "a.csv", to_csv(("text", "label"), rows).encode("cp1252"))
    report, samples = take_in(upload, tmp_path / "out")
    assert samples["text"][0].as_py() == f"{word} 0"
    assert any("cp1252" in warning for warning in report.warnings)


def test_classes_that_look_the_same_are_pointed_out(tmp_path):
    rows = [(f"sentence {i}", label_of(i) + ("\u200b" if i % 5 == 0 else "")) for i in range(60)]
    report, _ = take_in(write(tmp_path / "a.csv", to_csv(("text", "label"), rows)), tmp_path / "o")
    assert any("invisible characters" in warning for warning in report.warnings)

"""Which column is what, when nobody says."""

import pytest

from service.ingest import ColumnRoles
from tests.service.ingest.uploads import (
    label_of,
    refusal,
    take_in,
    to_jsonl,
    write,
    write_parquet,
)

PROSE = "the quick brown fox number {} jumps over a dog"


def read(tmp_path, roles=None, count=60, **columns):
    """Ingest rows whose columns are functions of the row's number; `label` is added."""
    makers = {"label": label_of, **columns}
    rows = [{name: make(i) for name, make in makers.items()} for i in range(count)]
    upload = write(tmp_path / "a.jsonl", to_jsonl(rows))
    return take_in(upload, tmp_path / "out", roles=roles)


@pytest.mark.parametrize("name", ["given_label", "Label", "target", "class", "category", "y"])
def test_the_usual_names_of_labels_are_known(name, tmp_path):
    rows = [{name: label_of(i), "a": i} for i in range(30)]
    report, _ = take_in(write(tmp_path / "a.jsonl", to_jsonl(rows)), tmp_path / "out")
    assert report.columns.label == name


def test_given_label_comes_before_all_other_names_but_a_complete_correction(tmp_path):
    report, _ = read(tmp_path, given_label=label_of, target=label_of, a=float)
    assert report.columns.label == "given_label"
    (tmp_path / "out" / "samples.parquet").unlink()
    report, _ = read(tmp_path, given_label=label_of, corrected_label=label_of, a=float)
    assert report.columns.label == "corrected_label"


def test_a_sparse_correction_is_not_taken_for_the_label(tmp_path):
    report, _ = read(tmp_path, corrected_label=lambda i: "cat" if i == 3 else None, a=float)
    assert report.columns.label == "label"


@pytest.mark.parametrize(
    "name",
    ["true_label", "label_text", "is_label_error", "majority_is_error", "majority_label", "split",
     "crowd_score", "n_votes", "y_true", "predicted_label", "pred", "p_wrong", "verdict", "gold",
     "conflicting_duplicate", "labels", "human_agreement", "corrected_at", "Target"],
)  # fmt: skip
def test_what_may_tell_the_answer_is_never_a_feature(name, tmp_path):
    report, samples = read(tmp_path, a=float, **{name: lambda i: i % 3})
    assert list(report.columns.features) == ["a"]
    assert name in report.columns.ignored
    assert any(name in warning for warning in report.warnings)
    assert f"feature.{name}" not in samples.column_names


def test_what_may_tell_the_answer_is_never_the_text(tmp_path):
    report, _ = read(tmp_path, true_label=PROSE.format, note=PROSE.format)
    assert report.columns.text == "note"


def test_a_column_that_the_caller_names_is_taken_whatever_it_looks_like(tmp_path):
    roles = ColumnRoles(features=("split", "a"))
    report, _ = read(tmp_path, roles, a=float, b=float, split=lambda i: i % 2)
    assert set(report.columns.features) == {"a", "split"}


def test_marked_features_are_exactly_the_features(tmp_path):
    report, _ = read(tmp_path, f_a=float, f_note=PROSE.format, b=float, text=PROSE.format)
    assert report.kind == "table"
    assert report.columns.features == {"f_a": "numeric", "f_note": "categorical"}


def test_strings_that_name_rows_are_no_features(tmp_path):
    report, _ = read(tmp_path, count=100, a=float, code=lambda i: f"x{i}", user_id=lambda i: i)
    assert list(report.columns.features) == ["a"]
    assert {"code", "user_id"} <= set(report.columns.ignored)


def test_an_unnamed_first_column_as_pandas_writes_it_is_no_feature(tmp_path):
    lines = ["," + "a,label"] + [f"{i},{i / 7},{label_of(i)}" for i in range(60)]
    report, _ = take_in(write(tmp_path / "a.csv", "\n".join(lines)), tmp_path / "out")
    assert list(report.columns.features) == ["a"]


def test_long_strings_of_words_are_the_text(tmp_path):
    report, _ = read(tmp_path, remark=PROSE.format)
    assert (report.kind, report.columns.text) == ("text", "remark")


def test_a_note_beside_several_numbers_does_not_make_a_text(tmp_path):
    report, _ = read(tmp_path, remark=PROSE.format, a=float, b=lambda i: i * 2.5)
    assert report.kind == "table"


def test_numbers_called_review_are_numbers(tmp_path):
    report, _ = read(tmp_path, review=lambda i: i % 5, a=float)
    assert report.columns.features == {"review": "numeric", "a": "numeric"}


def test_words_for_nothing_do_not_make_a_number_a_category(tmp_path):
    report, samples = read(tmp_path, a=lambda i: ["1.5", "NA", " 2 ", "?"][i % 4])
    assert report.columns.features == {"a": "numeric"}
    assert samples["feature.a"].to_pylist()[:4] == [1.5, None, 2.0, None]


def test_truth_values_are_numbers(tmp_path):
    report, samples = read(tmp_path, a=lambda i: i % 2 == 0)
    assert report.columns.features == {"a": "numeric"}
    assert samples["feature.a"].to_pylist()[:2] == [1.0, 0.0]


def test_labels_that_are_truth_values_keep_their_words(tmp_path):
    rows = [{"a": i, "label": i % 2 == 0} for i in range(30)]
    report, _ = take_in(write(tmp_path / "a.jsonl", to_jsonl(rows)), tmp_path / "out")
    assert report.class_names == ["false", "true"]


def test_a_list_of_counts_is_not_taken_for_an_embedding(tmp_path):
    report, _ = read(tmp_path, remark=PROSE.format)
    columns = {
        "remark": [PROSE.format(i) for i in range(30)],
        "counts": [[1, 2, 3]] * 30,
        "label": [label_of(i) for i in range(30)],
    }
    report, _ = take_in(write_parquet(tmp_path / "b", columns), tmp_path / "out2")
    assert report.kind == "text"


def test_classes_that_differ_in_case_alone_are_pointed_out(tmp_path):
    rows = [{"a": i, "label": ["cat", "Cat "][i % 2]} for i in range(30)]
    report, _ = take_in(write(tmp_path / "a.jsonl", to_jsonl(rows)), tmp_path / "out")
    assert any("'Cat ' / 'cat'" in warning for warning in report.warnings)


def test_an_ignored_column_is_as_good_as_absent(tmp_path):
    rows = [{"label": label_of(i), "a": float(i)} for i in range(30)]
    upload = write(tmp_path / "a.jsonl", to_jsonl(rows))
    assert refusal(upload, roles=ColumnRoles(ignored=("label",))).type == "label-column-missing"

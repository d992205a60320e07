"""Tasks of Label Studio: they can be uploaded again, and Label Studio itself accepts them."""

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.errors import BadInput
from service.exports.formats import Correction, Suggestion, Suggestions, export
from service.exports.formats.labeling_config import label_config
from service.ingest.origin import read_origin
from tests.service.ingest.uploads import (
    folder_members,
    label_of,
    make_form,
    make_zip,
    take_in,
    text_rows,
    to_jsonl,
    write,
)

WHEN = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
FOX = Correction("fox", "relabel", "ann", WHEN)
OUT = Correction(None, "exclude", "ann", WHEN, excluded=True)
SAYS = Suggestions("labelaudit/au_1", [Suggestion(0, "fox", 0.75, 0.9), Suggestion(3, "cat", 1, 0)])


def written(upload, folder, labels=None, suggestions=SAYS):
    """The tasks, and the file with them."""
    report, _ = take_in(upload, folder / "first")
    samples, target = folder / "first" / "samples.parquet", folder / "tasks.json"
    suffix = export(
        report.kind,
        report.format,
        upload,
        samples,
        labels or {},
        target,
        format="label-studio",
        suggestions=suggestions,
    )
    assert suffix == ".json"
    return json.loads(target.read_text("utf-8")), target


def test_a_task_has_its_text_its_label_and_what_the_audit_suggests(tmp_path):
    upload = write(tmp_path / "a.jsonl", to_jsonl(text_rows()))
    tasks, _ = written(upload, tmp_path, {0: FOX, 1: OUT})
    assert len(tasks) == 29
    names = {"from_name": "label", "to_name": "text", "type": "choices"}
    fox = [{**names, "value": {"choices": ["fox"]}}]
    assert tasks[0] == {
        "data": {"sample_id": "s0", "text": "sentence number 0", "p_wrong": 0.9},
        "meta": {
            "given_label": "cat",
            "verdict": "relabel",
            "annotator": "ann",
            "corrected_at": "2026-11-23T12:30:00Z",
            "certificate": None,
        },
        "annotations": [{"result": fox}],
        "predictions": [{"model_version": "labelaudit/au_1", "score": 0.75, "result": fox}],
    }
    assert tasks[1] == {  # the excluded sample is not there
        "data": {"sample_id": "s2", "text": "sentence number 2"},
        "meta": {"given_label": "fox"},
        "annotations": [{"result": fox}],
        "predictions": [],
    }
    assert tasks[2]["predictions"][0]["result"][0]["value"] == {"choices": ["cat"]}


def test_an_unlabeled_sample_is_a_task_without_an_annotation(tmp_path):
    rows = [*text_rows(), {"sample_id": "x", "text": "something else", "label": None}]
    tasks, _ = written(write(tmp_path / "a.jsonl", to_jsonl(rows)), tmp_path)
    assert tasks[-1]["annotations"] == tasks[-1]["predictions"] == []


def test_a_table_is_shown_as_a_table(tmp_path):
    rows = [{"age": i + 0.5, "town": "ab"[i % 2], "target": label_of(i)} for i in range(30)]
    rows[4]["age"] = None
    tasks, target = written(write(tmp_path / "a.jsonl", to_jsonl(rows)), tmp_path)
    assert tasks[3]["data"]["row"] == {"age": 3.5, "town": "b"}
    assert tasks[4]["data"]["row"] == {"age": None, "town": "a"}
    _, again = take_in(target, tmp_path / "second")
    first = pq.read_table(tmp_path / "first" / "samples.parquet")
    assert again.equals(first.select(again.column_names))
    assert set(again.column_names) == set(first.column_names)


def test_images_are_named_as_they_were_uploaded(tmp_path):
    members = folder_members(prefix="pets/")
    tasks, target = written(make_zip(tmp_path / "a.zip", members), tmp_path, {0: FOX})
    first = pq.read_table(tmp_path / "first" / "samples.parquet")
    assert [task["data"]["image"] for task in tasks] == first["file"].to_pylist()
    assert target.read_text().count("\n") == len(tasks) + 2  # one task per line
    both = make_zip(tmp_path / "b.zip", members | {"tasks.json": target.read_bytes()})
    report, again = take_in(both, tmp_path / "second")
    assert report.kind == "image"
    labels = dict(zip(again["file"].to_pylist(), again["given_label"].to_pylist(), strict=True))
    given = dict(zip(first["file"].to_pylist(), first["given_label"].to_pylist(), strict=True))
    assert labels == given | {first["file"][0].as_py(): "fox"}


@pytest.mark.parametrize("form", ["npz", "npz-probabilities"])
def test_vectors_are_refused(form, tmp_path):
    with pytest.raises(BadInput) as caught:
        written(make_form(form, tmp_path), tmp_path)
    assert caught.value.type == "label-studio-not-written"


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
LABELS = st.lists(
    WORDS.filter(str.strip).map(str.strip), min_size=2, max_size=4, unique_by=str.casefold
)


@settings(max_examples=30, deadline=None)
@given(data=st.data(), names=LABELS, dropped=st.sets(st.integers(0, 29), max_size=3))
def test_tasks_can_be_uploaded_again(data, names, dropped):
    rows = [
        {"sample_id": f"s{i}", "text": f"words {i} {data.draw(WORDS)}", "label": names[i % 2]}
        for i in range(30)
    ]
    changed = {
        position: Correction(data.draw(st.sampled_from(names[:2])), "relabel", "ann", WHEN)
        for position in data.draw(st.sets(st.integers(0, 29), max_size=5))
    } | dict.fromkeys(dropped, OUT)
    says = [Suggestion(p, names[0], 0.5, 0.25) for p in range(0, 30, 2)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        upload = write(folder / "a.jsonl", to_jsonl(rows))
        _, target = written(upload, folder, changed, Suggestions("labelaudit/au_1", says))
        report, again = take_in(target, folder / "second")
    expected = [
        (
            row["sample_id"],
            row["text"],
            changed[i].corrected_label if i in changed else row["label"],
        )
        for i, row in enumerate(rows)
        if i not in dropped
    ]
    columns = ("sample_id", "text", "given_label")
    found = zip(*(again[name].to_pylist() for name in columns), strict=True)
    assert report.kind == "text"
    assert list(found) == expected


def test_the_configuration_names_every_class(tmp_path):
    names = ['a "b" & <c>', "über", "two\nlines", "dog"]
    view = ElementTree.fromstring(label_config("text", names))
    assert [choice.get("value") for choice in view.iter("Choice")] == names
    assert view.find("Choices").get("toName") == view.find("Text").get("name") == "text"


@pytest.mark.parametrize("kind", ["text", "table", "image"])
def test_label_studio_accepts_configuration_and_tasks(kind, tmp_path):
    reason = "pip install label-studio-sdk to check the tasks with Label Studio's own code"
    interfaces = pytest.importorskip("label_studio_sdk.label_interface", reason=reason)
    rows = {
        "text": text_rows(),
        "table": [{"age": i + 0.5, "town": "ab"[i % 2], "target": label_of(i)} for i in range(30)],
    }
    if kind == "image":
        upload = make_zip(tmp_path / "a.zip", folder_members())
    else:
        upload = write(tmp_path / "a.jsonl", to_jsonl(rows[kind]))
    tasks, _ = written(upload, tmp_path, {0: FOX, 1: OUT})
    names = read_origin(tmp_path / "first" / "samples.parquet").class_names
    interface = interfaces.LabelInterface(label_config(kind, names).decode())
    interface.validate()
    for task in tasks:
        assert interface.validate_task({"data": task["data"]})
        for annotation in task["annotations"]:
            assert interface.validate_annotation(annotation)
        for prediction in task["predictions"]:
            assert interface.validate_prediction(prediction, return_errors=True) == []
    wrong = json.loads(json.dumps(tasks[0]["predictions"][0]).replace("fox", "wolf"))
    assert interface.validate_prediction(wrong, return_errors=True)

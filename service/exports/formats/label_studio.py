"""Writes tasks of Label Studio: each sample with its label, and with what an audit suggests."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from service.core.errors import BadInput
from service.exports.formats.corrections import CorrectedLabels, Correction
from service.exports.formats.output import Output
from service.ingest.columns.content import FEATURE
from service.ingest.tables.annotation_tools import ROW
from service.ingest.writer import PRIOR_SPLIT, ROW_GROUP

LABEL = "label"  # the name of the control in the labelling configuration
# How each kind is shown: the tag, which is named as the field that it shows.
OBJECTS = {"text": ("Text", "text"), "image": ("Image", "image"), "table": ("Table", ROW)}
TAKEN = frozenset({"id", "sample_id", LABEL, "p_wrong", "split"})


@dataclass(frozen=True)
class Suggestion:
    """The label that an audit finds right for the sample at a position.

    `score` is its probability (0 to 1, high = sure), `p_wrong` the probability that the given label
    is wrong (0 to 1, high = bad).
    """

    position: int
    label: str
    score: float
    p_wrong: float


@dataclass(frozen=True)
class Suggestions:
    """Those of one audit, in the order of the samples."""

    model_version: str
    rows: Iterable[Suggestion]


NO_SUGGESTIONS = Suggestions("", ())


def model_version(audit_id: str, number: int) -> str:
    """What Label Studio calls the predictions of one of an audit's rankings."""
    return f"labelaudit/{audit_id}/rankings/{number}"


def suggest(suspect: Any, position: int, class_names: Sequence[str]) -> Suggestion:
    """The suggested label of a suspect, or else the given one, with its probability."""
    label, score = suspect.suggested_label, suspect.suggested_label_confidence or 0.0
    if label is None:
        label, score = suspect.given_label, 1 - suspect.p_wrong
    return Suggestion(position, class_names[label], score, suspect.p_wrong)


def check_kind(kind: str) -> None:
    """Raises BadInput (`label-studio-not-written`) for a kind that Label Studio cannot show."""
    if kind not in OBJECTS:
        raise BadInput(
            f"Label Studio shows texts, tables and images, but this dataset is of the kind {kind}. "
            "Export as csv, parquet or patch instead.",
            type="label-studio-not-written",
        )


def choices_result(label: str, from_name: str, to_name: str) -> dict[str, Any]:
    """A chosen label, as annotations and predictions contain it."""
    value = {"choices": [label]}
    return {"from_name": from_name, "to_name": to_name, "type": "choices", "value": value}


def write_label_studio(
    samples: Path, kind: str, labels: CorrectedLabels, suggestions: Suggestions, output: Output
) -> None:
    """Write a JSON list with one task per line, without excluded samples."""
    check_kind(kind)
    suggested = _Ordered(suggestions.rows)
    with output.target.open("w", encoding="utf-8") as file:
        separator = "[\n"
        for position, row in _rows(samples, output):
            change, suggestion = labels.get(position), suggested.at(position)
            if change is not None and change.excluded:
                continue
            task = _task(kind, row, change, suggestion, suggestions.model_version)
            file.write(separator + json.dumps(task, ensure_ascii=False, allow_nan=False))
            separator = ",\n"
        file.write("[]\n" if separator.startswith("[") else "\n]\n")


class _Ordered:
    """Finds suggestions by position, as long as positions only grow."""

    def __init__(self, rows: Iterable[Suggestion]) -> None:
        self._rows = iter(rows)
        self._next = next(self._rows, None)

    def at(self, position: int) -> Suggestion | None:
        while self._next is not None and self._next.position < position:
            self._next = next(self._rows, None)
        found = self._next
        return found if found is not None and found.position == position else None


def _rows(samples: Path, output: Output) -> Iterator[tuple[int, dict[str, Any]]]:
    with pq.ParquetFile(samples, pre_buffer=False) as file:
        shown = [
            field.name
            for field in file.schema_arrow
            if field.name in ("sample_id", "given_label", "text", "file", PRIOR_SPLIT)
            or field.name.startswith(FEATURE)
        ]
        position = 0
        for batch in file.iter_batches(ROW_GROUP, columns=shown, use_threads=False):
            for row in batch.to_pylist():
                yield position, row
                position += 1
            output.on_progress(position / file.metadata.num_rows)


def _task(
    kind: str,
    row: Mapping[str, Any],
    change: Correction | None,
    suggestion: Suggestion | None,
    version: str,
) -> dict[str, Any]:
    _, field = OBJECTS[kind]
    given: str | None = row["given_label"]
    label = given if change is None or change.corrected_label is None else change.corrected_label
    data: dict[str, Any] = {"sample_id": row["sample_id"], field: shown_content(kind, row)}
    if PRIOR_SPLIT in row:
        data["split"] = row[PRIOR_SPLIT]
    predictions = []
    if suggestion is not None:
        # Label Studio can sort and filter by the fields of `data`.
        data["p_wrong"] = suggestion.p_wrong
        result = choices_result(suggestion.label, LABEL, field)
        prediction = {"model_version": version, "score": suggestion.score, "result": [result]}
        predictions.append(prediction)
    # Without `completed_by`: Label Studio refuses a file with an annotator it doesn't know.
    annotations = [] if label is None else [{"result": [choices_result(label, LABEL, field)]}]
    meta = {"given_label": given} | _correction(change)
    return {"data": data, "meta": meta, "annotations": annotations, "predictions": predictions}


def shown_content(kind: str, row: Mapping[str, Any]) -> Any:
    """What a task shows of a row of samples.parquet."""
    if kind == "table":
        return {_plain(n): _number(v) for n, v in row.items() if n.startswith(FEATURE)}
    return row["text" if kind == "text" else "file"]


def _plain(name: str) -> str:
    """A column's own name, unless a field of the task has that name."""
    plain = name.removeprefix(FEATURE)
    return name if plain in TAKEN else plain


def _number(value: Any) -> Any:
    """JSON has no NaN; a missing number is null."""
    return None if isinstance(value, float) and value != value else value


def _correction(change: Correction | None) -> dict[str, Any]:
    if change is None:
        return {}
    return {
        "verdict": change.verdict,
        "annotator": change.annotator,
        "corrected_at": change.timestamp,
        "certificate": change.certificate,
    }

"""Rows as annotation tools export them: where their text and their label lie.

Each tool is recognised by its first rows. Its nested values are laid out flat, so that the text and
the label become columns; a label can be put back where it was.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Record = dict[str, Any]
ROW = "row"  # the columns of a table, in a task of Label Studio


@dataclass(frozen=True)
class Tool:
    """An annotation tool: how its rows become flat, and how a label is put back."""

    name: str
    note: str
    flatten: Callable[[Record], Record]
    put: Callable[[Record, Any], None]
    label: str = "label"


def find_tool(record: Record) -> Tool | None:
    """The tool that wrote a row."""
    if isinstance(record.get("data"), dict) and (
        "annotations" in record or "completions" in record
    ):
        return LABEL_STUDIO
    if "answer" in record and {"_task_hash", "_input_hash"} & record.keys():
        return PRODIGY
    if isinstance(record.get("fields"), dict) and (
        "responses" in record or "suggestions" in record
    ):
        return ARGILLA
    if "annotation" in record and {"prediction", "status"} <= record.keys():
        return OLD_ARGILLA
    return None


def _flatten_label_studio(record: Record) -> Record:
    flat, data = {"id": record.get("id")}, record["data"]
    if isinstance(columns := data.get(ROW), dict):
        data = {**columns, **{n: v for n, v in data.items() if n != ROW}}
    flat |= {n: v for n, v in data.items() if n not in ("id", "label")}
    flat["label"] = _choice(record)
    return flat


def _annotations(record: Record) -> list[Record]:
    found = record.get("annotations") or record.get("completions") or []
    return [a for a in found if isinstance(a, dict) and not a.get("was_cancelled")]


def _choices(record: Record) -> list[Any]:
    """The lists of choices of the first annotation; other results as they are."""
    for annotation in _annotations(record)[:1]:
        results = annotation.get("result") or []
        return [r.get("value", {}).get("choices") or r.get("type") for r in results if _is_value(r)]
    return []


def _is_value(result: Any) -> bool:
    return isinstance(result, dict) and isinstance(result.get("value"), dict)


def _choice(record: Record) -> Any:
    """The only choice; a list where there are several or other kinds of results."""
    found = _choices(record)
    if not found:
        return None
    if len(found) == 1 and isinstance(found[0], list) and len(found[0]) == 1:
        return found[0][0]
    return [str(value) for value in found] + [""]


def _put_label_studio(record: Record, label: Any) -> None:
    for annotation in _annotations(record)[:1]:
        for result in annotation.get("result") or []:
            if _is_value(result) and "choices" in result["value"]:
                result["value"]["choices"] = [label]
                return
    result = {**_control(record), "type": "choices", "value": {"choices": [label]}}
    record["annotations"] = [{"result": [result]}, *(record.get("annotations") or [])]


def _control(record: Record) -> Record:
    """The names of the control and its object, as the task's predictions have them."""
    predictions = [p for p in record.get("predictions") or [] if isinstance(p, dict)]
    results = [r for p in predictions for r in p.get("result") or [] if _is_value(r)]
    named: Record = next((r for r in results if r.get("type") == "choices"), {})
    return {n: named[n] for n in ("from_name", "to_name") if n in named}


def _flatten_prodigy(record: Record) -> Record:
    flat = dict(record)
    chosen = record.get("accept")
    if "label" not in record and isinstance(chosen, list):
        flat["label"] = chosen[0] if len(chosen) == 1 else chosen or None
    if record.get("answer") != "accept":
        flat["label"] = None
    return flat


def _put_prodigy(record: Record, label: Any) -> None:
    record["answer"] = "accept"
    if "label" not in record and isinstance(record.get("accept"), list):
        record["accept"] = [label]
    else:
        record["label"] = label


def _flatten_argilla(record: Record) -> Record:
    flat = {n: v for n, v in record.items() if n not in ("fields", "responses", "suggestions")}
    flat |= record["fields"]
    flat["label"] = _response(record)
    return flat


def _responses(record: Record) -> list[tuple[str, Record]]:
    found = record.get("responses")
    if not isinstance(found, dict):
        return []
    return [
        (question, answer)
        for question, answers in found.items()
        for answer in (answers if isinstance(answers, list) else [answers])
        if isinstance(answer, dict) and answer.get("status", "submitted") == "submitted"
    ]


def _response(record: Record) -> Any:
    return next((answer.get("value") for _, answer in _responses(record)), None)


def _put_argilla(record: Record, label: Any) -> None:
    for _, answer in _responses(record):
        answer["value"] = label
        return
    record["responses"] = {"label": [{"value": label}]}


def _flatten_old_argilla(record: Record) -> Record:
    flat = {n: v for n, v in record.items() if n != "annotation"}
    if record.get("text") is None and isinstance(record.get("inputs"), dict):
        flat |= {n: v for n, v in record["inputs"].items() if n not in flat or flat[n] is None}
    return {**flat, "label": record["annotation"]}


def _put_old_argilla(record: Record, label: Any) -> None:
    record["annotation"] = label


LABEL_STUDIO = Tool(
    "Label Studio",
    "Read as tasks of Label Studio: the choice of each task's first annotation is its label.",
    _flatten_label_studio,
    _put_label_studio,
)
PRODIGY = Tool(
    "Prodigy",
    "Read as examples of Prodigy: those that were not accepted have no label.",
    _flatten_prodigy,
    _put_prodigy,
)
ARGILLA = Tool(
    "Argilla",
    "Read as records of Argilla: the first submitted response of each is its label.",
    _flatten_argilla,
    _put_argilla,
)
OLD_ARGILLA = Tool(
    "Argilla",
    "Read as records of Argilla: the annotation of each is its label.",
    _flatten_old_argilla,
    _put_old_argilla,
)

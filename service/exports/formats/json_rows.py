"""Rewrites JSON Lines and JSON arrays: objects that nobody corrected keep their text."""

import json
import math
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

from service.exports.formats.corrections import CORRECTED, GIVEN, Correction, RowEdits
from service.exports.formats.limits import PASSED, PROGRESS_INTERVAL
from service.exports.formats.output import Output
from service.ingest.origin import Origin
from service.ingest.tables.json_rows import JsonSource
from service.ingest.tables.json_text import Element, Layout, read_tail

HUGE = re.compile(r"[eE]\+?\d{3}|\d{300}")  # what every number has that no float can hold


def rewrite_json(
    path: Path, origin: Origin, edits: RowEdits, output: Output, *, layout: Layout
) -> None:
    """Write the file without the objects that are excluded."""
    source = JsonSource(path, PASSED, layout)
    label = str(origin.label_column)
    changes = edits.between(0, 2**62)
    written = 0
    with output.target.open("w", encoding="utf-8", newline="") as file:
        for row, element in source.elements():
            change = changes.get(row - 1)
            before = element.before
            if change is not None and change.excluded:
                if layout == "array" and written == 0 and "[" in before:
                    file.write(before)  # the bracket that opens the array
                    written = -1
                continue
            if layout == "array" and written == -1:
                before = before.replace(",", "", 1)
                before = before.lstrip() if before.strip() == "" else before
                written = 0
            file.write(before + _edit(source, element, label, change, edits))
            written += 1
            if row % PROGRESS_INTERVAL == 0:
                output.on_progress(source.progress)
        for name, change in output.unlisted.items():
            values = {str(origin.file_column): name, label: change.corrected_label}
            text = json.dumps(values, ensure_ascii=False)
            file.write(f"{text}\n" if layout == "lines" else f",{text}")
        file.write(read_tail(path, source.longest, layout))


def _edit(
    source: JsonSource, element: Element, label: str, change: Correction | None, edits: RowEdits
) -> str:
    """The object's text with its correction."""
    corrected = change is not None and change.corrected_label is not None
    if not corrected and (label != GIVEN or source.tool is not None):
        return element.text
    record = element.value
    given = source.flatten(element).get(label)
    final = given
    if change is not None and change.corrected_label is not None:
        final = _like(given, edits.written(change.corrected_label))
    if source.tool is not None:
        source.tool.put(record, final)
    else:
        record.setdefault(GIVEN, given)
        record[CORRECTED] = final
        if label != GIVEN:
            record[label] = final
    return _dump(record, element.text)


def _dump(record: dict[str, Any], text: str) -> str:
    """The object as JSON in the manner of its old text, with the line end that it had."""
    body = text.rstrip("\r\n")
    spaced = '": ' in body or ":" not in body
    marks = {} if "Infinity" in body or not HUGE.search(body) else _marks()
    written = json.dumps(
        _marked(record, marks) if marks else record,
        ensure_ascii=body.isascii(),
        separators=None if spaced else (",", ":"),
    )
    for number, mark in marks.items():
        written = written.replace(f'"{mark}"', "1e999" if number > 0 else "-1e999")
    return written + text[len(body) :]


def _marks() -> dict[float, str]:
    """Words that no file contains, for both infinities."""
    return {number: uuid4().hex for number in (math.inf, -math.inf)}


def _marked(value: Any, marks: dict[float, str]) -> Any:
    """The value with a mark for each number that is too large: `json` would write `Infinity`, which
    is not JSON, though the file is."""
    if isinstance(value, dict):
        return {name: _marked(one, marks) for name, one in value.items()}
    if isinstance(value, list):
        return [_marked(one, marks) for one in value]
    return marks.get(value, value) if isinstance(value, float) else value


def _like(given: Any, text: str) -> Any:
    """The text as a value of the type that the given label has, or text if it has none."""
    if isinstance(given, list):
        return [_like(given[0] if given else None, text)]
    if isinstance(given, bool):
        return text == "true"
    if isinstance(given, int | float):
        try:
            return type(given)(text)
        except ValueError:
            return text
    return text

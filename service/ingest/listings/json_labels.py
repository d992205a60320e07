"""Labels in one JSON document: a map, or pairs as StyleGAN's dataset.json holds them."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from service.ingest.columns.column_names import FILES, LABELS, find_name
from service.ingest.images.members import names_picture
from service.ingest.listings.label_rows import NotRead, Pair, as_label

WRAPPERS = ("labels", "annotations", "data", "samples", "images")
KEYS = (*LABELS, "cls")


def read_json(text: str) -> list[Pair]:
    """The pairs of a document. Raises NotRead.

    It is `{"a.png": "cat"}`, `{"a.png": {"label": "cat"}}`, `{"cat": ["a.png"]}` or
    `[["a.png", "cat"]]`, perhaps as the value of `labels`.
    """
    try:
        return _pairs(_parse(text))
    except RecursionError as error:
        raise NotRead("it is nested too deeply") from error


def read_label(text: str) -> str | None:
    """The label of the one picture that a document describes. Raises NotRead."""
    value = _parse(text)
    return _label_of(value) if isinstance(value, dict) else as_label(value)


def _parse(text: str) -> Any:
    try:
        return json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise NotRead("it is no JSON document") from error


def _pairs(document: Any) -> list[Pair]:
    if isinstance(document, dict):
        inner = find_name(document, WRAPPERS)
        if inner is not None and isinstance(document[inner], dict | list):
            return _pairs(document[inner])
        return [pair for key, value in document.items() for pair in _of_key(key, value)]
    if isinstance(document, list):
        return [_of_item(item) for item in document]
    raise NotRead("it holds no list of images")


def _of_key(key: str, value: Any) -> Iterable[Pair]:
    """The pictures of a class, or the label of a picture."""
    names = value if isinstance(value, list) else []
    if names and all(isinstance(name, str) and names_picture(name) for name in names):
        return [Pair(name, key) for name in names]
    return [Pair(key, _label_of(value) if isinstance(value, dict) else as_label(value))]


def _of_item(item: Any) -> Pair:
    if isinstance(item, list) and len(item) == 2 and isinstance(item[0], str):
        return Pair(item[0], as_label(item[1]))
    file = find_name(item, FILES) if isinstance(item, dict) else None
    if file is None or not isinstance(item[file], str):
        raise NotRead("it holds no pairs of an image and a label")
    return Pair(item[file], _label_of(item))


def _label_of(described: Mapping[str, Any]) -> str | None:
    name = find_name(described, KEYS)
    if name is None:
        shown = ", ".join(list(described)[:5])
        raise NotRead(f"none of its keys is called label ({shown})")
    return as_label(described[name])

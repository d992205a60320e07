"""The files that the document takes its examples from, one for each tag."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import service.api.examples
from service.api.examples import Example
from tests.service.api.examples.calls import CALLS
from tests.service.api.examples.fakes import shape
from tests.service.api.examples.walk import begun

FOLDER = Path(service.api.examples.__file__).parent
COMMAND = "python -m tests.service.api.examples"


def walk(document: dict[str, Any]) -> dict[str, Example]:
    """The examples of the document's operations as the application gives them now."""
    with begun(document) as it:
        it.take(CALLS)
        return it.examples


def differing(old: dict[str, Example], new: dict[str, Example]) -> dict[str, Example]:
    """The new examples whose request or answer has another shape than the old one's."""
    return {name: one for name, one in new.items() if shape(one) != shape(old.get(name))}


def write(examples: dict[str, Example], document: dict[str, Any]) -> None:
    """Write the examples of the document's operations, by tag; no other file stays."""
    by_tag: dict[str, dict[str, Example]] = defaultdict(dict)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            name = f"{method.upper()} {path}"
            by_tag[operation["tags"][0]][name] = examples[name]
    for file in FOLDER.glob("*.json"):
        file.unlink()
    for tag, named in by_tag.items():
        text = json.dumps(dict(sorted(named.items())), indent=1, ensure_ascii=False)
        (FOLDER / f"{tag.replace(' ', '-')}.json").write_text(f"{text}\n", encoding="utf-8")

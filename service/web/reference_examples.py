"""The example of an operation as two texts: what is sent, and what is answered."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode


def request_text(method: str, path: str, operation: dict[str, Any]) -> str:
    """The request as HTTP writes it, without what every request has."""
    values: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}}
    for parameter in operation.get("parameters", []):
        if "example" in parameter:
            values[parameter["in"]][parameter["name"]] = parameter["example"]
    target = re.sub(r"{(\w+)}", lambda name: quote(str(values["path"].get(name[1], name[0]))), path)
    query = urlencode(values["query"], doseq=True)
    headers = [f"{name.title()}: {value}" for name, value in values["header"].items()]
    content = operation.get("requestBody", {}).get("content", {})
    first = f"{method.upper()} {target}{'?' if query else ''}{query}"
    return "\n".join([first, *headers, *_bodies(content)])


def answer_text(answers: dict[str, dict[str, Any]]) -> str:
    """Of the answers by status, the success that has an example, or else the first one."""
    successes = [status for status in sorted(answers) if status.startswith("2")]
    status = next((one for one in successes if _has_example(answers[one])), successes[0])
    answer = answers[status]
    headers = [
        f"{name}: {header['example']}"
        for name, header in answer.get("headers", {}).items()
        if "example" in header
    ]
    return "\n".join([f"HTTP {status}", *headers, *_bodies(answer.get("content", {}))])


def _has_example(answer: dict[str, Any]) -> bool:
    return any("example" in content for content in answer.get("content", {}).values())


def _bodies(content: dict[str, Any]) -> Iterator[str]:
    for media_type, one in content.items():
        if "example" in one:
            value = one["example"]
            yield f"Content-Type: {media_type}"
            yield ""
            yield (
                value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
            )

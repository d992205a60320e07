"""An example of every operation for the OpenAPI document: a request, and what it was answered.

The files beside this one hold them, one for each tag. They are recorded from the running
application: CONTRIBUTING.md says how to add one.
"""

import json
from functools import cache
from importlib.resources import files
from typing import Any, TypedDict


class Example(TypedDict, total=False):
    """`status` is always there. `media_type` is the answer's, where it has a body; an answer that
    is no text, such as a picture, has no `answer`."""

    parameters: dict[str, Any]
    body: Any
    status: int
    headers: dict[str, Any]
    media_type: str
    answer: Any


@cache
def read_examples() -> dict[str, Example]:
    """Every example, by method and path: `GET /v1/me`."""
    return {
        operation: example
        for file in files(__name__).iterdir()
        if file.name.endswith(".json")
        for operation, example in json.loads(file.read_text(encoding="utf-8")).items()
    }


def give_example(operation: dict[str, Any], example: Example) -> None:
    """Put an example into an operation of the document."""
    values = example.get("parameters", {})
    for parameter in operation.get("parameters", []):
        if parameter["name"] in values:
            parameter["example"] = values[parameter["name"]]
    if "body" in example:
        for media_type, content in operation["requestBody"]["content"].items():
            is_form = media_type == "multipart/form-data"
            content["example"] = {"file": example["body"]} if is_form else example["body"]
    response = operation["responses"][str(example["status"])]
    if "answer" in example:
        response["content"][example["media_type"]]["example"] = example["answer"]
    if "headers" in example:
        response["headers"] = {
            name: {**header, "example": example["headers"][name]}
            for name, header in response["headers"].items()
        }

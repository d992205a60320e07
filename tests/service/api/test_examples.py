"""Every operation of the document has an example, which holds and is what the service answers."""

import copy
import difflib
import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from service.api.app import create_app
from service.api.examples import Example, read_examples
from tests.service.api.examples.fakes import shape
from tests.service.api.examples.files import COMMAND, differing, walk
from tests.service.api.examples.walk import NO_TEXT

DOCUMENT: dict[str, Any] = json.loads(json.dumps(create_app().openapi()))
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}


def successes(operation: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for status, one in operation["responses"].items() if status[0] == "2"]


def shown(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Everything in an operation that has an example, and what it is."""
    for parameter in operation.get("parameters", []):
        yield parameter["name"], parameter
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"request as {media_type}", content
    for response in successes(operation):
        for media_type, content in response.get("content", {}).items():
            yield f"answer as {media_type}", content
        yield from response.get("headers", {}).items()


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_has_an_example(name: str) -> None:
    operation = OPERATIONS[name]
    assert name in read_examples(), (
        f"Add a call to tests/service/api/examples/calls, then {COMMAND}"
    )
    for parameter in operation.get("parameters", []):
        if parameter.get("required"):
            assert "example" in parameter, parameter["name"]
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        assert "example" in content, media_type
    contents = [response.get("content", {}) for response in successes(operation)]
    answers = [
        one for content in contents for media, one in content.items() if media not in NO_TEXT
    ]
    assert not answers or any("example" in answer for answer in answers)


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_example_is_what_its_schema_says(name: str) -> None:
    for what, node in shown(OPERATIONS[name]):
        if "example" in node:
            schema = {**node.get("schema", {}), "components": DOCUMENT["components"]}
            validator = jsonschema.Draft202012Validator(
                schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
            )
            assert [error.message for error in validator.iter_errors(node["example"])] == [], what


def test_nothing_has_an_example_that_is_no_operation() -> None:
    assert read_examples().keys() <= OPERATIONS.keys()


def explanation(old: dict[str, Example], changed: dict[str, Example]) -> str:
    lines = [f"Examples have changed. If that is intended, record them anew with\n    {COMMAND}"]
    for name, example in changed.items():
        before, after = (
            json.dumps(shape(one), indent=1).splitlines() for one in (old.get(name), example)
        )
        lines += [name, *difflib.unified_diff(before, after, "old", "new", lineterm="", n=2)]
    return "\n".join(lines)


@pytest.mark.slow  # a whole walk, with an audit
def test_the_service_answers_as_the_examples_say() -> None:
    old, new = read_examples(), walk(DOCUMENT)
    if changed := differing(old, new):
        pytest.fail(explanation(old, changed), pytrace=False)
    assert new.keys() == old.keys()


@pytest.fixture
def example() -> Example:
    return copy.deepcopy(read_examples()["GET /v1/audits/{audit_id}/suspects"])


def test_what_is_measured_may_differ(example: Example) -> None:
    before = shape(example)
    example["answer"]["items"][0] |= {"p_wrong": 0.5, "given_label": "cat", "reason": "others"}
    example["answer"]["ranking_id"] = "ra_019cad4f2a8000000000000000ff"
    assert shape(example) == before


@pytest.mark.parametrize("change", [{"tier": "sure"}, {"p_wrong": None}, {"new": 1}, {"rank": "1"}])
def test_any_other_change_of_an_answer_is_noticed(example: Example, change: dict[str, Any]) -> None:
    changed = copy.deepcopy(example)
    changed["answer"]["items"][0] |= change
    assert differing({"one": example}, {"one": changed}) == {"one": changed}
    message = explanation({"one": example}, {"one": changed})
    assert COMMAND in message
    assert any(f'+    "{name}": ' in message for name in change)


def test_the_examples_say_nothing_of_the_machine_that_made_them() -> None:
    text = json.dumps(read_examples())
    for word in ("127.0.0.1", "localhost", "testclient", "/tmp/"):
        assert word not in text

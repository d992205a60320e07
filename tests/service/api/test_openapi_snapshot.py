"""The public API changes only on purpose: the document is kept as a file and compared."""

import copy
import difflib
import json
from pathlib import Path

import pytest

from service.api.openapi import document_text
from tests.support.openapi_changes import breaking_changes

SNAPSHOT = Path(__file__).with_name("openapi.json")
COMMAND = "python -m service.api.openapi > tests/service/api/openapi.json"
SHOWN_LINES = 80


def explanation(before: str, after: str) -> str:
    broken = breaking_changes(json.loads(before), json.loads(after))
    diff = list(difflib.unified_diff(before.splitlines(), after.splitlines(), "old", "new", n=2))
    return "\n".join(
        [
            "The OpenAPI document has changed. If that is intended, rewrite the snapshot with",
            f"    {COMMAND}",
            "and note the change in CHANGELOG.md; docs/stability.md says what may change.",
            f"Breaking changes: {'none found' if not broken else ''}",
            *(f"  {change}" for change in broken),
            *diff[:SHOWN_LINES],
            *([f"… {len(diff) - SHOWN_LINES} more lines"] if len(diff) > SHOWN_LINES else []),
        ]
    )


def test_the_document_is_the_one_that_was_agreed_on() -> None:
    before, after = SNAPSHOT.read_text(encoding="utf-8"), document_text()
    if before != after:
        pytest.fail(explanation(before, after), pytrace=False)


# ------------------------------------------------------------------------ the classifier of changes

DATASET = "/v1/datasets/{dataset_id}"


@pytest.fixture
def old() -> dict:
    return json.loads(SNAPSHOT.read_text(encoding="utf-8"))


@pytest.fixture
def new(old: dict) -> dict:
    return copy.deepcopy(old)


def test_an_added_path_and_an_added_optional_field_break_nothing(old: dict, new: dict) -> None:
    new["paths"]["/v1/new"] = new["paths"][DATASET]
    new["components"]["schemas"]["KeyCreate"]["properties"]["note"] = {"type": "string"}
    new["components"]["schemas"]["Role"]["enum"].append("auditor")
    assert breaking_changes(old, new) == []


def test_what_is_removed_breaks(old: dict, new: dict) -> None:
    del new["paths"][DATASET]["delete"]
    del new["paths"]["/v1/me"]
    del new["components"]["schemas"]["DatasetRead"]["properties"]["name"]
    new["components"]["schemas"]["Role"]["enum"].remove("viewer")
    assert set(breaking_changes(old, new)) == {
        f"removed operation DELETE {DATASET}",
        "removed path /v1/me",
        "removed field DatasetRead.name",
        "narrowed enum Role: without viewer",
    }


def test_newly_required_input_breaks_and_newly_required_output_does_not(
    old: dict, new: dict
) -> None:
    schemas = new["components"]["schemas"]
    for name in ("KeyCreate", "KeyRead"):
        schemas[name]["properties"]["reason"] = {"type": "string"}
        schemas[name]["required"].append("reason")
    listing = new["paths"]["/v1/audits"]["get"]["parameters"]
    listing.append({"name": "since", "in": "query", "required": True, "schema": {"type": "string"}})
    assert set(breaking_changes(old, new)) == {
        "new required field KeyCreate.reason",
        "new required parameter query since of GET /v1/audits",
    }


def test_another_type_breaks(old: dict, new: dict) -> None:
    new["components"]["schemas"]["DatasetRead"]["properties"]["sample_count"]["type"] = "string"
    assert breaking_changes(old, new) == [
        "changed type of DatasetRead.sample_count: integer became string"
    ]


def test_the_message_names_the_command_the_break_and_the_lines(old: dict, new: dict) -> None:
    del new["paths"]["/v1/me"]
    message = explanation(
        json.dumps(old, indent=1, sort_keys=True), json.dumps(new, indent=1, sort_keys=True)
    )
    assert COMMAND in message
    assert "  removed path /v1/me" in message
    assert '-  "/v1/me": {' in message

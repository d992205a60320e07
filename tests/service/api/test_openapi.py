"""The OpenAPI document is valid and says all there is to say."""

import json
import re

import pytest

from labelaudit.enums import Scope
from service.api.app import create_app
from tests.service.api.test_access import UNSAID, scopes_of

DOCUMENT = create_app().openapi()
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
V1 = {name: operation for name, operation in OPERATIONS.items() if " /v1/" in name}


def references(node: object) -> set[str]:
    match node:
        case dict():
            own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
            return own.union(*(references(value) for value in node.values()))
        case list():
            return set().union(*(references(item) for item in node))
        case _:
            return set()


def test_every_reference_leads_somewhere():
    for reference in references(DOCUMENT):
        node = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            assert part in node, reference
            node = node[part]


def test_operation_ids_are_unique():
    ids = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_says_what_it_does(name):
    operation = OPERATIONS[name]
    assert operation["summary"]
    assert operation.get("description"), f"{name} has no description"
    assert operation["tags"]


@pytest.mark.parametrize("name", V1)
def test_an_operation_documents_its_problems_in_full(name):
    responses = V1[name]["responses"]
    assert {"401", "403", "422"} <= set(responses)
    if "{" in name:
        assert "404" in responses
    shared = DOCUMENT["components"]["responses"]
    for status, response in responses.items():
        if int(status) >= 400:
            response = shared[response["$ref"].removeprefix("#/components/responses/")]
            assert list(response["content"]) == ["application/problem+json"], (name, status)
            assert response["description"]


@pytest.mark.parametrize("name", [name for name in V1 if " /v1/sign-in" not in name])
def test_an_operation_declares_that_it_needs_a_key(name):
    from_tool = [{"ApiKeyAsPassword": []}] if "/audits/{audit_id}/label-studio/" in name else []
    assert V1[name]["security"] == [{"ApiKey": []}, {"SessionCookie": []}, *from_tool]
    for scope in V1[name].get("x-scopes", []):
        assert scope in set(Scope)
        assert f"`{scope}`" in V1[name]["description"]


def test_the_document_tells_the_scope_that_a_route_checks(app):
    for (method, path), scopes in scopes_of(app).items():
        if scopes is not UNSAID:
            told = OPERATIONS[f"{method} {path}"].get("x-scopes", [])
            assert told == list(scopes), (method, path)


@pytest.mark.parametrize("name", V1)
def test_every_parameter_in_the_path_is_declared(name):
    wanted = set(re.findall(r"{(\w+)}", name))
    declared = {p["name"] for p in V1[name].get("parameters", []) if p["in"] == "path"}
    assert declared == wanted


def test_every_direction_is_told():
    schemas = DOCUMENT["components"]["schemas"]
    for schema in schemas.values():
        for name, field in schema.get("properties", {}).items():
            if name in ("p_wrong", "label_score", "p_given", "margin"):
                assert "= bad" in field["description"], name


def test_the_document_is_valid_by_the_specifications_own_rules():
    validator = pytest.importorskip("openapi_spec_validator", reason="needs openapi-spec-validator")
    validator.validate(json.loads(json.dumps(DOCUMENT)))


def test_the_served_document_is_this_one(anonymous):
    assert anonymous.get("/openapi.json").json() == json.loads(json.dumps(DOCUMENT))


ADDRESS = re.compile(r"ur[il]|href|link|address|callback|hook|host|endpoint|origin|proxy|remote")


def taken(node: object, seen: set[str]) -> set[str]:
    """What a request may hold: names of parameters and fields, and formats of values."""
    found = set()
    match node:
        case {"$ref": str(reference)}:
            if reference not in seen:
                seen.add(reference)
                found = taken(DOCUMENT["components"]["schemas"][reference.split("/")[-1]], seen)
        case dict():
            for name, value in node.items():
                if name in ("format", "name") and isinstance(value, str):
                    found.add(value)
                if name == "properties":
                    found |= set(value)
                found |= taken(value, seen)
        case list():
            found = set().union(*(taken(item, seen) for item in node))
    return found


def test_no_request_holds_an_address_that_the_service_could_be_made_to_fetch():
    requests = [
        [operation.get("parameters", []), operation.get("requestBody", {})]
        for operation in OPERATIONS.values()
    ]
    names = taken(requests, set())
    assert {"verdict", "cursor", "objective", "date-time"} <= names  # it looks where it should
    # of a webhook, whose address must be of a host that the operator allows
    assert {name for name in names if ADDRESS.search(name.lower())} == {"url", "webhook_id"}

"""What a 201 or a 202 says beside its body: where the new thing is, and when to ask for it."""

from typing import Any

import pytest
from fastapi import FastAPI

from labelaudit.enums import Role
from service.api.app import create_app
from tests.conftest import CallAs
from tests.support.factories import Store, make_audit, make_dataset, sample_id

CSV = "label,text\n" + "".join(f"{'ab'[n % 2]},text {n}\n" for n in range(20))
CORRECTION = {"corrections": [{"sample_id": sample_id(0), "verdict": "keep"}]}
WEBHOOK = {"url": "https://hooks.example.com/", "events": ["audit.completed"]}
# Operation: the role that calls it, and its body.
CALLS: dict[str, tuple[Role, Any]] = {
    "POST /v1/datasets": (Role.uploader, CSV),
    "POST /v1/datasets/{dataset_id}/columns": (Role.uploader, {"label": "label"}),
    "POST /v1/datasets/{dataset_id}/audits": (Role.uploader, {}),
    "POST /v1/datasets/{dataset_id}/exports": (Role.uploader, {}),
    "POST /v1/datasets/{dataset_id}/samples/{sample_id}/comments": (
        Role.annotator,
        {"text": "blurred"},
    ),
    "POST /v1/audits/{audit_id}/rankings": (Role.annotator, None),
    "POST /v1/audits/{audit_id}/certificates": (Role.uploader, {}),
    "POST /v1/audits/{audit_id}/corrections": (Role.annotator, CORRECTION),
    "POST /v1/audits/{audit_id}/reverts": (Role.uploader, {"person_id": "reviewer"}),
    "POST /v1/audits/{audit_id}/assignments": (
        Role.uploader,
        {"name": "all", "people": ["reviewer"]},
    ),
    "POST /v1/keys": (Role.admin, {"name": "Ben"}),
    "POST /v1/sessions": (Role.annotator, None),
    "POST /v1/uploads": (Role.uploader, {"length": 10}),
    "POST /v1/webhooks": (Role.admin, WEBHOOK),
    "POST /v1/webhooks/{webhook_id}/deliveries": (Role.admin, None),
    "POST /v1/webhooks/{webhook_id}/deliveries/{delivery_id}/retries": (Role.admin, None),
    "POST /v1/tenants": (Role.operator, {"name": "North"}),
}
# needs a trained classifier: test_models.py has it
ELSEWHERE = {"POST /v1/audits/{audit_id}/predict"}


def answering(*statuses: str) -> set[str]:
    return {
        f"{method.upper()} {path}"
        for path, methods in create_app().openapi()["paths"].items()
        for method, operation in methods.items()
        if set(statuses) & set(operation["responses"])
    }


def test_every_operation_that_creates_or_begins_something_is_called_here():
    assert answering("201", "202") == CALLS.keys() | ELSEWHERE


@pytest.mark.parametrize("operation", CALLS)
def test_the_answer_says_where_to_look_and_when(
    app: FastAPI, store: Store, call_as: CallAs, operation: str
) -> None:
    dataset_id = make_dataset(store)
    audited = operation != "POST /v1/datasets/{dataset_id}/columns"
    audit_id = make_audit(store, dataset_id) if audited else "none"
    role, body = CALLS[operation]
    client = call_as(role)
    method, path = operation.split(" ")
    known = {"dataset_id": dataset_id, "audit_id": audit_id, "sample_id": sample_id(1)}
    if "{webhook_id}" in path:
        known["webhook_id"] = client.post("/v1/webhooks", json=WEBHOOK).json()["id"]
        delivery = client.post(f"/v1/webhooks/{known['webhook_id']}/deliveries")
        known["delivery_id"] = delivery.json()["id"]
    url = path.format(**known)
    if operation.endswith(("rankings", "reverts")):
        client.post(f"/v1/audits/{audit_id}/corrections", json=CORRECTION)
    if isinstance(body, dict):
        me = client.get("/v1/me").json()["id"]
        named = {"people": [me]} if "people" in body else {}
        named |= {"person_id": me} if "person_id" in body else {}
        answer = client.request(method, url, json={**body, **named})
    else:
        answer = client.request(method, url, content=body)
    documented = set(app.openapi()["paths"][path][method.lower()]["responses"])
    assert str(answer.status_code) in documented & {"201", "202"}, answer.text
    if answer.status_code == 202:
        assert int(answer.headers["retry-after"]) >= 1
    location = answer.headers["location"]
    if operation == "POST /v1/sessions":  # sessions are listed and ended, not read
        assert client.delete(location, headers={"X-CSRF": "1"}).status_code == 204
        return
    found = client.get(location)
    assert found.status_code == 200, found.text
    if "id" in found.json():
        assert found.json()["id"] == answer.json()["id"]

"""Who may still judge a sample learns nothing from colleagues' verdicts on it: whatever a colleague
said, every answer of every address is the same."""

import json
import re
from itertools import product
from typing import Any

import pytest
from starlette.testclient import TestClient

from labelaudit.enums import Role, Verdict
from service import review
from service.review import NewCorrection, assignments, sample_history
from tests.support.factories import (
    Store,
    make_audit,
    make_dataset,
    person,
    sample_id,
    summarise,
)

JUDGED = sample_id(1)  # Ann has judged it, and one more opinion is wanted
VERDICTS = (
    NewCorrection(JUDGED, Verdict.keep),
    NewCorrection(JUDGED, Verdict.relabel, 2),
    NewCorrection(JUDGED, Verdict.exclude),
)
ANN = person("Ann")
PLACES = {
    "sample_id": (JUDGED, sample_id(2), sample_id(4)),
    "name": ("data_map", "noise_matrix", "findings", "tiers", "classes"),
    "format": ("svg", "csv", "jsonl", "parquet"),
    "number": ("0",),
}
# What they name is told apart by other tests, or is made of nothing that a review decides.
OF_SOMETHING_ELSE = {
    "assignment_id", "certificate_id", "correction_id", "export_id", "file", "key_id", "revert_id",
    "tenant_id", "upload_id",
}  # fmt: skip
ENDLESS = ("/events",)
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def make_world(store: Store, said: NewCorrection | None) -> dict[str, str]:
    """A dataset whose samples want two opinions, of which Ann gave her first."""
    dataset_id = make_dataset(store)
    audit_id = make_audit(store, dataset_id)
    summarise(store, audit_id)
    with store.database.write() as session:
        assignments.update_review_settings(session, audit_id, opinions=2, adjudicators=())
        if said is not None:
            review.submit(session, audit_id, [said], principal=ANN)
            sample_history.add_comment(session, dataset_id, JUDGED, said.verdict, principal=ANN)
    return {"dataset_id": dataset_id, "audit_id": audit_id}


def addresses(document: dict[str, Any], world: dict[str, str]) -> list[str]:
    """Every address of a dataset or an audit that can be read."""
    found = []
    for path, operations in document["paths"].items():
        names = re.findall(r"{(\w+)}", path)
        asked = "get" in operations and not path.endswith(ENDLESS)
        if not asked or not {"dataset_id", "audit_id"} & set(names):
            continue
        if OF_SOMETHING_ELSE & set(names):
            continue
        values = [(world[name],) if name in world else PLACES[name] for name in names]
        found += [path.format(**dict(zip(names, some, strict=True))) for some in product(*values)]
    for heavy in ("trajectory", "neighbours"):
        found.append(f"/v1/audits/{world['audit_id']}/suspects/{sample_id(2)}?include={heavy}")
    return found


def answers(client: TestClient, document: dict[str, Any], world: dict[str, str]) -> dict[str, str]:
    """Address -> what it answers, both without what differs between any two datasets."""
    found = {}
    for address in addresses(document, world):
        answer = client.get(address)
        assert answer.status_code in (200, 403, 404, 406, 409, 422), (address, answer.text)
        found[unnamed(address)] = f"{answer.status_code} {unnamed(answer.text)}"
    queue = f"/v1/audits/{world['audit_id']}/queue/next"
    leased = client.post(queue, json={"count": 3, "include": ["neighbours"]})
    assert leased.is_success, leased.text
    found[unnamed(queue)] = unnamed(leased.text)
    model = f"/v1/audits/{world['audit_id']}/label-studio/predict"
    tasks = [{"data": {"sample_id": name}} for name in PLACES["sample_id"]]
    predicted = client.post(model, json={"tasks": tasks})
    assert predicted.is_success, predicted.text
    found[unnamed(model)] = unnamed(predicted.text)
    return found


def unnamed(text: str) -> str:
    """Without ids, moments and what is computed of them."""
    text = re.sub(r"\b(ds|au|ra|co|cm|le|ba|rv|re)_[0-9a-z]+", r"\1_", text)
    text = re.sub(r'"request_id":"[^"]*"', "", text)
    return re.sub(r"\d{4}-\d\d-\d\d[T ][\d:.]+(Z|\+00:00)?", "moment", text)


@pytest.mark.parametrize("role", [Role.annotator, Role.admin])
def test_no_answer_tells_what_a_colleague_said(app, call_as, store, role):
    document, client = app.openapi(), call_as(role)
    told = [answers(client, document, make_world(store, said)) for said in VERDICTS]
    assert len(told[0]) > 40
    telling = {
        (address, said.verdict)
        for other, said in zip(told[1:], VERDICTS[1:], strict=True)
        for address, answer in told[0].items()
        if other[address] != answer
    }
    assert not telling


def test_once_all_opinions_are_in_everybody_sees_them(app, call_as, store):
    """Else the test above could compare nothing but refusals."""
    kept, changed = (make_world(store, said) for said in VERDICTS[:2])
    for world, said in zip((kept, changed), VERDICTS[:2], strict=True):
        with store.database.write() as session:
            review.submit(session, world["audit_id"], [said], principal=person("Ben"))
    document, client = app.openapi(), call_as(Role.annotator)
    told = [answers(client, document, world) for world in (kept, changed)]
    differing = {address for address in told[0] if told[0][address] != told[1][address]}
    for part in ("findings", "history", "suspects/sample-00001", "corrections", "report.html"):
        assert any(part in address for address in differing), (part, json.dumps(sorted(differing)))

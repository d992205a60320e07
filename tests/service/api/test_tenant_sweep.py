"""Every operation of the API, called with objects of another organisation.

The document of the API says which operations there are and what each one names: in its path, its
query and its body. In both organisations the test makes a real object of every kind that can be
named, calls each operation with foreign objects in each place where one fits, alone and mixed with
the caller's own, and compares the other organisation's rows before and after. A parameter that the
tables below do not know fails the test: whoever adds one says what it names.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from labelaudit.enums import Role
from service.accounts import tenants
from service.accounts.api_keys import create_key
from service.db.tables import Model
from tests.support.factories import Store, make_audit, make_dataset, sample_id

Names = dict[str, str]
Operation = tuple[str, str]

# What a parameter of this name names, by kind of object.
NAMES_OBJECTS = {
    "audit_id": "audit",
    "dataset_id": "dataset",
    "sample_id": "sample",
    "correction_id": "correction",
    "supersedes": "correction",
    "batch_id": "batch",
    "assignment_id": "assignment",
    "lease_id": "lease",
    "upload_id": "upload",
    "export_id": "export",
    "key_id": "key",
    "people": "key",
    "adjudicators": "key",
    "session_id": "session",
}
# Parameters in a path that choose among fixed things.
PATH_VALUES = {"format": "csv", "name": "tiers", "file": "model.json", "number": "1"}
PATHS_WITH_THEIR_OWN = {"/v1/audits/{audit_id}/plots/{name}.{format}": {"format": "svg"}}
# Parameters of queries and bodies that name nothing which belongs to anybody.
PLAIN = {
    "tier",
    "given_label",
    "predicted_label",
    "state",
    "issue",
    "cursor",
    "limit",
    "name",
    "filename",
    "label_column",
    "text_column",
    "sample_id_column",
    "file_column",
    "feature_column",
    "sha256",
    "size",
    "theme",
    "wait_seconds",
    "everybody",
    "action",
    "first",
    "count",
    "purpose",
    "assigned",
    "verdict",
    "corrected_label",
    "note",
    "corrections",
    "label",
    "text",
    "file",
    "embedding",
    "pred_probs",
    "features",
    "ignored",
    "objective",
    "objective_options",
    "network",
    "replicas",
    "replicas_per_shard",
    "epochs",
    "hidden",
    "learning_rate",
    "weight_decay",
    "batch_size",
    "families",
    "seed",
    "encoder",
    "dataset_version",
    "format",
    "length",
    "columns",
    "opinions",
    "since",
    "split",
    "reserved",
    "texts",
    "rows",
    "vectors",
    "images",
    "shared",
    "role",
    "scopes",
    "expires_at",
    "code",
    "admin",
}
# Names that mean a column here and an object elsewhere, and the other way round.
PLAIN_IN = {"ColumnRoles": {"sample_id"}}
PUBLIC = {"/livez", "/readyz", "/metrics", "/v1/sign-in", "/v1/sign-in/oidc"}
# What else a body needs to be accepted, besides the objects that it names.
BODIES: dict[str, dict[str, Any]] = {
    "QueueNext": {"assigned": "only"},
    "CorrectionCreate": {"verdict": "keep"},
    "ReviewSettings": {"opinions": 2},
    "AssignmentCreate": {"name": "cats"},
    "CommentCreate": {"text": "blurred"},
    "MembersUpdate": {"shared": False},
    "KeyCreate": {"name": "another"},
    "PredictRequest": {"texts": ["a cat"]},
    "DirectUploadCreate": {"length": 1, "filename": "x.csv"},
    "SignInAnswer": {"code": "c", "state": "s"},
    "TenantCreate": {"name": "mine", "admin": "me"},
}
OPTIONAL = {"lease_id", "supersedes", "assignment_id", "adjudicators"}
# A verdict sent with a lease that is not the caller's counts as one sent without a lease: whoever
# worked on while it expired loses nothing.
HARMLESS = {("/v1/audits/{audit_id}/corrections", "lease_id")}
UPLOAD_HEADERS = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0"}
REFUSED = {400, 403, 404, 409, 422}
# Operations that answer the caller's own objects with an error in this test, and why.
OWN_ANSWERS = {
    ("get", "/v1/audits/{audit_id}/model"): 404,  # the factory's audit trained none
    ("get", "/v1/audits/{audit_id}/model/{file}"): 404,
    ("post", "/v1/audits/{audit_id}/predict"): 404,
    ("get", "/v1/audits/{audit_id}/predictions/{number}"): 404,
    ("get", "/v1/datasets/{dataset_id}/samples/{sample_id}/media"): 422,  # a text
    ("get", "/v1/datasets/{dataset_id}/annotators"): 404,  # an upload without votes
    ("get", "/v1/exports/{export_id}/file"): 409,  # not written yet
    ("get", "/v1/uploads/{upload_id}/parts"): 404,  # no bucket is set up
    ("post", "/v1/uploads/{upload_id}/complete"): 404,
    ("post", "/v1/audits/{audit_id}/cancel"): 409,  # completed
    ("post", "/v1/datasets/{dataset_id}/columns"): 409,  # audited
    ("post", "/v1/audits/{audit_id}/team/{key_id}/revert"): 404,  # that key has judged nothing
    ("post", "/v1/audits/{audit_id}/rankings"): 409,  # its verdicts are reverted by then
}


@dataclass
class Side:
    """One organisation: who calls, and an object of each kind by its id."""

    client: TestClient
    tenant_id: str
    objects: Names = field(default_factory=dict)


@pytest.fixture
def own_and_foreign(app: FastAPI, store: Store) -> tuple[Side, Side]:
    with store.database.write() as session:
        other, _ = tenants.create_tenant(session, name="Elsewhere", admin="Zoe")
    sides = []
    for tenant_id, samples in (("default", 30), (other.id, 31)):
        with store.database.write() as session:
            _, token = create_key(session, name="admin", role=Role.admin, tenant_id=tenant_id)
        client = TestClient(
            app, base_url="http://127.0.0.1", headers={"Authorization": f"Bearer {token}"}
        )
        side = Side(client, tenant_id)
        side.objects = make_one_of_each(store, client, tenant_id, samples)
        sides.append(side)
    return sides[0], sides[1]


def make_one_of_each(store: Store, client: TestClient, tenant_id: str, samples: int) -> Names:
    """An object of every kind that a request can name."""

    def post(path: str, **options: Any) -> Any:
        answer = client.post(path, **options)
        assert answer.is_success, (path, answer.text)
        return answer

    dataset_id = make_dataset(store, samples=samples, tenant_id=tenant_id)
    audit_id = make_audit(store, dataset_id)
    audit, dataset = f"/v1/audits/{audit_id}", f"/v1/datasets/{dataset_id}"
    last = sample_id(samples - 1)
    key = post("/v1/keys", json={"name": "Ann", "role": "annotator"}).json()["id"]
    correction = {"sample_id": sample_id(1), "verdict": "keep"}
    made = post(f"{audit}/corrections", json={"corrections": [correction]}).json()["corrections"][0]
    lease = post(f"{audit}/queue/next").json()["items"][0]
    post(f"{audit}/comments", json={"sample_id": last, "text": "blurred"})
    post(f"{audit}/rankings")
    client.put(f"{dataset}/members/{key}").raise_for_status()
    upload = post(
        "/v1/uploads",
        headers={"Tus-Resumable": "1.0.0", "Upload-Length": "10", "Upload-Metadata": ""},
    )
    post("/v1/sessions", headers={"X-CSRF": "1"})
    client.cookies.clear()
    session = client.get("/v1/sessions").json()[0]["id"]
    assignment = post(f"{audit}/assignments", json={"name": "all", "people": [key]}).json()["id"]
    return {
        "dataset": dataset_id,
        "audit": audit_id,
        "sample": last,
        "leased_sample": lease["sample_id"],
        "correction": made["id"],
        "batch": made["batch_id"],
        "lease": lease["lease"]["lease_id"],
        "key": key,
        "assignment": assignment,
        "upload": upload.headers["location"].rpartition("/")[2],
        "export": post(f"{dataset}/exports", json={"format": "csv"}).json()["id"],
        "session": session,
    }


# --------------------------------------------------------------------------- what the document says


def operations(document: dict[str, Any]) -> list[Operation]:
    """Those that only read come first, those that end something last, children before parents."""
    order = ("get", "head", "options", "put", "patch", "post", "delete")
    found = [(method, path) for path, item in document["paths"].items() for method in item]
    return sorted(
        found, key=lambda one: (order.index(one[0]), one[1].endswith("release"), -len(one[1]))
    )


def body_schema(document: dict[str, Any], operation: Operation) -> str | None:
    """The name of the schema of an operation's JSON body."""
    method, path = operation
    content = document["paths"][path][method].get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    choices = [schema, *schema.get("anyOf", [])]
    return next((one["$ref"].rpartition("/")[2] for one in choices if "$ref" in one), None)


def properties(document: dict[str, Any], schema: str) -> dict[str, Any]:
    found: dict[str, Any] = document["components"]["schemas"][schema].get("properties", {})
    return found


def places(document: dict[str, Any], operation: Operation) -> list[tuple[str, str]]:
    """(where, name) of everything in an operation that names an object."""
    method, path = operation
    found = []
    for parameter in document["paths"][path][method].get("parameters", []):
        where, name = parameter["in"], parameter["name"]
        if where == "path" and name in NAMES_OBJECTS:
            found.append((where, name))
        elif where == "path":
            assert name in PATH_VALUES, f"{path}: say what {name!r} names"
        elif where == "query" and name in NAMES_OBJECTS:
            found.append((where, name))
        elif where == "query":
            assert name in PLAIN, f"{path}: say what {name!r} names"
    schema = body_schema(document, operation)
    inner = "CorrectionCreate" if schema == "CorrectionsCreate" else schema
    for name in properties(document, inner) if inner else ():
        if name in PLAIN_IN.get(str(inner), ()):
            continue
        if (path, name) in HARMLESS:
            continue
        if name in NAMES_OBJECTS:
            found.append(("body", name))
        else:
            assert name in PLAIN, f"{inner}: say what {name!r} names"
    return found


# ----------------------------------------------------------------------------------------- requests


@dataclass
class Request:
    """One call of an operation, each of its places filled with one side's object."""

    operation: Operation
    schema: str | None
    filled: dict[tuple[str, str], str]

    def send(self, client: TestClient) -> httpx2.Response:
        method, path = self.operation
        values = PATH_VALUES | PATHS_WITH_THEIR_OWN.get(path, {})
        values = values | {name: value for (where, name), value in self.filled.items()}
        url = path.format(**values)
        options: dict[str, Any] = {"headers": {"X-CSRF": "1"}}
        if "/uploads" in path:
            options["headers"] |= UPLOAD_HEADERS
        options["params"] = {n: v for (where, n), v in self.filled.items() if where == "query"}
        if self.schema:
            options["json"] = self.body()
        elif method == "patch":
            options["headers"]["Content-Type"] = "application/offset+octet-stream"
            options["content"] = b"0123456789"
        return client.request(method.upper(), url, **options)

    def body(self) -> dict[str, Any]:
        named: dict[str, Any] = {
            name: [value] if name in ("people", "adjudicators") else value
            for (where, name), value in self.filled.items()
            if where == "body"
        }
        if self.schema == "CorrectionsCreate":
            return {"corrections": [{**BODIES["CorrectionCreate"], **named}]}
        return {**BODIES.get(str(self.schema), {}), **named}


def requests_for(
    document: dict[str, Any], operation: Operation, own: Side, foreign: Side
) -> Iterator[Request]:
    """The operation with foreign objects in every combination of places, at least in one."""
    found = places(document, operation)
    schema = body_schema(document, operation)
    for sides in product((own, foreign), repeat=len(found)):
        if foreign not in sides:
            continue
        filled = {
            place: side.objects[NAMES_OBJECTS[place[1]]]
            for place, side in zip(found, sides, strict=True)
        }
        # an optional object of one's own may stand in the way of what is tried: once without it
        ours = {
            place
            for place, side in zip(found, sides, strict=True)
            if side is own and place[0] == "body" and place[1] in OPTIONAL
        }
        yield Request(operation, schema, filled)
        if ours:
            yield Request(operation, schema, {p: v for p, v in filled.items() if p not in ours})


def own_request(document: dict[str, Any], operation: Operation, own: Side) -> Request:
    found = places(document, operation)
    filled = {
        place: own.objects[NAMES_OBJECTS[place[1]]]
        for place in found
        if not (place[0] == "body" and place[1] in OPTIONAL)
    }
    if any(name == "lease_id" for _, name in found) and "queue" in operation[1]:
        filled[("body", "lease_id")] = own.objects["lease"]
        filled[("body", "sample_id")] = own.objects["leased_sample"]
    return Request(operation, body_schema(document, operation), filled)


# ---------------------------------------------------------------------------------------- the tests


def rows_of_everybody_else(store: Store, own: Side) -> dict[str, list[Any]]:
    """Every row of every table that is not the caller's organisation's, by table."""
    found: dict[str, list[Any]] = {}
    ours = {own.tenant_id, *own.objects.values()}
    with store.database.read() as session:
        for table in Model.metadata.sorted_tables:
            if table.name in ("access_log", "idempotency"):
                continue
            rows = [dict(row) for row in session.execute(select(table)).mappings()]
            for row in rows:
                row.pop("last_used_at", None)
            found[table.name] = sorted(
                repr(sorted(row.items(), key=str)) for row in rows if not ours & set(owners(row))
            )
    return found


def owners(row: dict[str, Any]) -> list[str]:
    return [str(value) for value in row.values() if isinstance(value, str)]


def test_no_operation_reads_or_changes_what_belongs_to_another_organisation(
    app: FastAPI, store: Store, own_and_foreign: tuple[Side, Side]
) -> None:
    own, foreign = own_and_foreign
    document = app.openapi()
    before = rows_of_everybody_else(store, own)
    secrets = set(foreign.objects.values()) - set(own.objects.values())
    wrong: list[tuple[object, ...]] = []
    tried = 0
    for operation in operations(document):
        if operation[1] in PUBLIC:
            continue
        for request in requests_for(document, operation, own, foreign):
            tried += 1
            answer = request.send(own.client)
            is_list = ("query", "dataset_id") in request.filled or operation[1] == "/v1/access-log"
            empty = is_list and answer.is_success and answer.json()["items"] == []
            if not (answer.status_code in REFUSED or empty):
                wrong.append((operation, request.filled, answer.status_code, answer.text[:200]))
            told = {one for one in secrets - set(request.filled.values()) if one in answer.text}
            if told:
                wrong.append((operation, request.filled, "tells", told))
    assert not wrong, "\n".join(map(str, wrong))
    assert rows_of_everybody_else(store, own) == before
    assert tried > 90


def test_the_same_operations_work_with_the_callers_own_objects(
    app: FastAPI, own_and_foreign: tuple[Side, Side]
) -> None:
    """Else a refusal in the test above could mean anything."""
    own, _ = own_and_foreign
    document = app.openapi()
    wrong = []
    for operation in operations(document):
        if operation[1] in PUBLIC or not places(document, operation):
            continue
        request = own_request(document, operation, own)
        answer = request.send(own.client)
        expected = OWN_ANSWERS.get(operation)
        if answer.status_code != expected if expected else not answer.is_success:
            wrong.append((operation, request.filled, answer.status_code, answer.text[:160]))
    assert not wrong, "\n".join(map(str, wrong))

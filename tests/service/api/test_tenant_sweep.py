"""Every operation of the API, called with objects that the caller must not reach.

The document of the API says which operations there are and what each one names: in its path, its
query and its body. On both sides the test makes a real object of every kind that can be named,
calls each operation with foreign objects in each place where one fits, alone and mixed with the
caller's own, and compares every row before and after. Foreign is what belongs to another
organisation, and in one's own the datasets of which one is no member. A parameter that the tables
below do not know fails the test: whoever adds one says what it names.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Literal

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from labelaudit.enums import Role
from service.accounts import tenants
from service.accounts.api_keys import create_key
from service.api import cursors
from service.datasets import members
from service.db.tables import Model
from service.review import newest_ranking
from tests.support.factories import Store, find_nearest, make_audit, make_dataset, person, sample_id

Names = dict[str, str]
Operation = tuple[str, str]

# What a parameter of this name names, by kind of object.
NAMES_OBJECTS = {
    "audit_id": "audit",
    "dataset_id": "dataset",
    "sample_id": "sample",
    "similar_to": "sample",
    "correction_id": "correction",
    "supersedes": "correction",
    "batch_id": "batch",
    "revert_id": "revert",
    "person_id": "key",
    "assignment_id": "assignment",
    "certificate_id": "certificate",
    "lease_id": "lease",
    "upload_id": "upload",
    "export_id": "export",
    "key_id": "key",
    "people": "key",
    "adjudicators": "key",
    "session_id": "session",
    "tenant_id": "tenant",
    "webhook_id": "webhook",
    "delivery_id": "delivery",
}
# Parameters in a path that choose among fixed things.
PATH_VALUES = {"format": "csv", "name": "tiers", "file": "model.json", "number": "1"}
PATHS_WITH_THEIR_OWN = {
    "/v1/audits/{audit_id}/plots/{name}.{format}": {"format": "svg"},
    "/v1/audits/{audit_id}/arrays/{name}.npz": {"name": "pred_probs"},
}
# Parameters of queries and bodies that name nothing which belongs to anybody.
PLAIN = {
    "tier",
    "given_label",
    "predicted_label",
    "state",
    "issue",
    "cursor",
    "limit",
    "order",
    "labels",
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
    "goal",
    "level",
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
    "status",
    "sort",
    "created_after",
    "created_before",
    "include",
    "transfer",
    "description",
    "guidelines",
    "url",
    "events",
    "enabled",
    "schema",
    "label_config",
    "tasks",
    "id",  # of a task, in another program
    "data",
    "p_wrong_from",
    "p_wrong_to",
    "total",
    "search",
}
# A cursor names the ranking whose pages it walks.
NAMES_OBJECTS_IN = {("/v1/audits/{audit_id}/suspects", "cursor"): "ranking cursor"}
# Names that mean a column here and an object elsewhere, and the other way round.
PLAIN_IN = {"ColumnRoles": {"sample_id"}}
PUBLIC = {"/livez", "/readyz", "/metrics", "/v1/sign-in", "/v1/sign-in/oidc"}
# What else a body needs to be accepted, besides the objects that it names.
BODIES: dict[str, dict[str, Any]] = {
    "LabelStudioPredict": {"tasks": [{"id": 1, "data": {"text": "text number 1"}}]},
    "QueueNext": {"assigned": "only"},
    "CorrectionCreate": {"verdict": "keep"},
    "ReviewSettings": {"opinions": 2},
    "AssignmentCreate": {"name": "cats"},
    "CommentCreate": {"text": "blurred"},
    "MembersUpdate": {"shared": False},
    "KeyCreate": {"name": "another"},
    "PredictRequest": {"texts": ["a cat"]},
    "UploadCreate": {"length": 1, "filename": "x.csv"},
    "DatasetUpdate": {"description": "animals"},
    "SignInAnswer": {"code": "c", "state": "s"},
    "CertificateApply": {"level": 0.9},
    "TenantUpdate": {"status": "suspended"},
    "WebhookCreate": {"url": "https://hooks.example.com/", "events": ["audit.completed"]},
    "TenantCreate": {"name": "mine", "admin": "me"},
}
OPTIONAL = {"lease_id", "supersedes", "assignment_id", "adjudicators"}
# A verdict sent with a lease that is not the caller's counts as one sent without a lease: whoever
# worked on while it expired loses nothing.
HARMLESS = {("/v1/audits/{audit_id}/corrections", "lease_id")}
# A revert names one of these: each is tried alone.
ALTERNATIVES = {"RevertCreate": ("correction_id", "batch_id", "person_id")}
UPLOAD_HEADERS = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0"}
REFUSED = {400, 403, 404, 409, 422}
# Operations that answer the caller's own objects with an error in this test, and why.
# What else a query needs to be accepted.
QUERIES = {("get", "/v1/audits/{audit_id}/typical-samples"): {"label": "cat"}}
OWN_ANSWERS = {
    ("get", "/v1/audits/{audit_id}/classifier"): 404,  # the factory's audit trained none
    ("get", "/v1/audits/{audit_id}/classifier/{file}"): 404,
    ("get", "/v1/audits/{audit_id}/arrays/{name}.npz"): 404,
    ("post", "/v1/audits/{audit_id}/predict"): 404,
    ("get", "/v1/audits/{audit_id}/predictions/{number}"): 404,
    ("get", "/v1/datasets/{dataset_id}/samples/{sample_id}/media"): 422,  # a text
    ("get", "/v1/datasets/{dataset_id}/annotators"): 404,  # an upload without votes
    ("get", "/v1/exports/{export_id}/file"): 409,  # not written yet
    ("get", "/v1/uploads/{upload_id}/parts"): 404,  # no bucket is set up
    ("post", "/v1/uploads/{upload_id}/complete"): 404,
    ("post", "/v1/audits/{audit_id}/cancel"): 409,  # completed
    ("post", "/v1/datasets/{dataset_id}/columns"): 409,  # audited
    ("patch", "/v1/tenants/{tenant_id}"): 403,  # an operator's
    ("delete", "/v1/tenants/{tenant_id}"): 403,
    # nobody judged enough of it
    ("post", "/v1/audits/{audit_id}/certificates/{certificate_id}/apply"): 409,
    ("get", "/v1/tenants/{tenant_id}"): 403,
    ("delete", "/v1/audits/{audit_id}"): 409,  # it has corrections
}


@dataclass
class Side:
    """Who calls, and an object of each kind by its id."""

    client: TestClient
    tenant_id: str
    objects: Names = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """Who calls, and whose the foreign objects are."""

    caller: Role
    maker: Role  # of the corrections, leases and comments on both sides
    # hidden: of a dataset that the caller is no member of; or that their key is not for
    foreign: Literal["elsewhere", "hidden", "confined"]


CASES = [
    Case(Role.admin, Role.admin, "elsewhere"),
    Case(Role.admin, Role.annotator, "elsewhere"),
    Case(Role.uploader, Role.annotator, "elsewhere"),
    Case(Role.annotator, Role.annotator, "elsewhere"),
    Case(Role.annotator, Role.annotator, "hidden"),
    Case(Role.uploader, Role.annotator, "confined"),
    Case(Role.annotator, Role.annotator, "confined"),
]
OF_THE_ORGANISATION = {"key", "session", "upload", "tenant", "webhook", "delivery"}  # of no dataset


@pytest.fixture(params=CASES, ids=lambda case: f"{case.caller}-{case.maker}-{case.foreign}")
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture
def own_and_foreign(app: FastAPI, store: Store, case: Case) -> tuple[Side, Side]:
    tenant_id = "default"
    if case.foreign == "elsewhere":
        with store.database.write() as session:
            tenant_id = tenants.create_tenant(session, name="Elsewhere", admin="Zoe")[0].id
    own = make_side(app, store, case, "default", samples=30)
    if case.caller is Role.uploader or case.foreign == "confined":
        only = own.objects["dataset"] if case.foreign == "confined" else None
        _, own.client = calling(app, store, case.caller, "default", only=only)
    foreign = make_side(app, store, case, tenant_id, samples=31)
    if case.foreign != "elsewhere":
        for kind in OF_THE_ORGANISATION:
            del foreign.objects[kind]
    return own, foreign


def calling(
    app: FastAPI,
    store: Store,
    role: Role,
    tenant_id: str,
    *,
    member_of: str | None = None,
    only: str | None = None,
) -> tuple[str, TestClient]:
    """The id of a new key, for one dataset `only` or not, and a client that calls with it."""
    with store.database.write() as session:
        key, token = create_key(
            session, name=f"the {role}", role=role, tenant_id=tenant_id, dataset_id=only
        )
        if member_of is not None:
            members.add_member(session, member_of, key.id, principal=person("Uma"))
    headers = {"Authorization": f"Bearer {token}"}
    return key.id, TestClient(app, base_url="http://127.0.0.1", headers=headers)


def make_side(app: FastAPI, store: Store, case: Case, tenant_id: str, *, samples: int) -> Side:
    """An object of every kind that a request can name."""

    def post(client: TestClient, path: str, **options: Any) -> Any:
        answer = client.post(path, **options)
        assert answer.is_success, (path, answer.text)
        return answer

    dataset_id = make_dataset(store, samples=samples, tenant_id=tenant_id, shared=False)
    audit_id = make_audit(store, dataset_id)
    find_nearest(store, audit_id, {samples - 1: [0]}, samples=samples)
    audit, dataset = f"/v1/audits/{audit_id}", f"/v1/datasets/{dataset_id}"
    last = sample_id(samples - 1)
    _, admin = calling(app, store, Role.admin, tenant_id)
    key, ann = calling(app, store, Role.annotator, tenant_id, member_of=dataset_id)
    maker = ann if case.maker is Role.annotator else admin

    def decide(client: TestClient, position: int) -> Any:
        correction = {"sample_id": sample_id(position), "verdict": "keep"}
        return post(client, f"{audit}/corrections", json={"corrections": [correction]}).json()

    made, batch, undone = decide(maker, 1), decide(maker, 2), decide(maker, 3)
    decide(ann, 4)
    revert = post(maker, f"{audit}/reverts", json={"batch_id": undone["batch_id"]})
    lease = post(maker, f"{audit}/queue/next").json()["items"][0]
    post(maker, f"{dataset}/samples/{last}/comments", json={"text": "blurred"})
    post(admin, f"{audit}/rankings")
    upload = post(
        admin,
        "/v1/uploads",
        headers={"Tus-Resumable": "1.0.0", "Upload-Length": "10", "Upload-Metadata": ""},
    )
    post(maker, "/v1/sessions", headers={"X-CSRF": "1"})
    maker.cookies.clear()
    assigned = post(admin, f"{audit}/assignments", json={"name": "all", "people": [key]})
    certificate = post(admin, f"{audit}/certificates", json={"level": 0.8})
    export = post(admin, f"{dataset}/exports", json={"format": "csv"})
    webhook = post(admin, "/v1/webhooks", json=BODIES["WebhookCreate"])
    delivery = post(admin, f"{webhook.headers['location']}/deliveries")
    with store.database.read() as database_session:
        ranking_id = newest_ranking(database_session, audit_id).id
    return Side(
        ann if case.caller is Role.annotator else admin,
        tenant_id,
        {
            "tenant": tenant_id,
            "dataset": dataset_id,
            "audit": audit_id,
            "sample": last,
            "leased sample": lease["sample_id"],
            "correction": made["items"][0]["id"],
            "ranking cursor": cursors.encode(ranking_id, 1),
            "batch": batch["batch_id"],
            "revert": revert.json()["id"],
            "lease": lease["lease"]["lease_id"],
            "key": key,
            "certificate": certificate.json()["id"],
            "assignment": assigned.json()["id"],
            "upload": upload.headers["location"].rpartition("/")[2],
            "export": export.json()["id"],
            "webhook": webhook.json()["id"],
            "delivery": delivery.json()["id"],
            "session": maker.get("/v1/sessions").json()["items"][0]["id"],
        },
    )


# --------------------------------------------------------------------------- what the document says


def operations(document: dict[str, Any]) -> list[Operation]:
    """Those that only read come first, those that end something last, children before parents."""
    order = ("get", "head", "options", "put", "patch", "post", "delete")
    found = [(method, path) for path, item in document["paths"].items() for method in item]
    return sorted(
        found,
        key=lambda one: (
            order.index(one[0]),
            one[1].endswith("release"),
            one[1] == "/v1/datasets/{dataset_id}",  # holds audits
            -len(one[1]),
        ),
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


def kind_of(operation: Operation, name: str) -> str | None:
    """The kind of object that a parameter of this name names in the operation, if any."""
    return NAMES_OBJECTS_IN.get((operation[1], name)) or NAMES_OBJECTS.get(name)


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
        elif where == "query" and kind_of(operation, name):
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
        named = {n: v for (where, n), v in self.filled.items() if where == "query"}
        options["params"] = QUERIES.get(self.operation, {}) | named
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
    schema = body_schema(document, operation)
    for found in alternatives(schema, places(document, operation)):
        yield from _requests_for(operation, schema, found, own, foreign)


def alternatives(
    schema: str | None, found: list[tuple[str, str]]
) -> Iterator[list[tuple[str, str]]]:
    """The places, with one alone of those that exclude each other."""
    excluding = ALTERNATIVES.get(str(schema), ())
    for chosen in excluding or (None,):
        yield [place for place in found if place[1] == chosen or place[1] not in excluding]


def _requests_for(
    operation: Operation,
    schema: str | None,
    found: list[tuple[str, str]],
    own: Side,
    foreign: Side,
) -> Iterator[Request]:
    kinds = kinds_of(operation, found)
    for sides in product(*((own, foreign) if k in foreign.objects else (own,) for k in kinds)):
        filled = {
            place: side.objects[kind] for place, kind, side in zip(found, kinds, sides, strict=True)
        }
        if list(filled.values()) == [own.objects[kind] for kind in kinds]:
            continue  # both sides have samples of this name
        # an optional object of one's own may stand in the way of what is tried: once without it
        ours = {
            place
            for place, side in zip(found, sides, strict=True)
            if side is own and place[0] == "body" and place[1] in OPTIONAL
        }
        yield Request(operation, schema, filled)
        if ours:
            yield Request(operation, schema, {p: v for p, v in filled.items() if p not in ours})


def kinds_of(operation: Operation, found: list[tuple[str, str]]) -> list[str]:
    """What each place names. Beside a lease, the sample is the one that it holds."""
    kinds = [str(kind_of(operation, name)) for _, name in found]
    leased = "lease" in kinds
    return ["leased sample" if leased and kind == "sample" else kind for kind in kinds]


def own_requests(document: dict[str, Any], operation: Operation, own: Side) -> Iterator[Request]:
    schema = body_schema(document, operation)
    queue = "/queue/" in operation[1]
    for found in alternatives(schema, places(document, operation)):
        filled = {
            place: own.objects[kind]
            for place, kind in zip(found, kinds_of(operation, found), strict=True)
            if not (place[0] == "body" and place[1] in OPTIONAL) or (kind == "lease" and queue)
        }
        yield Request(operation, schema, filled)


# ---------------------------------------------------------------------------------------- the tests


def every_row(store: Store) -> dict[str, list[str]]:
    """Every row of every table but the logs of what was asked, by table."""
    found: dict[str, list[str]] = {}
    with store.database.read() as session:
        for table in Model.metadata.sorted_tables:
            if table.name in ("access_log", "idempotency"):
                continue
            columns = [column for column in table.c if column.name != "last_used_at"]
            found[table.name] = sorted(map(repr, session.execute(select(*columns))))
    return found


def test_no_operation_reads_or_changes_what_the_caller_must_not_reach(
    app: FastAPI, store: Store, own_and_foreign: tuple[Side, Side]
) -> None:
    own, foreign = own_and_foreign
    document = app.openapi()
    before = every_row(store)
    secrets = set(foreign.objects.values()) - set(own.objects.values())
    wrong: list[tuple[object, ...]] = []
    tried = 0
    for operation in operations(document):
        if operation[1] in PUBLIC:
            continue
        for request in requests_for(document, operation, own, foreign):
            tried += 1
            answer = request.send(own.client)
            is_list = any(where == "query" for where, _ in request.filled)
            empty = is_list and answer.is_success and answer.json()["items"] == []
            if not (answer.status_code in REFUSED or empty):
                wrong.append((operation, request.filled, answer.status_code, answer.text[:200]))
            told = {one for one in secrets - set(request.filled.values()) if one in answer.text}
            if told:
                wrong.append((operation, request.filled, "tells", told))
    assert not wrong, "\n".join(map(str, wrong))
    assert every_row(store) == before
    assert tried > 90


@pytest.mark.parametrize("case", [CASES[1], CASES[4], CASES[5]], indirect=True)
def test_the_same_operations_work_with_the_callers_own_objects(
    app: FastAPI, own_and_foreign: tuple[Side, Side], case: Case
) -> None:
    """Else a refusal in the test above could mean anything."""
    own, _ = own_and_foreign
    document = app.openapi()
    wrong, worked = [], 0
    for operation in operations(document):
        if operation[1] in PUBLIC or not places(document, operation):
            continue
        kinds = kinds_of(operation, places(document, operation))
        if case.foreign == "confined" and OF_THE_ORGANISATION.intersection(kinds):
            continue  # such a key has none of these
        for request in own_requests(document, operation, own):
            answer = request.send(own.client)
            worked += answer.is_success
            if case.caller is not Role.admin and (answer.status_code == 403 or answer.is_success):
                continue
            expected = OWN_ANSWERS.get(operation)
            if answer.status_code != expected if expected else not answer.is_success:
                wrong.append((operation, request.filled, answer.status_code, answer.text[:160]))
    assert not wrong, "\n".join(map(str, wrong))
    assert worked > (40 if case.caller is Role.admin else 20)

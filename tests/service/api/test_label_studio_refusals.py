"""What Label Studio is refused when it asks an audit, and what nobody guesses for it."""

import json

import pytest
from starlette.testclient import TestClient

from labelaudit.enums import DatasetKind
from labelaudit.schemas.label_studio import MAX_TASKS
from service.accounts import tenants
from service.db.tables import Audit, Dataset
from tests.support.factories import make_audit, make_dataset
from tests.support.label_studio import CONFIG, LabelStudio, choice, key_of, task


@pytest.fixture
def audit_id(store) -> str:
    return make_audit(store, make_dataset(store))


@pytest.fixture
def label_studio(store, anonymous, audit_id) -> LabelStudio:
    return LabelStudio(
        anonymous, f"/v1/audits/{audit_id}/label-studio", "labelaudit", key_of(store)
    )


def test_a_wrong_key_is_refused_as_label_studio_understands(label_studio):
    label_studio.auth = ("labelaudit", label_studio.auth[1][:-1] + "x")
    for answer in (label_studio.health(), label_studio.predict([task(1, review="a")])):
        assert answer.status_code == 401
        # a browser would ask for a password, and send it along with requests of other pages
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("credentials", ["", "====", "bGE", "é", "bGE=", "Og==", "dTpw"])
def test_what_is_no_password_is_refused(anonymous, audit_id, credentials):
    header = f"Basic {credentials}".encode("latin-1")
    answer = anonymous.get(
        f"/v1/audits/{audit_id}/label-studio/health", headers={"Authorization": header}
    )
    assert answer.status_code == 401, answer.text


def test_a_password_is_no_key_anywhere_else(label_studio, audit_id):
    root = label_studio.call(f"/v1/audits/{audit_id}")
    config = label_studio.call("/v1/me")
    assert [root.status_code, config.status_code] == [401, 401]


def test_a_cookie_still_needs_its_header(app, store, audit_id):
    with TestClient(app, base_url="http://localhost") as browser:
        signed_in = browser.post(
            "/v1/sessions", headers={"Authorization": f"Bearer {key_of(store)}"}
        )
        assert signed_in.is_success, signed_in.text
        url = f"/v1/audits/{audit_id}/label-studio/predict"
        refused = browser.post(url, json={"tasks": []})
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/cross-site")
        assert browser.post(url, json={"tasks": []}, headers={"X-CSRF": "1"}).status_code == 200


def test_another_organisation_finds_no_such_audit(label_studio, store):
    with store.database.write() as session:
        _, token = tenants.create_tenant(session, name="Others", admin="Eve")
    label_studio.auth = ("eve", token)
    for answer in (label_studio.health(), label_studio.predict([task(1, review="text number 3")])):
        assert answer.status_code == 404


def test_a_key_for_another_dataset_finds_no_such_audit(label_studio, store):
    label_studio.auth = ("eve", key_of(store, dataset_id=make_dataset(store)))
    assert label_studio.health().status_code == 404


def test_an_audit_that_still_runs_is_not_up(store, anonymous, uploader):
    dataset_id = make_dataset(store)
    created = uploader.post(f"/v1/datasets/{dataset_id}/audits", json={})
    project = LabelStudio(
        anonymous, f"{created.headers['location']}/label-studio", "x", key_of(store)
    )
    for answer in (project.health(), project.setup(), project.start_training()):
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/not-ready")


def test_too_many_tasks_are_refused(label_studio):
    answer = label_studio.predict([task(n, review="x") for n in range(MAX_TASKS + 1)])
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/tasks"
    assert label_studio.predict([task(n, review="x") for n in range(MAX_TASKS)]).is_success


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"tasks"',
        b"{}",
        b'{"tasks": {}}',
        b'{"tasks": [1]}',
        b'{"tasks": [{"data": []}]}',
        b'{"tasks": [{"id": {}, "data": {}}]}',
        b'{"tasks": [], "label_config": 3}',
    ],
)
def test_a_body_that_is_no_request_is_refused(label_studio, body):
    answer = label_studio.client.post(
        f"{label_studio.url}/predict",
        content=body,
        headers={"Content-Type": "application/json"},
        auth=label_studio.auth,
    )
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "data",
    [
        {"review": "\ud800"},
        {"review": "a\x00"},
        {"sample_id": "\ud800"},
        {"sample_id": "a\x00"},
        {"sample_id": 10**40},
        {"sample_id": True},
        {"sample_id": None, "review": None},
        {"sample_id": ["sample-00001"]},
        {"review": {"a": 1}},
        {"review": float("nan")},
        {},
    ],
)
def test_rubbish_in_a_task_is_an_unknown_task(label_studio, data):
    body = {"tasks": [task(1, **data)], "label_config": CONFIG}
    answer = label_studio.client.post(
        f"{label_studio.url}/predict",
        content=json.dumps(body),
        headers={"Content-Type": "application/json"},
        auth=label_studio.auth,
    )
    assert answer.status_code == 200, answer.text
    assert choice(answer.json()["results"][0]) is None


def test_a_project_without_choices_is_refused_when_it_connects(label_studio):
    answer = label_studio.setup("<View><Text name='a' value='$a'/></View>")
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/labeling-config")


def test_vectors_cannot_be_shown(label_studio, store, audit_id):
    with store.database.write() as session:
        dataset_id = session.get_one(Audit, audit_id).dataset_id
        session.get_one(Dataset, dataset_id).kind = DatasetKind.vector
    assert label_studio.health().json()["type"] == "/problems/label-studio-not-written"

"""Label Studio's own calls: it connects to an audit, and asks it about its tasks."""

import json
from typing import Any
from urllib.parse import urljoin

import pytest
from starlette.testclient import TestClient

from labelaudit.enums import DatasetKind, Role
from labelaudit.schemas.label_studio import MAX_TASKS
from service.accounts import tenants
from service.accounts.api_keys import create_key
from service.db.tables import Audit, Dataset, Ranking
from tests.support import road
from tests.support.factories import make_audit, make_dataset, sample_id
from worker.runtime.runner import run_one

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
CONFIG = """<View>
  <Header value="What is it about?"/>
  <Text name="sentence" value="$review"/>
  <Choices name="subject" toName="sentence" choice="single">
    <Choice value="cooking"/><Choice value="sailing"/>
  </Choices>
</View>"""


class LabelStudio:
    """The calls of Label Studio's `ml/api_connector.py`, with what it sends in each."""

    def __init__(self, client: TestClient, url: str, user: str, password: str) -> None:
        self.client, self.url, self.auth = client, url, (user, password)

    def call(self, path: str, body: Any = None, **options: Any) -> Any:
        url = urljoin(self.url + "/", path)
        method = "GET" if body is None else "POST"
        return self.client.request(method, url, json=body, auth=self.auth, **options)

    def health(self) -> Any:
        return self.call("health")

    def setup(self, config: str = CONFIG) -> Any:
        return self.call(
            "setup",
            {
                "project": "7.1764000000",
                "schema": config,
                "hostname": "http://localhost:8080",
                "access_token": "not-ours",
                "extra_params": None,
            },
        )

    def predict(self, tasks: list[Any], config: str | None = CONFIG) -> Any:
        return self.call(
            "predict",
            {
                "tasks": tasks,
                "project": "7.1764000000",
                "label_config": config,
                "params": {"login": None, "password": None, "context": None},
            },
        )

    def start_training(self) -> Any:
        return self.call("webhook", {"action": "START_TRAINING", "project": {"id": 7}})


def key_of(store, role: Role = Role.viewer, **options: Any) -> str:
    with store.database.write() as session:
        return create_key(session, name="Label Studio", role=role, **options)[1]


@pytest.fixture
def audit_id(store) -> str:
    return make_audit(store, make_dataset(store))


@pytest.fixture
def label_studio(store, anonymous, audit_id) -> LabelStudio:
    return LabelStudio(
        anonymous, f"/v1/audits/{audit_id}/label-studio", "labelaudit", key_of(store)
    )


def task(number: int, **data: Any) -> dict[str, Any]:
    """As Label Studio's serializer writes one."""
    return {"id": number, "data": data, "meta": {}, "project": 7, "file_upload": None}


def choice(prediction: dict[str, Any]) -> str | None:
    if not prediction["result"]:
        return None
    [result] = prediction["result"]
    [label] = result["value"]["choices"]
    return label


@on_sqlite
def test_from_an_upload_to_predictions_in_a_project(store, uploader, anonymous, worker):
    upload = road.text()
    sent = road.send(uploader, upload, lambda: run_one(worker))
    audit = road.start(uploader, sent, upload.wish)
    dataset = f"/v1/datasets/{sent['id']}"
    assert road.finished(uploader, audit, lambda: run_one(worker))["status"] == "completed"
    run_one(worker)
    location = uploader.post(f"{dataset}/exports", json={"format": "label-studio"})
    run_one(worker)
    exported = uploader.get(f"{location.headers['location']}/file").json()

    key = key_of(store, dataset_id=sent["id"])  # for nothing else
    project = LabelStudio(anonymous, f"{audit}/label-studio", "anybody", key)
    health = project.health()
    assert (health.status_code, health.json()["status"]) == (200, "UP")
    setup = project.setup(uploader.get(f"{dataset}/label-studio/config").text)
    assert setup.status_code == 200, setup.text
    version = setup.json()["model_version"]
    assert version == f"labelaudit/{audit.rsplit('/', 1)[-1]}/rankings/0"
    assert project.call("versions").json() == {"versions": [version]}

    imported = [task(900 + number, **one["data"]) for number, one in enumerate(exported)]
    config = uploader.get(f"{dataset}/label-studio/config").text
    answer = project.predict(imported, config)
    assert answer.status_code == 200, answer.text
    assert [{**one} for one in answer.json()["results"]] == [
        {**prediction, "model_version": version, "score": pytest.approx(prediction["score"])}
        for one in exported
        for prediction in one["predictions"]
    ]
    suggested = {
        one["data"]["sample_id"]
        for one, said in zip(exported, answer.json()["results"], strict=True)
        if choice(said) != one["meta"]["given_label"]
    }
    assert suggested & upload.wrong, "no wrong label was noticed"


def test_tasks_of_a_project_of_its_own_are_known_by_their_text(label_studio):
    tasks = [task(1, review="text number 3"), task(2, review="text number 33")]
    answer = label_studio.predict(tasks).json()
    known, unknown = answer["results"]
    assert known["result"][0]["from_name"] == "subject"
    assert known["result"][0]["to_name"] == "sentence"
    assert known["result"][0]["type"] == "choices"
    assert 0 <= known["score"] <= 1
    assert unknown == {"result": [], "score": None, "model_version": answer["model_version"]}


def test_the_answer_is_what_the_suspects_list_says(label_studio, uploader, audit_id):
    listed = uploader.get(f"/v1/audits/{audit_id}/suspects", params={"limit": 100}).json()["items"]
    tasks = [task(number, sample_id=one["sample_id"]) for number, one in enumerate(listed)]
    found = label_studio.predict(tasks).json()["results"]
    for said, suspect in zip(found, listed, strict=True):
        if suspect["suggested_label"] is None:
            expected = (suspect["given_label"], 1 - suspect["p_wrong"])
        else:
            expected = (suspect["suggested_label"], suspect["suggested_label_confidence"])
        assert (choice(said), said["score"]) == (expected[0], pytest.approx(expected[1]))


@pytest.mark.parametrize("path", ["train", "webhook"])
def test_training_is_not_started_from_there_and_the_answer_says_so(label_studio, store, path):
    answer = label_studio.call(path, {"action": "START_TRAINING", "annotations": [], "project": {}})
    assert (answer.status_code, answer.json()["status"]) == (200, "ignored")
    assert "Start an audit" in answer.json()["detail"]
    with store.database.read() as session:
        assert session.query(Audit).count() == 1


def test_predictions_of_a_new_ranking_are_another_version(label_studio, store, audit_id, uploader):
    before = label_studio.setup().json()["model_version"]
    with store.database.write() as session:
        session.query(Ranking).filter_by(audit_id=audit_id).one().number = 4
    assert label_studio.setup().json()["model_version"] == before.removesuffix("0") + "4"


# ----------------------------------------------------------------------------------------- refusals


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


def test_the_configuration_is_handed_out(uploader, store):
    dataset_id = make_dataset(store)
    answer = uploader.get(f"/v1/datasets/{dataset_id}/label-studio/config")
    assert answer.headers["content-type"] == "application/xml"
    assert '<Text name="text" value="$text" />' in answer.text
    for name in ("cat", "dog", "fox"):
        assert f'<Choice value="{name}" />' in answer.text


def test_it_is_for_those_who_see_the_dataset(call_as, store):
    dataset_id = make_dataset(store, shared=False)
    url = f"/v1/datasets/{dataset_id}/label-studio/config"
    assert call_as(Role.viewer).get(url).status_code == 404


def test_ids_are_the_same_as_in_the_suspects(label_studio):
    """The other tests would pass if every id were unknown."""
    [found] = label_studio.predict([task(1, sample_id=sample_id(1))]).json()["results"]
    assert choice(found) in ("cat", "dog", "fox")

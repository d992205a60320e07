"""Label Studio's own calls: it connects to an audit, and asks it about its tasks."""

import pytest

from labelaudit.enums import Role
from service.db.tables import Audit, Ranking
from tests.support import road
from tests.support.factories import make_audit, make_dataset, sample_id
from tests.support.label_studio import LabelStudio, choice, key_of, task
from worker.runtime.runner import run_one

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def audit_id(store) -> str:
    return make_audit(store, make_dataset(store))


@pytest.fixture
def label_studio(store, anonymous, audit_id) -> LabelStudio:
    return LabelStudio(
        anonymous, f"/v1/audits/{audit_id}/label-studio", "labelaudit", key_of(store)
    )


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

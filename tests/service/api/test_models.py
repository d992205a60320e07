"""The model of an audit over HTTP: wait for it, download it, ask it about new samples."""

import base64
import io
import json
from datetime import timedelta

import numpy as np
import onnxruntime
import pytest
from PIL import Image
from sklearn.datasets import load_digits, load_wine
from sqlalchemy import select

from labelaudit.enums import JobStatus, JobType
from service.audits import classifier, predictions
from service.audits import records as audits
from service.db.tables import Job, now
from service.inference import head
from service.jobs import records as jobs
from tests.support import road
from tests.support.factories import make_audit, make_dataset
from worker.runtime.runner import run_one

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def audited(client, worker, upload: road.Upload, **wish) -> str:
    """The path of a completed audit whose model is still to be trained."""

    def work() -> None:
        run_one(worker)

    dataset = road.send(client, upload, work)
    audit = road.start(client, dataset, upload.wish | wish)
    done = road.finished(client, audit, work)
    assert done["status"] == "completed", done["problem"]
    return audit


def with_model(client, worker, upload: road.Upload, **wish) -> tuple[str, dict]:
    """The path of an audit and its model."""
    audit = audited(client, worker, upload, **wish)
    assert run_one(worker)
    model = client.get(f"{audit}/classifier").json()
    assert model["status"] == "completed", model["problem"]
    return audit, model["description"]


def labels_of(answer) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["label"] for item in answer.json()["predictions"]]


# --------------------------------------------------------------------------------------- every kind


def test_vectors_are_answered_at_once_as_the_onnx_graph_answers(uploader, worker):
    audit, model = with_model(uploader, worker, road.vectors(epochs=20))
    pixels, truth = road.few_digits(4, 500)
    new, truth = pixels.reshape(len(pixels), -1)[300:], truth[300:]
    answer = uploader.post(f"{audit}/predict", json={"vectors": new.tolist()})
    found = labels_of(answer)
    assert np.mean(np.array(found, int) == truth) > 0.9

    graph = onnxruntime.InferenceSession(uploader.get(f"{audit}/classifier/model.onnx").content)
    shares = graph.run(None, {"vectors": new.astype(np.float32)})[0]
    items = answer.json()["predictions"]
    np.testing.assert_allclose([item["confidence"] for item in items], shares.max(1), atol=1e-4)
    assert [item["top"][0]["label"] for item in items] == found
    for item in items:
        assert sum(entry["probability"] for entry in item["top"]) == pytest.approx(1, abs=1e-4)
        unsure = model["threshold"] is None or item["confidence"] < model["threshold"]
        assert item["cannot_say"] == unsure


@on_sqlite
def test_table_rows_are_answered_by_column_name(uploader, worker):
    audit, model = with_model(uploader, worker, road.table())
    wine = load_wine()
    rows = [dict(zip(wine.feature_names, map(float, row), strict=True)) for row in wine.data]
    found = labels_of(uploader.post(f"{audit}/predict", json={"rows": rows}))
    assert np.mean(np.array(found) == wine.target_names[wine.target]) > 0.9
    assert [column["name"] for column in model["table"]["numbers"]] == wine.feature_names

    lone = rows[0] | {"ash": None, "hue": ""}
    del lone["alcohol"]
    assert labels_of(uploader.post(f"{audit}/predict", json={"rows": [lone]})) == found[:1]
    for row, column in (({"colour": 3}, "colour"), ({"ash": "much"}, "ash")):
        refused = uploader.post(f"{audit}/predict", json={"rows": [rows[0], rows[0] | row]})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == f"/rows/1/{column}"


@on_sqlite
def test_texts_are_encoded_by_a_worker(uploader, worker):
    audit, _ = with_model(uploader, worker, road.text())
    asked = {"texts": ["Stir the soup and bake some bread.", "The boat lost its sail."]}
    answer = uploader.post(f"{audit}/predict", params={"wait_seconds": 0}, json=asked)
    assert answer.status_code == 202
    assert int(answer.headers["retry-after"]) >= 1
    assert (answer.json()["status"], answer.json()["predictions"]) == ("queued", None)
    assert run_one(worker)
    assert labels_of(uploader.get(answer.headers["location"])) == ["cooking", "sailing"]


@on_sqlite
@pytest.mark.parametrize("encoder", [None, "efficientnet-lite0"])
def test_images_are_read_as_those_that_were_trained_on(uploader, worker, encoder):
    audit, model = with_model(uploader, worker, road.images(), encoder=encoder)
    digits = load_digits()
    chosen = np.flatnonzero(digits.target < 3)[200:224]
    # A large picture among them must not change how the others are read.
    files = [png(digits.images[index], edge=8) for index in chosen]
    files.append(png(digits.images[chosen[0]], edge=400))
    asked = {"images": [base64.b64encode(file).decode() for file in files]}
    answer = uploader.post(f"{audit}/predict", params={"wait_seconds": 0}, json=asked)
    assert run_one(worker)
    found = labels_of(uploader.get(answer.headers["location"]))
    truth = [f"digit-{digits.target[index]}" for index in chosen]
    assert np.mean([a == b for a, b in zip(found, truth, strict=False)]) > 0.8
    assert len(found) == 25
    assert model["network"] == ("cnn" if encoder is None else "mlp")


def png(image, *, edge: int) -> bytes:
    target = io.BytesIO()
    picture = Image.fromarray((image * 15).astype(np.uint8)).resize((edge, edge))
    picture.save(target, "PNG")
    return target.getvalue()


# --------------------------------------------------------------------------------- around the model


@on_sqlite
def test_the_ranking_is_there_before_the_model_and_stays_if_the_model_fails(
    uploader, worker, database, monkeypatch
):
    audit = audited(uploader, worker, road.vectors(150, epochs=5))
    assert uploader.get(f"{audit}/classifier").json()["status"] == "queued"
    early = uploader.post(f"{audit}/predict", json={"vectors": [[0.0] * 64]})
    assert (early.status_code, early.json()["type"]) == (409, "/problems/not-ready")
    assert uploader.get(f"{audit}/classifier/model.onnx").status_code == 409

    monkeypatch.setattr(jobs, "MAX_ATTEMPTS", 1)
    monkeypatch.setattr(
        "worker.handlers.classifier.head.write_weights", lambda *_: 1 / 0, raising=True
    )
    assert run_one(worker)
    model = uploader.get(f"{audit}/classifier").json()
    assert (model["status"], model["files"]) == ("failed", [])
    assert "ZeroDivisionError" in model["problem"]["detail"]
    assert uploader.get(audit).json()["status"] == "completed"
    assert road.ranked(uploader, audit)
    late = uploader.post(f"{audit}/predict", json={"vectors": [[0.0] * 64]})
    assert (late.status_code, late.json()["type"]) == (404, "/problems/no-model")


@on_sqlite
def test_the_files_are_what_the_description_says(uploader, worker, storage):
    audit, description = with_model(uploader, worker, road.vectors(150, epochs=5))
    files = {file["name"]: file for file in uploader.get(f"{audit}/classifier").json()["files"]}
    assert list(files) == list(head.file_names("mlp"))
    for file in files.values():
        answer = uploader.get(file["download_url"])
        assert len(answer.content) == file["bytes"]
        assert file["name"] in answer.headers["content-disposition"]
    assert json.loads(uploader.get(f"{audit}/classifier/model.json").content) == description
    assert sum(description["trained_on"]["classes"].values()) == 150
    assert 0 < description["held_out"]["accuracy_low"] <= description["held_out"]["accuracy"]
    assert uploader.get(f"{audit}/classifier/model.pickle").status_code == 404


@on_sqlite
def test_uploaded_probabilities_leave_nothing_to_train_on(uploader, worker):
    audit = audited(uploader, worker, road.probabilities())
    answer = uploader.get(f"{audit}/classifier")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-model")
    assert not run_one(worker)


@on_sqlite
def test_an_audit_older_than_models_says_so(uploader, store):
    audit_id = make_audit(store, make_dataset(store))
    answer = uploader.get(f"/v1/audits/{audit_id}/classifier")
    assert answer.status_code == 404
    assert "Audit the dataset again" in answer.json()["detail"]


@on_sqlite
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"texts": ["a"], "rows": [{}]}, 422),
        ({"vectors": []}, 422),
        ({"vectors": None}, 422),
        ({"texts": ["a"]}, 422),
        ({"vectors": [[1.0] * 63]}, 422),
        ({"vectors": [[1e300] * 64]}, 422),
        ({"vectors": [[0.0]] * 1001}, 422),
        ({"images": ["no base64!"]}, 422),
    ],
)
def test_what_the_model_cannot_read_is_refused(uploader, store, body, status):
    audit_id = given_model(store)
    answer = uploader.post(f"/v1/audits/{audit_id}/predict", json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def given_model(store, kind: str = "vector") -> str:
    """A completed audit with a model of 64 inputs and two classes, untrained."""
    audit_id = make_audit(store, make_dataset(store))
    folder = store.storage.path(classifier.folder(audit_id))
    folder.mkdir(parents=True)
    weights = {
        "input.mean": np.zeros(64, np.float32),
        "input.factor": np.ones(64, np.float32),
        "output.weight": np.zeros((64, 2), np.float32),
        "output.bias": np.zeros(2, np.float32),
    }
    head.write_weights(weights, folder)
    nothing = {"samples": 0, "weight": 0.0, "accuracy": None, "accuracy_low": None}
    counts = {"given": 0, "doubtful": 0, "suggested": 0, "decided": 0, "left_out": 0}
    description = {
        "audit_id": audit_id,
        "dataset_id": "ds_1",
        "dataset_version": 0,
        "kind": kind,
        "class_names": ["cat", "dog"],
        "encoder": {"name": "identity", "version": 1},
        "table": None,
        "network": "linear",
        "input_shape": [64],
        "replicas": 8,
        "temperature": 1.0,
        "threshold": None,
        "target_accuracy": 0.95,
        "held_out": nothing,
        "answered": nothing | {"share": 0.0},
        "trained_on": counts | {"classes": {}},
    }
    (folder / head.DESCRIPTION).write_text(json.dumps(description))
    for name in head.file_names("mlp"):
        (folder / name).touch()
    with store.database.write() as session:
        jobs.enqueue_next(session, audit_id, JobType.rank)
        session.flush()
        session.get_one(Job, (audit_id, JobType.classifier, 0)).status = JobStatus.completed
    return audit_id


@on_sqlite
def test_a_damaged_image_is_named(uploader, store):
    audit_id = given_model(store, "image")
    good = base64.b64encode(png(np.zeros((8, 8)), edge=8)).decode()
    bad = base64.b64encode(b"no picture").decode()
    answer = uploader.post(f"/v1/audits/{audit_id}/predict", json={"images": [good, bad]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/images/1"


@on_sqlite
def test_annotators_read_of_models_but_take_none_home_and_spend_no_workers(annotator, store):
    audit_id = given_model(store)
    assert annotator.get(f"/v1/audits/{audit_id}/classifier").status_code == 200
    assert annotator.get(f"/v1/audits/{audit_id}/classifier/model.json").status_code == 403
    answer = annotator.post(f"/v1/audits/{audit_id}/predict", json={"vectors": [[0.0] * 64]})
    assert answer.status_code == 403


def test_old_answers_are_removed_when_new_ones_are_asked_for(uploader, store):
    audit_id = given_model(store, "text")
    path = f"/v1/audits/{audit_id}/predict"
    first, second = (
        uploader.post(path, params={"wait_seconds": 0}, json={"texts": ["a"]}).headers["location"]
        for _ in range(2)
    )
    number = int(first.rpartition("/")[2])
    with store.database.write() as session:
        job = session.get_one(Job, (audit_id, JobType.predict, number))
        job.status, job.finished_at = JobStatus.failed, now() - timedelta(hours=2)
    folder = store.storage.path(predictions.folder(audit_id, number))
    assert folder.exists()
    uploader.post(path, params={"wait_seconds": 0}, json={"texts": ["a"]})
    assert not folder.exists()
    assert uploader.get(first).status_code == 404
    assert uploader.get(second).json()["status"] == "queued"


def test_deleting_the_dataset_ends_its_predictions(admin, store, storage):
    audit_id = given_model(store, "text")
    admin.post(f"/v1/audits/{audit_id}/predict", params={"wait_seconds": 0}, json={"texts": ["a"]})
    with store.database.read() as session:
        dataset_id = audits.get_audit(session, audit_id).dataset_id
    assert admin.delete(f"/v1/datasets/{dataset_id}").status_code < 300
    assert not storage.exists(audits.folder(audit_id))
    with store.database.read() as session:
        left = session.scalars(select(Job.type).where(Job.subject_id == audit_id)).all()
    assert left == []  # nothing is left to run, and nothing names the dataset

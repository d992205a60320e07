"""Every objective of the registry goes the whole road over REST, on images, texts and tables."""

import base64
from typing import Any

import numpy as np
import pytest
import torch

from service.audits import records as audits
from service.operations.verify import verify
from service.options.objectives import OBJECTIVES
from tests.support import road
from worker.runtime.runner import run_one

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]
UPLOADS = {
    "image": lambda: road.images(36),
    "text": road.text,
    "table": road.table,
}
QUICK = {"replicas": 2, "epochs": 4, "families": ["network"], "batch_size": 32}
FINE_TUNED = {"network": "fine_tuned", "encoder": "auto", "epochs": 3, "batch_size": 8}
PICTURES = {"images": [base64.b64encode(png).decode() for png in road.pictures(2)]}
MATRICES = {"noise_layer", "dropout_noise_layer", "nnaqc", "instance_transition",
            "forward", "backward", "soft_noise"}  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def complete(client, worker, dataset: dict[str, Any], wish: dict[str, Any]) -> str:
    """The path of an audit that ended well and of whose samples every one is ranked."""
    audit = road.start(client, dataset, wish)
    done = road.finished(client, audit, lambda: run_one(worker))
    assert done["status"] == "completed", (wish["objective"], done["problem"])
    suspects = road.ranked(client, audit)
    assert len(suspects) == dataset["sample_count"]
    assert all(0 <= one["p_wrong"] <= 1 for one in suspects)
    worst = f"{audit}/suspects/{suspects[0]['sample_id']}"
    detail = client.get(worst, params={"include": "trajectory"}).json()
    assert detail["trajectory"]["epochs"] == wish["epochs"]
    summary = client.get(f"{audit}/summary").json()
    learned = summary["learned_noise_matrix"]
    assert (learned is not None) == (wish["objective"] in MATRICES)
    if learned is not None:
        np.testing.assert_allclose(np.sum(learned, axis=1), 1.0, atol=1e-3)
    return audit


@pytest.mark.parametrize("kind", UPLOADS)
def test_every_objective_finishes_an_audit(kind, uploader, worker):
    """On the small network for images, on a head for the others; no other step is left behind."""
    upload = UPLOADS[kind]()
    dataset = road.send(uploader, upload, lambda: run_one(worker))
    for objective in OBJECTIVES:
        wish = upload.wish | QUICK | {"objective": objective}
        audit = complete(uploader, worker, dataset, wish)
        assert run_one(worker)  # the model
        assert uploader.get(f"{audit}/classifier").json()["status"] == "completed"


@pytest.mark.parametrize(("kind", "objective"), [("image", "joint_optimization"), ("text", "gce")])
def test_fine_tuning_finishes_an_audit_and_leaves_a_model_that_answers(
    kind, objective, uploader, worker, database, storage
):
    upload = road.images(40) if kind == "image" else road.text()
    dataset = road.send(uploader, upload, lambda: run_one(worker))
    audit = complete(uploader, worker, dataset, QUICK | FINE_TUNED | {"objective": objective})
    assert run_one(worker)
    model = uploader.get(f"{audit}/classifier").json()
    assert model["status"] == "completed", model["problem"]
    assert (model["description"]["network"], model["description"]["replicas"]) == ("fine_tuned", 1)
    assert [file["name"] for file in model["files"]] == ["model.json", "model.safetensors"]
    assert uploader.get(f"{audit}/classifier/model.onnx").status_code == 404
    asked = {"texts": ["Stir the soup.", "Hoist the sail."]} if kind == "text" else PICTURES
    answer = uploader.post(f"{audit}/predict", params={"wait_seconds": 0}, json=asked)
    assert run_one(worker)
    found = uploader.get(answer.headers["location"]).json()
    assert [one["label"] in dataset["class_names"] for one in found["predictions"]] == [True, True]
    assert verify(database, storage, min_age_seconds=0).whole
    assert not run_one(worker)  # nothing else was asked for


def test_fine_tuning_a_table_is_refused_in_words(uploader, worker):
    upload = road.table()
    dataset = road.send(uploader, upload, lambda: run_one(worker))
    answer = uploader.post(f"/v1/datasets/{dataset['id']}/audits", json={"network": "fine_tuned"})
    assert answer.status_code in (400, 422)
    assert "images or texts" in answer.json()["detail"]


def test_a_path_is_no_encoder(uploader, worker):
    dataset = road.send(uploader, road.text(), lambda: run_one(worker))
    answer = uploader.post(
        f"/v1/datasets/{dataset['id']}/audits", json={"encoder": "sentence-transformers:/etc"}
    )
    assert "not the name of a model" in answer.json()["detail"]


def test_the_relabelled_dataset_is_what_the_queue_suggests(uploader, worker, database, storage):
    upload = road.vectors()
    dataset = road.send(uploader, upload, lambda: run_one(worker))
    wish = upload.wish | {
        "objective": "joint_optimization",
        "epochs": 40,
        "families": ["network"],
    }
    audit = complete(uploader, worker, dataset, wish)
    audit_id = audit.rsplit("/", 1)[1]
    shards = storage.path(audits.folder(audit_id)) / "shards"
    relabelled = np.mean([np.load(p) for p in sorted(shards.glob("*/soft_labels.npy"))], axis=0)
    names = dataset["class_names"]
    found = [one for one in road.ranked(uploader, audit) if one["tier"] != "none"]
    changed = 0
    for suspect in found:
        best = names[int(relabelled[int(suspect["sample_id"])].argmax())]
        if best == suspect["given_label"]:
            continue
        changed += 1
        assert suspect["predicted_label"] == suspect["suggested_label"] == best
        detail = uploader.get(f"{audit}/suspects/{suspect['sample_id']}").json()
        assert best in [one["label"] for one in detail["top_labels"][:2]]
    assert changed >= len(upload.wrong) // 2
    right = [one for one in found if one["sample_id"] in upload.wrong and one["suggested_label"]]
    assert len(right) >= len(upload.wrong) // 2


def test_the_registry_says_whose_each_default_is_and_the_page_lists_the_same(uploader):
    listed = uploader.get("/v1/objectives").json()["items"]
    assert [one["name"] for one in listed] == list(OBJECTIVES)
    for one in listed:
        assert one["paper"]
        assert one["use_when"]
        for option in one["options"]:
            assert option["origin"] in ("paper", "authors' code", "ours")
            assert option["meaning"]

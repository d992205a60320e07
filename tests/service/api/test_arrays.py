"""/v1/audits/{id}/arrays: what the models said of each sample."""

import io
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from starlette.testclient import TestClient

from labelaudit.enums import Role
from service.accounts.api_keys import create_key
from service.api.app import create_app
from service.audits import arrays
from service.backends import Backends
from service.core.config import Settings
from service.db.engine import Database
from service.storage.local import Storage
from tests.support import road
from tests.support.documents import ROOT, blocks
from tests.support.factories import Store, make_audit, make_dataset
from worker.handlers.registry import HANDLERS
from worker.runtime.context import Worker
from worker.runtime.runner import run_one

pytestmark = pytest.mark.application
N, CLASSES, EPOCHS, REPLICAS = 150, 4, 5, 4


@dataclass
class Audited:
    client: TestClient
    store: Store
    audit: str
    labels: np.ndarray

    def load(self, name: str) -> dict[str, np.ndarray]:
        answer = self.client.get(f"{self.audit}/arrays/{name}.npz")
        assert answer.status_code == 200, answer.text
        with np.load(io.BytesIO(answer.content)) as arrays:
            return dict(arrays)


@pytest.fixture(scope="module")
def audited(sqlite_template, tmp_path_factory) -> Iterator[Audited]:
    """One real audit of vectors; its first sample has no label."""
    folder = tmp_path_factory.mktemp("arrays")
    shutil.copy(sqlite_template, folder / "labelaudit.sqlite3")
    settings = Settings(data_dir=folder, free_space_watermark_bytes=0)
    database = Database(settings.resolved_database_url)
    storage = Storage(settings.resolved_storage_dir)
    worker = Worker(Backends(settings, database, storage, notify=None), {"cpu", "gpu"}, HANDLERS,
                    name="tester")  # fmt: skip
    with database.write() as session:
        _, token = create_key(session, name="the tests", role=Role.admin)
    pixels, labels = road.few_digits(CLASSES, N + 1)
    noisy, _ = road.with_noise(labels, CLASSES)
    file = io.BytesIO()
    names = np.array(["", *map(str, noisy[1:])])
    np.savez(file, embeddings=pixels.reshape(N + 1, -1).astype(np.float32), labels=names)
    wish = {"epochs": EPOCHS, "replicas": REPLICAS, "replicas_per_shard": 2}
    upload = road.Upload(file.getvalue(), "digits.npz", "vector", frozenset(), wish)
    headers = {"Authorization": f"Bearer {token}"}
    with TestClient(create_app(settings), base_url="http://127.0.0.1", headers=headers) as client:
        dataset = road.send(client, upload, lambda: run_one(worker))
        audit = road.start(client, dataset, wish)
        assert road.finished(client, audit, lambda: run_one(worker))["status"] == "completed"
        yield Audited(client, Store(database, storage), audit, noisy[1:])
    database.dispose()


@pytest.mark.parametrize("name", ["pred_probs", "embeddings", "trajectories"])
def test_rows_are_the_analysed_samples_in_the_order_of_the_upload(audited, name):
    arrays = audited.load(name)
    assert arrays["position"].tolist() == list(range(1, N + 1))
    assert arrays["sample_id"].tolist() == [str(position) for position in range(1, N + 1)]
    given = arrays["class_names"][arrays["label"]]
    assert given.tolist() == list(map(str, audited.labels))


def test_probabilities_are_what_cleanlab_wants(audited, tmp_path, monkeypatch):
    """By the example of the documents."""
    (example,) = [
        block for block in blocks(ROOT / "docs/formats.md") if "find_label_issues" in block.text
    ]
    answer = audited.client.get(f"{audited.audit}/arrays/pred_probs.npz")
    (tmp_path / "pred_probs.npz").write_bytes(answer.content)
    monkeypatch.chdir(tmp_path)
    found: dict = {}
    exec(example.text, found)
    arrays, issues = audited.load("pred_probs"), found["issues"]
    assert arrays["pred_probs"].shape == (N, CLASSES)
    assert arrays["pred_probs"].dtype == np.float32
    np.testing.assert_allclose(arrays["pred_probs"].sum(axis=1), 1, atol=1e-5)
    moved = {n for n in range(N) if (n + 1) % 10 == 4}
    assert len(moved & set(issues[: len(moved)].tolist())) >= 0.8 * len(moved)


def test_embeddings_are_the_vectors_of_the_upload(audited):
    pixels, _ = road.few_digits(CLASSES, N + 1)
    np.testing.assert_array_equal(
        audited.load("embeddings")["embedding"], pixels.reshape(N + 1, -1)[1:].astype(np.float32)
    )


def test_trajectories_have_every_epoch_and_replica(audited):
    arrays = audited.load("trajectories")
    for name in ("margin", "p_given", "loss", "predicted", "p_predicted"):
        assert arrays[name].shape == (EPOCHS, N, REPLICAS)
    assert arrays["in_bag"].shape == (N, REPLICAS)
    shown = audited.client.get(f"{audited.audit}/suspects/7", params={"include": "trajectory"})
    (row,) = np.flatnonzero(arrays["sample_id"] == "7")
    assert shown.json()["trajectory"]["in_bag"] == arrays["in_bag"][row].tolist()


def test_head_sends_nothing_and_the_same_is_not_sent_twice(audited):
    path = f"{audited.audit}/arrays/pred_probs.npz"
    head = audited.client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["accept-ranges"] == "none"
    known = {"If-None-Match": head.headers["etag"]}
    assert audited.client.get(path, headers=known).status_code == 304


def test_what_sends_nothing_fits_no_pool(audited, monkeypatch):
    path = f"{audited.audit}/arrays/pred_probs.npz"
    tag = audited.client.head(path).headers["etag"]

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("the pool was fitted for nobody")

    monkeypatch.setattr(arrays, "fit_pool", fail)
    assert audited.client.head(path).status_code == 200
    assert audited.client.get(path, headers={"If-None-Match": tag}).status_code == 304
    with pytest.raises(AssertionError, match="for nobody"):
        audited.client.get(path)


def test_vectors_that_the_cache_lost_are_gone(audited):
    for path in audited.store.storage.path("encodings").iterdir():
        kept = path.rename(path.with_suffix(".away"))
        answer = audited.client.get(f"{audited.audit}/arrays/embeddings.npz")
        kept.rename(path)
        assert (answer.status_code, answer.json()["type"]) == (410, "/problems/vectors-removed")


def test_an_audit_without_models_has_no_arrays(audited):
    audit_id = make_audit(audited.store, make_dataset(audited.store))
    answer = audited.client.get(f"/v1/audits/{audit_id}/arrays/pred_probs.npz")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-arrays")


def test_downloads_are_noted_in_the_access_log(audited):
    audited.load("trajectories")
    (newest, *_) = audited.client.get("/v1/access-log", params={"action": "download"}).json()[
        "items"
    ]
    assert newest["detail"] == {"file": "trajectories.npz"}

"""`labelaudit model` and `labelaudit predict`, and the client below them."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from sklearn.datasets import load_wine

from labelaudit import Audit, Client, JobFailedError
from labelaudit.client import classifier as classifier_module
from labelaudit.client.transport import Transport
from tests.service.cli.conftest import Run
from tests.support import road


def audited(client: Client, upload: road.Upload, folder: Path) -> Audit:
    path = folder / upload.filename
    path.write_bytes(upload.content)
    handle = client.audit(client.upload(path).id, **upload.wish)
    handle.wait(timeout=120)
    return handle


def test_a_model_of_vectors_is_shown_saved_and_asked(
    client: Client, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = audited(client, road.vectors(150, epochs=10), tmp_path)
    shown = run("model", handle.id, "-o", "saved").out
    assert "mlp on identity, 4 classes" in shown
    assert re.search(r"Accuracy: [\d.]+% \(lower bound [\d.]+%\) on \d+ held-out samples", shown)
    names = {path.name for path in (tmp_path / "saved").iterdir()}
    assert names == {"model.json", "model.safetensors", "model.onnx"}
    assert onnxruntime.InferenceSession(tmp_path / "saved" / "model.onnx")

    vectors = road.few_digits(4, 30)[0].reshape(30, -1)
    np.save(tmp_path / "new.npy", vectors)
    found = json.loads(run("predict", handle.id, "new.npy", "--json").out)
    assert [one["sample"] for one in found] == [str(number) for number in range(30)]
    assert "confidence" in run("predict", handle.id, "new.npy").out

    monkeypatch.setitem(classifier_module.MAX_PREDICTED, "vectors", 7)  # type: ignore[attr-defined]
    in_parts = handle.classifier().predict(vectors=vectors.tolist())
    assert [one.label for one in in_parts] == [one["label"] for one in found]


def test_a_table_is_asked_about_row_by_row(client: Client, run: Run, tmp_path: Path) -> None:
    handle = audited(client, road.table(), tmp_path)
    wine = load_wine()
    with (tmp_path / "new.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["nobody knows", *wine.feature_names])
        writer.writerows(["x", *row] for row in wine.data[::9])
    found = json.loads(run("predict", handle.id, "new.csv", "--json").out)
    right = wine.target_names[wine.target[::9]]
    assert np.mean([one["label"] == name for one, name in zip(found, right, strict=True)]) > 0.8


def test_texts_are_asked_about_line_by_line(client: Client, run: Run, tmp_path: Path) -> None:
    handle = audited(client, road.text(), tmp_path)
    (tmp_path / "new.txt").write_text("Bake the bread and stir the soup.\n\nHoist the sail.\n")
    found = json.loads(run("predict", handle.id, "new.txt", "--json").out)
    assert [one["label"] for one in found] == ["cooking", "sailing"]
    assert run("predict", handle.id, "new.txt", "new.txt").code == 2


def test_an_audit_of_probabilities_has_no_model(
    client: Client, run: Run, probabilities_file: Path
) -> None:
    handle = client.audit(client.upload(probabilities_file).id)
    handle.wait(timeout=60)
    result = run("model", handle.id)
    assert result.code == 1
    assert "no model" in result.err


def test_waiting_for_a_model_that_failed_tells_why(monkeypatch: pytest.MonkeyPatch) -> None:
    class FailedTransport(Transport):
        def __init__(self) -> None: ...

        def get(self, _path: str) -> dict:  # type: ignore[override]
            problem = {"title": "Internal error", "detail": "out of luck"}
            empty = {"progress": 0.0, "description": None, "files": []}
            return {"audit_id": "au_1", "status": "failed", "problem": problem, **empty}

    with pytest.raises(JobFailedError, match="out of luck"):
        classifier_module.Classifier(FailedTransport(), "au_1").wait()


def test_batches_are_bounded_in_number_and_in_size() -> None:
    parts = list(classifier_module._batches(["x" * 3 * 2**20] * 5, 256))
    assert [len(part) for part in parts] == [2, 2, 1]
    assert [len(part) for part in classifier_module._batches([[0.0]] * 5, 2)] == [2, 2, 1]
    assert list(classifier_module._batches([b"ab"], 2)) == [["YWI="]]

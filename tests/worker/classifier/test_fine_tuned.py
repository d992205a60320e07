"""The classifier of an audit with the network `fine_tuned`: one encoder, measured on what it never
saw, the same after a stop in the middle, and asked by its files alone."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from labelaudit.schemas.model_description import LabelCounts
from service.core.errors import BadInput
from service.inference.head import read_weights, write_weights
from service.options.training import TrainingConfig
from worker.classifier.fine_tuned import fine_tuned_logits
from worker.classifier.fit import Fitted, fit, plan_classifier
from worker.classifier.labels import CleanedLabels
from worker.training import checkpoint
from worker.training.checkpoint import Checkpoints
from worker.training.loop import holdout_masks

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
ENCODER = "efficientnet-lite0"
COUNT, N_CLASSES = 40, 2


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def images() -> tuple[np.ndarray, CleanedLabels]:
    draw, labels = np.random.default_rng(0), np.arange(COUNT) % N_CLASSES
    pixels = draw.integers(0, 60, (COUNT, 3, 32, 32))
    pixels[labels == 0, 0, 6:26, 6:26] += 150
    pixels[labels == 1, 2, 6:26, 6:26] += 150
    weights = np.ones(COUNT, np.float32)
    nothing = {"doubtful": 0, "suggested": 0, "decided": 0, "left_out": 0}
    counts = LabelCounts(given=COUNT, **nothing, classes={"red": 20, "blue": 20})
    return pixels.astype(np.uint8), CleanedLabels(labels, weights, weights.astype(float), counts)


def train(checkpoints: Checkpoints | None = None, stop_at: float = 2.0) -> Fitted:
    pixels, cleaned = images()
    config = TrainingConfig(
        network="fine_tuned", objective="elr", epochs=5, replicas=4, batch_size=8
    )
    spec = plan_classifier(config, pixels.shape, N_CLASSES, ENCODER)
    assert (spec.replicas, spec.objective, spec.encoder) == (1, "cross_entropy", ENCODER)

    def report(share: float) -> None:
        if share >= stop_at:
            raise InterruptedError

    return fit(spec, pixels, cleaned, N_CLASSES, device=CPU, report=report, checkpoints=checkpoints)


def test_it_is_measured_on_what_it_never_saw_and_answers_by_its_files_alone(tmp_path: Path) -> None:
    pixels, cleaned = images()
    fitted = train()
    rows = np.flatnonzero(fitted.left_out)
    assert len(rows) == COUNT // 4
    np.testing.assert_array_equal(fitted.left_out, holdout_masks(cleaned.targets, 1, 1)[:, 0])
    assert (fitted.held_out[rows].argmax(axis=1) == cleaned.targets[rows]).mean() > 0.9
    write_weights(fitted.weights, tmp_path)
    logits = fine_tuned_logits(read_weights(tmp_path), ENCODER, N_CLASSES, pixels[rows], CPU)
    np.testing.assert_allclose(logits, fitted.held_out[rows], rtol=1e-4, atol=1e-5)


def test_stopped_in_the_middle_it_goes_on_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "SHARE", float("inf"))
    calm = train()
    folder = tmp_path / "model"
    with pytest.raises(InterruptedError):
        train(Checkpoints(folder, fence=1, every_seconds=0), stop_at=0.7)
    last = Checkpoints(folder, fence=2, every_seconds=0)
    resumed = train(last)
    assert set(resumed.weights) == set(calm.weights)
    for name, array in calm.weights.items():
        np.testing.assert_array_equal(resumed.weights[name], array)
    np.testing.assert_array_equal(resumed.held_out, calm.held_out)
    last.delete()
    assert not list(tmp_path.iterdir())


def test_files_of_the_first_schema_are_read(tmp_path: Path) -> None:
    write_weights({"trunk.a.trunk.b": np.zeros(3, np.float32), "output.bias": np.ones(2)}, tmp_path)
    assert set(read_weights(tmp_path)) == {"backbone.a.trunk.b", "output.bias"}


def test_weights_of_another_encoder_are_refused_in_words() -> None:
    pixels, _ = images()
    weights = {"backbone.other": np.zeros(3, np.float32)}
    with pytest.raises(BadInput, match="has changed since this model was trained"):
        fine_tuned_logits(weights, ENCODER, N_CLASSES, pixels, CPU)

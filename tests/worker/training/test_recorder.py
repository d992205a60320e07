"""The recorder against a brute-force recomputation from all the logits it was shown."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from service.ranking.trajectory import SCHEMA_VERSION, Trajectory
from worker.training.recorder import Recorder, TrainingDiverged, first_late_epoch

N, K, C, EPOCHS = 11, 3, 4, 6
CPU = torch.device("cpu")


@pytest.fixture
def run() -> dict[str, Tensor]:
    """Made-up logits of all epochs, samples, replicas; sample 0 in no bag, 1 in every bag."""
    generator = torch.Generator().manual_seed(3)
    in_bag = torch.poisson(torch.ones(N, K), generator=generator).to(torch.uint8)
    in_bag[0], in_bag[1] = 0, 2
    return {
        "logits": 3 * torch.randn((EPOCHS, N, K, C), generator=generator),
        "losses": torch.rand((EPOCHS, N, K), generator=generator),
        "targets": torch.randint(C, (N,), generator=generator),
        "in_bag": in_bag,
        "orders": torch.stack([torch.randperm(N, generator=generator) for _ in range(EPOCHS)]),
    }


def record(folder: Path, run: dict[str, Tensor], *, epochs: int = EPOCHS) -> Recorder:
    recorder = Recorder(
        folder,
        in_bag=run["in_bag"],
        n_classes=C,
        epochs=EPOCHS,
        device=CPU,
        header={"objective": "made up", "seed": 3},
    )
    with recorder:
        for epoch in range(epochs):
            for rows in run["orders"][epoch].split(4):
                logits, losses = run["logits"][epoch, rows], run["losses"][epoch, rows]
                recorder.record(rows, run["targets"][rows], logits, losses)
            recorder.end_epoch()
    return recorder


def test_epoch_arrays_hold_what_every_replica_said_of_every_sample(
    tmp_path: Path, run: dict[str, Tensor]
) -> None:
    record(tmp_path / "t", run)
    trajectory = Trajectory.load(tmp_path / "t")
    assert trajectory.margin.dtype == np.float16
    for epoch, sample, replica in np.ndindex(EPOCHS, N, K):
        logits = run["logits"][epoch, sample, replica].numpy()
        given = int(run["targets"][sample])
        at = (epoch, sample, replica)
        margin = logits[given] - np.delete(logits, given).max()
        p_given = np.exp(logits[given]) / np.exp(logits).sum()
        assert trajectory.margin[at] == pytest.approx(margin, rel=1e-3, abs=1e-4)
        assert trajectory.p_given[at] == pytest.approx(p_given, rel=2e-3, abs=1e-5)
        assert trajectory.loss[at] == pytest.approx(float(run["losses"][at]), rel=1e-3)
        assert trajectory.predicted[at] == logits.argmax()
        p_predicted = np.exp(logits.max()) / np.exp(logits).sum()
        assert trajectory.p_predicted is not None
        assert trajectory.p_predicted[at] == pytest.approx(p_predicted, rel=2e-3)


def test_probabilities_are_means_over_late_epochs_of_the_replicas_in_or_out_of_bag(
    tmp_path: Path, run: dict[str, Tensor]
) -> None:
    record(tmp_path / "t", run)
    trajectory = Trajectory.load(tmp_path / "t")
    late = run["logits"][first_late_epoch(EPOCHS) :].softmax(3).numpy()
    for sample in range(N):
        inside = run["in_bag"][sample].numpy() > 0
        for found, chosen in (
            (trajectory.probs_in_bag, inside),
            (trajectory.probs_out_of_bag, ~inside),
        ):
            if chosen.any():
                wanted = late[:, sample][:, chosen].mean(axis=(0, 1))
                np.testing.assert_allclose(found[sample], wanted, rtol=1e-5)
                assert (found[sample] >= 0).all()
                assert found[sample].sum() == pytest.approx(1.0)
            else:
                assert np.isnan(found[sample]).all()
    assert np.isnan(trajectory.probs_in_bag[0]).all()
    assert np.isnan(trajectory.probs_out_of_bag[1]).all()


def test_the_header_says_what_the_arrays_are(tmp_path: Path, run: dict[str, Tensor]) -> None:
    record(tmp_path / "t", run)
    header = json.loads((tmp_path / "t" / "trajectory.json").read_text())
    assert header == {
        "schema_version": SCHEMA_VERSION,
        "epochs": EPOCHS,
        "samples": N,
        "replicas": K,
        "classes": C,
        "first_late_epoch": 2,
        "objective": "made up",
        "seed": 3,
    }


def test_a_folder_appears_only_when_every_epoch_was_recorded(
    tmp_path: Path, run: dict[str, Tensor]
) -> None:
    with pytest.raises(RuntimeError, match="only 2 of 6 epochs"):
        record(tmp_path / "t", run, epochs=2)
    assert list(tmp_path.iterdir()) == []


def test_an_error_on_the_way_leaves_nothing_behind(tmp_path: Path, run: dict[str, Tensor]) -> None:
    run["losses"][3, 5, 1] = torch.nan
    with pytest.raises(TrainingDiverged, match="loss is not finite in epoch 4"):
        record(tmp_path / "t", run)
    assert list(tmp_path.iterdir()) == []


def test_a_second_recording_replaces_the_first(tmp_path: Path, run: dict[str, Tensor]) -> None:
    record(tmp_path / "t", run)
    run["losses"] += 1.0
    record(tmp_path / "t", run)
    assert Trajectory.load(tmp_path / "t").loss.min() >= 1.0
    assert [path.name for path in tmp_path.iterdir()] == ["t"]


def test_margins_beyond_half_precision_are_clipped_not_infinite(
    tmp_path: Path, run: dict[str, Tensor]
) -> None:
    run["logits"] *= 1e6
    record(tmp_path / "t", run)
    assert np.isfinite(Trajectory.load(tmp_path / "t").margin).all()


def test_the_first_third_of_the_epochs_is_not_late() -> None:
    assert [first_late_epoch(epochs) for epochs in (1, 2, 3, 30)] == [0, 0, 1, 10]

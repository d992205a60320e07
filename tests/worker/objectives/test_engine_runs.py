"""Every objective through the engine, on vectors, on pixels and on a table."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score

from service.options.objectives import OBJECTIVES
from service.options.training import TrainingConfig
from service.ranking.trajectory import Trajectory
from worker.training.plan import plan_shards
from worker.training.shard import load_evidence, run_shard

pytestmark = pytest.mark.slow

MATRIX = ("forward", "backward", "soft_noise", "noise_layer", "dropout_noise_layer", "nnaqc")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def audit(name: str, inputs: np.ndarray, labels: np.ndarray, folder: Path, **config) -> Trajectory:
    config = {"replicas": 2, "families": ("network",), "hidden": 32} | config
    training = TrainingConfig(objective=name, **config)
    n_classes = int(labels.max()) + 1
    (spec,) = plan_shards(training, shape=inputs.shape, n_classes=n_classes)
    run_shard(spec, inputs, labels, n_classes, folder)
    (trajectory,) = load_evidence([folder], labels, n_classes).trajectories
    assert trajectory.margin.shape == (training.epochs, len(labels), 2)
    known = ~np.isnan(trajectory.probs_out_of_bag[:, 0])
    np.testing.assert_allclose(trajectory.probs_out_of_bag[known].sum(1), 1.0, atol=1e-4)
    return trajectory


def digits(flips: float = 0.2, n: int = 900) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    pixels, truth = load_digits(return_X_y=True)
    pixels, truth = pixels[:n].astype(np.float32), truth[:n]
    draw = np.random.default_rng(0)
    flipped = draw.random(n) < flips
    return pixels, np.where(flipped, (truth + draw.integers(1, 10, n)) % 10, truth), flipped


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_every_objective_finds_planted_flips_among_vectors(name: str, tmp_path: Path) -> None:
    pixels, given, flipped = digits()
    trajectory = audit(
        name, pixels, given, tmp_path / "t", epochs=30, batch_size=64, learning_rate=6e-3
    )
    margin = trajectory.margin.astype(np.float64).mean(axis=(0, 2))
    assert average_precision_score(flipped, -margin) > 0.8  # base rate .2
    assert (tmp_path / "t" / "noise_matrix.npy").exists() == (
        name in (*MATRIX, "instance_transition")
    )
    assert (tmp_path / "t" / "soft_labels.npy").exists() == (name == "joint_optimization")


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_every_objective_reads_images(name: str, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    labels = np.arange(36) % 3
    images = draw.integers(0, 120, (36, 1, 12, 12)) + 60 * labels[:, None, None, None]
    audit(name, images.astype(np.uint8), labels, tmp_path / "t", epochs=4, batch_size=12)


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
@pytest.mark.parametrize("network", ["linear", "mlp"])
def test_every_objective_reads_small_unbalanced_tables(
    name: str, network: str, tmp_path: Path
) -> None:
    draw = np.random.default_rng(0)
    labels = (np.arange(41) % 10 == 0).astype(int)
    table = draw.standard_normal((41, 3)) * [1, 1000, 0] + labels[:, None]
    table[3, 1] = np.nan
    audit(name, table, labels, tmp_path / "t", epochs=3, network=network)


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_one_replica_and_one_epoch_are_enough_to_run(name: str, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    labels = np.arange(20) % 4
    training = TrainingConfig(objective=name, replicas=1, epochs=1, families=("network",))
    (spec,) = plan_shards(training, shape=(20, 5), n_classes=4)
    run_shard(spec, draw.standard_normal((20, 5)), labels, 4, tmp_path / "t")
    assert Trajectory.load(tmp_path / "t").replicas == 1

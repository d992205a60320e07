"""The noise matrices that objectives learn, with the plan and the defaults of an audit."""

import numpy as np
import pytest
import torch

from benchmarks.recovery import METHODS, NOISES, PAIR_SHARE, distance, parsed, true_matrix
from service.options.training import TrainingConfig
from worker.objectives.estimation import estimate
from worker.training.plan import plan_shards
from worker.training.shard import ShardRun, learned_noise_matrix, train_network

SAMPLES, FEATURES, CLASSES = 1500, 128, 5
# Few samples are confident enough to be anchors, so it understates the noise of so small a set.
MOVES_LITTLE = "forward matrix_source=anchors"


def a_noisy_set(noise):
    """Clusters that overlap a little, their noise matrix and the labels that it left."""
    rng = np.random.default_rng(7)
    truth = rng.integers(CLASSES, size=SAMPLES)
    inputs = rng.normal(size=(SAMPLES, FEATURES)) + rng.normal(size=(CLASSES, FEATURES))[truth] / 3
    matrix = true_matrix(noise, CLASSES, rng)
    labels = [rng.choice(CLASSES, p=matrix[true]) for true in truth]
    return torch.from_numpy(inputs.astype(np.float32)), np.array(labels), matrix


@pytest.mark.slow
@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("method", METHODS)
def test_what_is_learned_is_nearer_to_the_truth_than_no_noise(tmp_path, method, noise):
    inputs, labels, matrix = a_noisy_set(noise)
    name, options = parsed(method)
    config = TrainingConfig(
        objective=name, objective_options=options, replicas=4, families=("network",)
    )
    [spec] = plan_shards(config, shape=tuple(inputs.shape), n_classes=CLASSES)
    run = ShardRun(spec, CLASSES, tmp_path / "0", torch.device("cpu"), lambda _share: None)
    train_network(run, inputs, torch.from_numpy(labels))
    learned = learned_noise_matrix([tmp_path / "0"])
    share = 1.0 if method == MOVES_LITTLE else 0.75
    assert distance(learned, matrix) < share * distance(np.eye(CLASSES), matrix)


def test_the_distance_of_a_matrix_adds_up_its_rows():
    found, true = np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([[0.8, 0.2], [0.5, 0.5]])
    assert distance(found, true) == pytest.approx(0.2)


@pytest.mark.parametrize("noise", NOISES)
def test_true_matrices_are_distributions(noise):
    matrix = true_matrix(noise, 6, np.random.default_rng(1))
    np.testing.assert_allclose(matrix.sum(1), 1)
    assert (matrix >= 0).all()
    lost = 1 - matrix.diagonal()
    if noise == "pairs":
        np.testing.assert_allclose(lost, PAIR_SHARE)
        assert ((matrix > 0).sum(1) == 2).all()
    else:
        assert (lost > 0.05).all()
        assert (lost < 0.31).all()


def test_methods_are_read_with_their_options():
    assert parsed("forward") == ("forward", {})
    assert parsed("noise_layer form=softmax frozen=0.5 outliers=true") == (
        "noise_layer",
        {"form": "softmax", "frozen": 0.5, "outliers": True},
    )


def test_an_estimate_of_a_perfect_network_is_the_flips():
    rng = np.random.default_rng(3)
    truth = rng.integers(3, size=6000)
    matrix = true_matrix("class", 3, rng)
    labels = np.array([rng.choice(3, p=matrix[true]) for true in truth])
    sure = np.full((6000, 3), 0.01) + 0.97 * np.eye(3)[truth]
    found = estimate("confident_joint", sure.astype(np.float32), labels)
    assert distance(found, matrix) < 0.05

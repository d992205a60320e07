"""Forward, backward and soft-target losses: published values, limits, and estimating T."""

from typing import Any

import numpy as np
import pytest
import torch

from service.core.errors import BadInput
from tests.worker.objectives.building import (
    CLASSES,
    NOISE,
    a_batch,
    build,
    minimiser,
    per_label,
)
from worker.objectives.estimation import estimate, true_prior
from worker.objectives.soft_noise import invertible

T = torch.tensor(NOISE, dtype=torch.float64)
GIVEN = CLASSES @ T
IDENTITY = torch.eye(3).tolist()


def cross_entropy(*batch):
    return build("cross_entropy")(*batch)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("forward", {}),
        ("forward", {"transposed": True}),
        ("backward", {}),
        ("soft_noise", {"matrix_kind": "noise"}),
        ("soft_noise", {"matrix_kind": "inverse"}),
        ("soft_noise", {"matrix_kind": "posterior"}),
    ],
)
def test_without_noise_every_correction_is_cross_entropy(name: str, options: dict) -> None:
    objective = build(name, noise_matrix=IDENTITY, **options)
    torch.testing.assert_close(objective(*a_batch()), cross_entropy(*a_batch()))


def test_forward_finds_the_true_classes_at_the_entropy_of_the_given_ones() -> None:
    found, value = minimiser(build("forward", noise_matrix=NOISE), GIVEN)
    torch.testing.assert_close(found, CLASSES, atol=1e-4, rtol=0)
    assert value == pytest.approx(0.919858, abs=1e-6)
    assert value == pytest.approx(float(-(GIVEN * GIVEN.log()).sum()), abs=1e-6)


def test_the_transposed_form_misses_the_true_classes_where_the_noise_is_not_symmetric() -> None:
    found, _ = minimiser(build("forward", noise_matrix=NOISE, transposed=True), GIVEN)
    wanted = torch.tensor([0.8492, 0.0, 0.1508], dtype=torch.float64)
    torch.testing.assert_close(found, wanted, atol=2e-3, rtol=0)


def test_backward_has_the_published_values_and_the_clean_minimiser() -> None:
    backward = build("backward", noise_matrix=NOISE)
    losses = per_label(backward, CLASSES.log())
    wanted = torch.tensor([-0.153968, 2.351558, 2.446937], dtype=torch.float64)
    torch.testing.assert_close(losses, wanted, atol=2e-6, rtol=0)
    assert float((GIVEN * losses).sum()) == pytest.approx(0.801819, abs=1e-6)  # clean entropy
    found, _ = minimiser(backward, GIVEN)
    torch.testing.assert_close(found, CLASSES, atol=1e-4, rtol=0)


def test_the_literal_soft_target_applies_the_noise_twice() -> None:
    found, _ = minimiser(build("soft_noise", noise_matrix=NOISE, matrix_kind="noise"), GIVEN)
    torch.testing.assert_close(found, GIVEN @ T, atol=1e-4, rtol=0)
    wanted = torch.tensor([0.57, 0.211, 0.219], dtype=torch.float64)
    torch.testing.assert_close(found, wanted, atol=1e-3, rtol=0)


def test_the_posterior_target_says_what_each_label_may_have_been() -> None:
    counts = (GIVEN * 10_000).round().long()
    targets = torch.repeat_interleave(torch.arange(3), counts)
    objective = build(
        "soft_noise", noise_matrix=NOISE, n_samples=len(targets), targets=targets,
        matrix_kind="posterior",
    )  # fmt: skip
    posterior = (T * CLASSES[:, None] / GIVEN).T
    torch.testing.assert_close(objective.weights, posterior, atol=5e-3, rtol=0)
    np.testing.assert_allclose(true_prior(T.numpy(), targets.numpy()), CLASSES, atol=2e-3)


def test_inverse_targets_are_backward_correction() -> None:
    inverse = build("soft_noise", noise_matrix=NOISE, matrix_kind="inverse")
    torch.testing.assert_close(
        inverse(*a_batch()), build("backward", noise_matrix=NOISE)(*a_batch())
    )


def test_the_gradient_of_forward_is_the_prediction_minus_the_posterior() -> None:
    logits, targets, indices = a_batch()
    logits.requires_grad_()
    build("forward", noise_matrix=NOISE)(logits, targets, indices).sum().backward()
    probs = logits.detach().softmax(2)
    joint = probs * T[:, targets].T.unsqueeze(1)
    torch.testing.assert_close(logits.grad, probs - joint / joint.sum(2, keepdim=True))


def test_forward_through_a_permutation_is_cross_entropy_of_permuted_labels() -> None:
    order = torch.tensor([1, 2, 0])
    permutation = torch.nn.functional.one_hot(order, 3).double()  # true i is given order[i]
    logits, targets, indices = a_batch()
    found = build("forward", noise_matrix=permutation.tolist())(logits, targets, indices)
    torch.testing.assert_close(found, cross_entropy(logits, order.argsort()[targets], indices))


def test_zeros_of_the_matrix_stay_zeros_and_an_impossible_label_still_has_a_loss() -> None:
    merged = [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]
    logits, targets, indices = a_batch()
    logits.requires_grad_()
    losses = build("forward", noise_matrix=merged)(logits, targets, indices)
    losses.sum().backward()
    assert torch.isfinite(losses).all()
    assert torch.isfinite(logits.grad).all()
    torch.testing.assert_close(
        losses[targets == 1], -(logits.log_softmax(2)[targets == 1][:, :, 1] + np.log(0.5))
    )


@pytest.mark.parametrize("name", ["backward", "soft_noise"])
def test_a_matrix_that_cannot_be_inverted_is_refused_with_a_way_out(name: str) -> None:
    options: dict[str, Any] = {"matrix_kind": "inverse"} if name == "soft_noise" else {}
    alike = [[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
    with pytest.raises(BadInput, match=r"cannot be inverted safely.*forward"):
        build(name, noise_matrix=alike, **options)


def test_an_estimated_matrix_is_moved_just_far_enough_to_be_inverted() -> None:
    alike = np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    np.testing.assert_allclose(invertible(alike), 0.9 * alike + 0.1 * np.eye(3))
    np.testing.assert_array_equal(invertible(np.asarray(NOISE)), np.asarray(NOISE))


def test_a_matrix_of_another_size_is_refused() -> None:
    with pytest.raises(BadInput, match="has 2 rows, but the dataset has 3 classes"):
        build("forward", noise_matrix=[[0.9, 0.1], [0.2, 0.8]])


def noisy_predictions(n: int = 6000) -> tuple[np.ndarray, np.ndarray]:
    """P(given | x) of confident and of unsure samples, and labels drawn from it."""
    draw = np.random.default_rng(3)
    truth = draw.integers(3, size=n)
    sharpness = draw.uniform(0.5, 1.0, size=n)[:, None]
    clean = sharpness * np.eye(3)[truth] + (1 - sharpness) * draw.dirichlet(np.ones(3), size=n)
    noisy = clean @ np.asarray(NOISE)
    labels = (noisy.cumsum(1) < draw.random((n, 1))).sum(1)
    return noisy.astype(np.float32), labels


@pytest.mark.parametrize(
    ("source", "tolerance"), [("anchors", 0.12), ("em", 0.2), ("confident_joint", 0.35)]
)
def test_a_noise_matrix_is_estimated_from_predictions(source: str, tolerance: float) -> None:
    estimated = estimate(source, *noisy_predictions())
    np.testing.assert_allclose(estimated.sum(1), 1.0)
    assert np.abs(estimated - np.asarray(NOISE)).sum(1).max() < 2 * tolerance


@pytest.mark.parametrize("source", ["anchors", "em", "confident_joint"])
def test_an_estimated_matrix_is_adopted_after_the_warm_up_and_used_from_then_on(
    source: str,
) -> None:
    noisy, labels = noisy_predictions(3000)
    targets = torch.from_numpy(labels)
    objective = build("forward", n_samples=3000, targets=targets, matrix_source=source, warm_up=0.4)
    logits = torch.from_numpy(noisy).double().log().unsqueeze(1).expand(-1, 2, -1)
    everything = (logits, targets, torch.arange(3000))
    plain = cross_entropy(*everything)
    for epoch in range(6):
        objective.start_epoch(epoch)
        assert (objective.noise_matrix() is None) == (epoch < 4)
        losses = objective(*everything)
        assert torch.equal(losses, plain) == (epoch < 4)
        objective.end_epoch(epoch)
    expected = torch.from_numpy(estimate(source, noisy, labels))
    torch.testing.assert_close(objective.noise_matrix(), expected, atol=1e-3, rtol=0)
    assert objective.arrays()["noise_matrix"].shape == (3, 3)
    assert len(objective.sums) == 0  # nothing per sample is kept any longer


def test_a_given_matrix_is_settled_from_the_start_and_an_estimated_one_after_its_last() -> None:
    options = {"warm_up": 0.2, "again": 0.5, "epochs": 10}
    given: Any = build("instance_transition", noise_matrix=NOISE, **options)
    estimated: Any = build("instance_transition", **options)
    assert (given.estimates, given.unlock_epoch) == ([], 2)
    assert (estimated.estimates, estimated.unlock_epoch) == ([2, 5], 5)

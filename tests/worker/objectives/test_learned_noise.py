"""Noise models trained beside the network: starts, constraints, gradients, recovery."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.worker.objectives.building import NOISE, a_batch, build
from worker import objectives
from worker.objectives import Objective
from worker.objectives.nonlinear_noise import start_scale
from worker.training.loop import Hyperparameters, train
from worker.training.networks import WideLinear
from worker.training.recorder import Recorder

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
T = torch.tensor(NOISE)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def gaussians(n: int = 3000, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Three separable classes in the plane, and their labels."""
    generator = torch.Generator().manual_seed(seed)
    truth = torch.randint(3, (n,), generator=generator)
    centres = torch.tensor([[4.0, 0.0], [-2.0, 3.5], [-2.0, -3.5]])
    return centres[truth] + torch.randn((n, 2), generator=generator), truth


def given_labels(truth: Tensor, matrices: Tensor, *, seed: int = 1) -> Tensor:
    """Labels drawn from rows of matrices (C, C), or of one matrix a sample (N, C, C)."""
    rows = matrices[truth] if matrices.ndim == 2 else matrices[torch.arange(len(truth)), truth]
    generator = torch.Generator().manual_seed(seed)
    return torch.multinomial(rows, 1, generator=generator).squeeze(1)


def fit(
    folder: Path, name: str, inputs: Tensor, targets: Tensor, *, epochs: int = 30, **options: Any
) -> Objective:
    network = WideLinear(tuple(inputs.shape[1:]), 3, 2, torch.Generator().manual_seed(0))
    objective = objectives.create(
        name, options, n_classes=3, n_samples=len(targets), replicas=2, epochs=epochs,
        targets=targets, generator=torch.Generator().manual_seed(0), features=network.n_features,
    )  # fmt: skip
    in_bag = torch.ones((len(targets), 2), dtype=torch.uint8)
    recorder = Recorder(folder, in_bag=in_bag, n_classes=3, epochs=epochs, device=CPU, header={})
    with recorder:
        train(
            network, inputs, targets, objective=objective, in_bag=in_bag, recorder=recorder,
            hyperparameters=Hyperparameters(
                epochs=epochs, batch_size=64, learning_rate=2e-2, weight_decay=0.0, seed=3
            ), device=CPU,
        )  # fmt: skip
        recorder.keep(objective.arrays())
    return objective


def test_a_frozen_noise_layer_is_cross_entropy_and_the_identity_to_the_bit(tmp_path: Path) -> None:
    objective = build("noise_layer", frozen=1.0)
    assert torch.equal(objective(*a_batch()), build("cross_entropy")(*a_batch()))
    inputs, truth = gaussians(200)
    trained = fit(tmp_path / "t", "noise_layer", inputs, truth, epochs=3, frozen=1.0)
    assert torch.equal(trained.noise_matrix(), torch.eye(3))


def test_an_unlocked_noise_layer_at_the_identity_charges_only_its_trace() -> None:
    objective = build("noise_layer", frozen=0.0, lambda_trace=0.01)
    plain = build("cross_entropy")(*a_batch())
    torch.testing.assert_close(objective(*a_batch()), plain + 0.03, atol=1e-5, rtol=0)


@pytest.mark.parametrize("form", ["projected", "softmax"])
def test_the_gradient_of_the_noise_layer_agrees_with_finite_differences(form: str) -> None:
    objective = build("noise_layer", frozen=0.0, form=form, weight_decay=0.1)
    noise = torch.rand((2, 3, 3), generator=torch.Generator().manual_seed(2)).double() + 0.5
    weight = (noise / noise.sum(2, keepdim=True)).requires_grad_()
    logits, targets, indices = a_batch()

    def losses(values: Tensor, own: Tensor) -> Tensor:
        if form == "projected":  # its gradient is the one along rows that sum to 1
            own = own - own.mean(2, keepdim=True) + 1 / 3
        return torch.func.functional_call(objective, {"weight": own}, (values, targets, indices))

    assert torch.autograd.gradcheck(losses, (logits.requires_grad_(), weight))


def test_the_noise_layer_stays_a_stochastic_matrix_after_every_step() -> None:
    objective = build("noise_layer", frozen=0.0)
    optimiser = torch.optim.SGD(objective.parameters(), lr=5.0)
    for _ in range(10):
        optimiser.zero_grad()
        objective(*a_batch()).mean(0).sum().backward()
        optimiser.step()
        objective.after_step()
        assert (objective.weight >= 0).all()
        sums = objective.weight.sum(2)
        torch.testing.assert_close(sums, torch.ones_like(sums))


@pytest.mark.parametrize("form", ["projected", "softmax"])
def test_the_noise_layer_learns_the_matrix_of_a_limited_network(tmp_path: Path, form: str) -> None:
    inputs, truth = gaussians()
    targets = given_labels(truth, T)
    objective = fit(tmp_path / "t", "noise_layer", inputs, targets, form=form, frozen=0.3, rate=0.5)
    empirical = torch.stack([(targets[truth == k].bincount(minlength=3)) for k in range(3)])
    empirical = empirical / empirical.sum(1, keepdim=True)
    distance = (objective.noise_matrix() - empirical).abs().sum(1)
    assert distance.max() < 0.1
    saved = np.load(tmp_path / "t" / "noise_matrix.npy")
    np.testing.assert_array_equal(saved, objective.noise_matrix().numpy())


def test_a_network_that_memorises_leaves_the_noise_layer_at_the_identity(tmp_path: Path) -> None:
    _, truth = gaussians(120)
    targets = given_labels(truth, T)
    own_input = torch.eye(120) * 20  # every sample its own feature: all labels can be learned
    objective = fit(
        tmp_path / "t", "noise_layer", own_input, targets, lambda_trace=0.0, frozen=0.5, rate=0.05
    )
    assert objective.noise_matrix().diagonal().min() > 0.9


def test_the_softmax_form_starts_from_the_networks_confusion() -> None:
    logits, targets, indices = a_batch(n=6)
    objective = objectives.create(
        "noise_layer", {"form": "softmax", "frozen": 0.5}, n_classes=3, n_samples=6, replicas=2,
        epochs=10, targets=targets, generator=torch.Generator(),
    )  # fmt: skip
    objective.start_epoch(4)
    objective(logits, targets, indices)
    counts = torch.zeros((2, 3, 3))
    for replica in range(2):
        for sample in range(6):
            counts[replica, logits[sample, replica].argmax(), targets[sample]] += 1
    torch.testing.assert_close(objective.confusion.counts, counts)
    objective.start_epoch(5)
    start = counts + torch.eye(3) + 1 / 3
    torch.testing.assert_close(objective.matrix(), start / start.sum(2, keepdim=True))


def test_the_outlier_class_explains_labels_that_no_class_does() -> None:
    objective = build("noise_layer", outliers=True, outlier_alpha=0.1)
    logits, targets, indices = a_batch()
    every = torch.cat([logits, torch.zeros((6, 2, 1), dtype=torch.float64)], dim=2).softmax(2)
    own = every.gather(2, targets.view(-1, 1, 1).expand(-1, 2, 1)).squeeze(2)
    wanted = -(own + every[:, :, 3] * 0.9 / 3).log()
    torch.testing.assert_close(objective(logits, targets, indices), wanted, atol=1e-7, rtol=1e-6)
    assert torch.equal(objective.matrix(), torch.eye(3).expand(2, -1, -1).double())


def test_an_outlier_class_reads_the_networks_representation(tmp_path: Path) -> None:
    inputs, truth = gaussians(600)
    far = torch.cat([inputs, torch.randn((300, 2), generator=torch.Generator().manual_seed(4))])
    stray = torch.randint(3, (300,), generator=torch.Generator().manual_seed(5))
    targets = torch.cat([truth, stray])
    objective = fit(tmp_path / "t", "noise_layer", far.square(), targets, outliers=True)
    assert objective.outlier_weight.abs().sum() > 0


def test_the_start_lets_a_certain_prediction_out_with_the_wanted_confidence() -> None:
    assert start_scale(0.9, 10) == pytest.approx(math.log(81))
    for name in ("dropout_noise_layer", "nnaqc"):
        matrix = build(name, n_classes=10, confidence=0.9, frozen=0.0).noise_matrix()
        torch.testing.assert_close(matrix.diagonal(), torch.full((10,), 0.9).double())


def test_without_dropout_the_layer_is_a_softmax_of_a_linear_map() -> None:
    objective = build("dropout_noise_layer", frozen=0.0, dropout=0.0)
    logits, targets, indices = a_batch()
    scores = start_scale(0.9, 3) * logits.softmax(2)
    wanted = torch.nn.functional.cross_entropy(
        scores.transpose(1, 2), targets.unsqueeze(1).expand(-1, 2), reduction="none"
    )
    torch.testing.assert_close(objective(logits, targets, indices), wanted)


@pytest.mark.parametrize("drop", ["output", "weight"])
def test_dropout_is_off_in_evaluation_and_keeps_the_mean_in_training(drop: str) -> None:
    objective = build("dropout_noise_layer", frozen=0.0, drop=drop, dropout=0.5)
    still = build("dropout_noise_layer", frozen=0.0, dropout=0.0)(*a_batch())
    assert not torch.equal(objective(*a_batch()), objective(*a_batch()))
    kept = objective._kept(torch.zeros((100_000, 1), dtype=torch.float64))
    assert sorted(kept.unique().tolist()) == [0.0, 2.0]
    assert float(kept.mean()) == pytest.approx(1.0, abs=0.02)
    torch.testing.assert_close(objective.eval()(*a_batch()), still)


def nnaqc_with(weight: list[list[float]], **options: Any) -> Objective:
    objective = build(
        "nnaqc", frozen=0.0, beta_ramp=0.0, pull=0.0, replicas=1, n_samples=1, **options
    )
    with torch.no_grad():
        objective.weight.copy_(torch.tensor([weight]))
    return objective


def test_nnaqc_has_the_published_value_and_gradient() -> None:
    objective = nnaqc_with([[2, 0.1, 0], [0.2, 1.5, 0.3], [0, 0.4, 1.8]], alpha=1.0)
    logits = torch.tensor([[[0.3, -0.2, 0.9]]], dtype=torch.float64, requires_grad=True)
    loss = objective(logits, torch.tensor([1]), torch.tensor([0]))
    loss.sum().backward()
    assert float(loss.detach()) == pytest.approx(1.347662, abs=1e-6)
    wanted = torch.tensor([0.046233, -0.208752, 0.162518], dtype=torch.float64)
    torch.testing.assert_close(logits.grad[0, 0], wanted, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("certainty", "wanted"), [(2, 1.492), (5, 0.121), (10, 0.0008)])
def test_nnaqc_pulls_little_where_the_network_is_certain_and_disagrees(
    certainty: float, wanted: float
) -> None:
    objective = nnaqc_with((5 * torch.eye(3)).tolist(), alpha=1.0)
    logits = torch.tensor([[[certainty, 0.0, 0.0]]], dtype=torch.float64, requires_grad=True)
    objective(logits, torch.tensor([1]), torch.tensor([0])).sum().backward()
    assert float(logits.grad.norm()) == pytest.approx(wanted, rel=0.05)


def test_nnaqc_without_its_parts_is_cross_entropy() -> None:
    objective = build("nnaqc", frozen=0.0, alpha=0.0, beta=0.0)
    torch.testing.assert_close(objective(*a_batch()), build("cross_entropy")(*a_batch()))


def test_nnaqc_can_hold_its_target() -> None:
    gradients = []
    for detach in (False, True):
        logits, targets, indices = a_batch()
        logits.requires_grad_()
        objective = build("nnaqc", frozen=0.0, alpha=0.0, beta=1.0, detach_target=detach)
        objective(logits, targets, indices).sum().backward()
        gradients.append(logits.grad)
    assert gradients[0].abs().sum() > 0
    # with the target held at s itself, cross entropy is at its minimum: no pull
    torch.testing.assert_close(gradients[1], torch.zeros_like(gradients[1]))


def test_nnaqc_raises_beta_from_zero() -> None:
    objective = build("nnaqc", frozen=0.0, beta=0.4, beta_ramp=0.5, epochs=8)
    seen = []
    for epoch in (0, 1, 2, 4, 7):
        objective.start_epoch(epoch)
        seen.append(objective.beta)
    assert seen == pytest.approx([0.0, 0.1, 0.2, 0.4, 0.4])


def test_a_transition_that_depends_on_nothing_is_forward_correction() -> None:
    representation = torch.randn((6, 2, 5), generator=torch.Generator().manual_seed(0)).double()
    objective = build("instance_transition", noise_matrix=NOISE, features=5, lambda_mixture=0.0)
    objective.observe(representation)
    wanted = build("forward", noise_matrix=NOISE)(*a_batch())
    torch.testing.assert_close(objective(*a_batch()), wanted, atol=1e-4, rtol=1e-4)


def test_transition_matrices_of_samples_are_stochastic_and_differ() -> None:
    objective = build("instance_transition", noise_matrix=NOISE, features=5)
    representation = torch.randn((6, 2, 5), generator=torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        objective.directions.normal_(generator=torch.Generator().manual_seed(1))
        matrices = objective.log_matrices(objective.mixtures(representation)).exp()
    assert matrices.shape == (6, 2, 3, 3)
    torch.testing.assert_close(matrices.sum(3), torch.ones((6, 2, 3), dtype=torch.float64))
    assert not torch.allclose(matrices[0], matrices[1])


def test_two_regions_with_their_own_noise_are_told_apart(tmp_path: Path) -> None:
    inputs, truth = gaussians(6000)
    region = torch.arange(6000) % 2
    clean, noisy = torch.eye(3), 0.1 + 0.7 * torch.eye(3)
    targets = given_labels(truth, torch.stack([clean, noisy])[region])
    seen = torch.cat([inputs, region[:, None] * 2.0 - 1.0], dim=1)
    average = ((clean + noisy) / 2).tolist()
    objective = fit(
        tmp_path / "t", "instance_transition", seen, targets, noise_matrix=average,
        mu_distance=0.0, lambda_mixture=1e-2, rate=1.0, epochs=20,
    )  # fmt: skip
    with torch.no_grad():
        mixture = objective.mixtures(seen.unsqueeze(1).expand(-1, 2, -1))
        matrices = objective.log_matrices(mixture).exp().mean(1)
    for number, wanted in enumerate((clean, noisy)):
        for k in range(3):  # a row says something of the samples of its class alone
            found = matrices[(region == number) & (truth == k), k].mean(0)
            assert (found - wanted[k]).abs().sum() < 0.1
    assert objective.noise_matrix().sum(1).tolist() == pytest.approx([1.0] * 3)


def test_with_two_classes_a_prediction_and_a_noise_cannot_be_told_apart() -> None:
    """Why T(x) is held near T: certain samples in noise cost what unsure ones without do."""
    loss = []
    for noise, probs in (([[0.9, 0.1], [0.1, 0.9]], [1.0, 0.0]), ([[1, 0], [0, 1]], [0.9, 0.1])):
        objective = build("forward", n_classes=2, n_samples=2, noise_matrix=noise)
        logits = torch.tensor(probs, dtype=torch.float64).clamp_min(1e-300).log()
        rows = logits.expand(2, 2, -1)
        loss.append(objective(rows, torch.tensor([0, 1]), torch.tensor([0, 1])))
    torch.testing.assert_close(loss[0], loss[1])

"""WARP: published values, ties, no violators, two classes, thousands of classes."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.worker.objectives.building import build
from worker.objectives.warp import rank_costs

SCORES = torch.tensor([2.0, 1.5, 0.2, 1.4, -1.0], dtype=torch.float64)


def warp(logits: Tensor, target: int, *, n: int = 1, **options: Any) -> Tensor:
    objective = build("warp", n_classes=len(logits), n_samples=n, replicas=1, **options)
    rows = logits.expand(n, 1, -1)
    return objective(rows, torch.full((n,), target), torch.arange(n))[:, 0]


def test_the_exact_loss_of_the_worked_example() -> None:
    # violators 0 and 3 with hinges 1.5 and .9, rank 2, L(2) = 1.5
    assert float(warp(SCORES, 1)) == pytest.approx(1.8)


@pytest.mark.parametrize(
    ("weights", "wanted"),
    [("harmonic", 1.8), ("mean", 0.5 / 2 * 2.4), ("top_one", 2.4 / 2), ("log", math.log(2) * 1.2)],
)
def test_ranks_cost_what_their_weights_say(weights: str, wanted: float) -> None:
    assert float(warp(SCORES, 1, weights=weights)) == pytest.approx(wanted)


def test_rank_costs_rise_from_zero() -> None:
    assert rank_costs("harmonic", 4).tolist() == pytest.approx([0, 1, 1.5, 1.5 + 1 / 3])
    assert rank_costs("mean", 5).tolist() == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert rank_costs("top_one", 3).tolist() == [0, 1, 1]
    assert rank_costs("log", 50_000).max() == pytest.approx(10.0)


def test_the_plain_rank_counts_ties() -> None:
    tied = torch.tensor([1.0, 1.0, 0.5], dtype=torch.float64)
    assert float(warp(tied, 0, rank="plain")) == pytest.approx(1.0)  # one tie, L(1) = 1, hinge 1
    assert float(warp(tied, 0)) == pytest.approx(1.5 / 2 * (1.0 + 0.5))


@pytest.mark.parametrize("mode", ["exact", "sampled"])
def test_no_violator_costs_nothing_and_pulls_nothing(mode: str) -> None:
    logits = torch.tensor([3.0, 1.0, 2.0], dtype=torch.float64, requires_grad=True)
    losses = warp(logits, 0, n=4, mode=mode)
    losses.sum().backward()
    assert losses.tolist() == [0.0] * 4
    assert logits.grad is not None
    assert logits.grad.tolist() == [0.0] * 3


@pytest.mark.parametrize("mode", ["exact", "sampled"])
def test_two_classes_are_a_hinge(mode: str) -> None:
    logits = torch.tensor([0.3, 0.9], dtype=torch.float64)
    assert float(warp(logits, 0, mode=mode)) == pytest.approx(1.6)
    assert float(warp(logits, 1, mode=mode)) == pytest.approx(0.4)


def test_the_sampled_loss_has_its_closed_form_mean() -> None:
    chance, others = 2 / 4, 4
    harmonic = [0, 1, 1.5, 1.5 + 1 / 3, 1.5 + 1 / 3 + 1 / 4]
    mean = sum(
        (1 - chance) ** (n - 1) * chance * harmonic[others // n] * 1.2 for n in range(1, others + 1)
    )
    assert mean == pytest.approx(1.925)
    losses = warp(SCORES, 1, n=40_000, mode="sampled")
    error = float(losses.std()) / 200
    assert float(losses.mean()) == pytest.approx(mean, abs=4 * error)


def test_sampling_without_replacement_walks_a_random_order() -> None:
    # With 2 violators among 4 others the first stands at place 1, 2, 3 with chance 1/2, 1/3, 1/6.
    harmonic = [0, 1, 1.5, 1.5 + 1 / 3, 1.5 + 1 / 3 + 1 / 4]
    chances = {1: 1 / 2, 2: 1 / 3, 3: 1 / 6}
    mean = sum(p * harmonic[4 // n] * 1.2 for n, p in chances.items())
    losses = warp(SCORES, 1, n=40_000, mode="sampled", replacement=False)
    assert float(losses.mean()) == pytest.approx(mean, abs=4 * float(losses.std()) / 200)


def test_the_rank_is_held_constant_in_the_gradient() -> None:
    logits = SCORES.clone().requires_grad_()
    warp(logits, 1).sum().backward()
    assert logits.grad is not None
    assert logits.grad.tolist() == pytest.approx([0.75, -1.5, 0.0, 0.75, 0.0])


@pytest.mark.parametrize("mode", ["exact", "sampled"])
@pytest.mark.parametrize("replacement", [True, False])
def test_thousands_of_classes_are_no_trouble(mode: str, replacement: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn((8, 2, 5000), generator=generator)
    objective = build(
        "warp", n_classes=5000, n_samples=8, mode=mode, replacement=replacement
    ).float()
    losses = objective(logits, torch.arange(8), torch.arange(8))
    assert torch.isfinite(losses).all()
    assert (losses >= 0).all()
    assert losses.sum() > 0


def test_all_classes_equal_violate_together() -> None:
    flat = torch.zeros(4, dtype=torch.float64)
    assert float(warp(flat, 2)) == pytest.approx(1 + 1 / 2 + 1 / 3)  # L(3) / 3 * 3 hinges of 1

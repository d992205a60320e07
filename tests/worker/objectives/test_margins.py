"""Squared error, ramp, unhinged and bootstrapping: identities, bounds and limits."""

import pytest
import torch

from tests.worker.objectives.building import a_batch, build, per_label
from worker.objectives.margins import bounded, ramp


def some_logits(n_classes: int = 4, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(n_classes, generator=generator, dtype=torch.float64)


def test_squared_error_sums_over_the_classes_to_its_identity_and_stays_in_its_bounds() -> None:
    for seed in range(5):
        logits = some_logits(seed=seed)
        total = float(per_label(build("mse", n_classes=4), logits).sum())
        assert total == pytest.approx(4 - 2 + 4 * float(logits.softmax(0).square().sum()))
        assert 3 - 1e-9 <= total <= 6 + 1e-9


def test_squared_error_of_known_probabilities() -> None:
    probs = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
    losses = per_label(build("mse"), probs.log())
    assert losses.tolist() == pytest.approx([0.98, 0.38, 0.78])


def test_bounded_logits_are_centred_and_stay_inside_a_ball() -> None:
    logits = torch.stack([some_logits(), 1e30 * some_logits(), 0 * some_logits()]).unsqueeze(0)
    inside = bounded(logits)
    torch.testing.assert_close(inside.sum(2), torch.zeros((1, 3), dtype=torch.float64))
    assert (inside.square().sum(2) <= 4 + 1e-9).all()
    centred = some_logits() - some_logits().mean()
    wanted = centred / (1 + centred.square().mean()).sqrt()
    torch.testing.assert_close(inside[0, 0], wanted)


def test_unhinged_is_symmetric_in_both_forms() -> None:
    logits = some_logits()
    assert float(per_label(build("unhinged", n_classes=4), logits).sum()) == pytest.approx(16.0)
    reference = build("unhinged", n_classes=4, form="target_only")
    assert float(per_label(reference, logits).sum()) == pytest.approx(4.0)


def test_unhinged_cannot_run_away() -> None:
    direction = torch.tensor([3.0, -1.0, -2.0], dtype=torch.float64)
    losses = [float(per_label(build("unhinged"), scale * direction)[0]) for scale in (1, 1e3, 1e9)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] > 3 - 2 * 3**0.5


@pytest.mark.parametrize("margin", [0.0, 1.0, -1.0, 3.0, -3.0, 0.4])
def test_the_ramp_of_a_margin_and_of_its_opposite_sum_to_one(margin: float) -> None:
    z = torch.tensor(margin)
    assert float(ramp(z) + ramp(-z)) == pytest.approx(1.0)


def test_the_ramp_is_flat_beyond_its_corners() -> None:
    assert ramp(torch.tensor([-3.0, -1.0, 0.0, 1.0, 3.0])).tolist() == [1.0, 1.0, 0.5, 0.0, 0.0]


def test_one_vs_rest_ramp_averages_the_ramps_of_all_margins() -> None:
    logits = some_logits()
    margins = bounded(logits.view(1, 1, -1))[0, 0]
    signs = torch.tensor([-1.0, 1.0, -1.0, -1.0])
    wanted = float(ramp(signs * margins).mean())
    assert float(per_label(build("ramp", n_classes=4), logits)[1]) == pytest.approx(wanted)


def test_the_other_classes_of_the_target_only_ramp_are_constants() -> None:
    objective = build("ramp", n_classes=4, form="target_only")
    losses = per_label(objective, torch.zeros(4, dtype=torch.float64))
    assert losses.tolist() == pytest.approx([1.0] * 4)  # (1 - 0 + 3) / 4


@pytest.mark.parametrize("name", ["mse", "ramp", "unhinged", "mae"])
def test_a_warm_up_is_cross_entropy(name: str) -> None:
    objective = build(name, warm_up=0.3)
    for epoch, same in ((0, True), (2, True), (3, False)):
        objective.start_epoch(epoch)
        plain = build("cross_entropy")(*a_batch())
        assert torch.equal(objective(*a_batch()), plain) == same


@pytest.mark.parametrize("mode", ["soft", "hard"])
def test_bootstrapping_with_all_weight_on_the_label_is_cross_entropy(mode: str) -> None:
    objective = build("bootstrap", mode=mode, beta=1.0)
    torch.testing.assert_close(objective(*a_batch()), build("cross_entropy")(*a_batch()))


def test_bootstrapping_of_known_probabilities() -> None:
    probs = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
    soft = per_label(build("bootstrap", mode="soft", beta=0.8), probs.log())
    target = 0.8 * torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64) + 0.2 * probs
    assert float(soft[0]) == pytest.approx(float(-(target * probs.log()).sum()))
    hard = per_label(build("bootstrap", mode="hard", beta=0.8), probs.log())
    assert float(hard[0]) == pytest.approx(float(-0.8 * probs[0].log() - 0.2 * probs[1].log()))

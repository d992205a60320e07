"""Objectives: golden values, limits, gradients, and agreement with what the API is told."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from service.core.errors import BadInput
from service.options.objectives import OBJECTIVES as DECLARED
from service.options.objectives import resolve_options
from service.options.training import TrainingConfig
from worker import objectives
from worker.objectives import Objective

HERE = ("cross_entropy", "elr", "gce", "mae", "sce")


def make(name: str, *, n_classes: int = 4, n_samples: int = 6, epochs: int = 10, **options: float):
    objective = objectives.create(
        name,
        options,
        n_classes=n_classes,
        n_samples=n_samples,
        replicas=3,
        epochs=epochs,
        targets=torch.zeros(n_samples, dtype=torch.int64),
        generator=torch.Generator().manual_seed(0),
    )
    objective.start_epoch(epochs - 1)
    return objective


@pytest.fixture
def batch() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(7)
    logits = 2 * torch.randn((6, 3, 4), generator=generator, dtype=torch.float64)
    targets = torch.tensor([0, 1, 2, 3, 1, 2])
    return logits, targets, torch.arange(6)


def test_the_worker_implements_exactly_the_declared_objectives() -> None:
    assert set(objectives.OBJECTIVES) == set(DECLARED)
    for name, implementation in objectives.OBJECTIVES.items():
        assert implementation.name == name


@pytest.mark.parametrize("name", HERE)
def test_every_objective_takes_its_declared_options_and_returns_one_loss_per_replica(
    name: str, batch: tuple[Tensor, Tensor, Tensor]
) -> None:
    options: dict[str, Any] = DECLARED[name].defaults({})
    objective = make(name, **options).double()
    losses = objective(*batch)
    assert losses.shape == (6, 3)
    assert torch.isfinite(losses).all()


# elr's target follows the logits with no gradient through it, so a difference quotient sees more.
@pytest.mark.parametrize("name", sorted(set(HERE) - {"elr"}))
def test_gradients_agree_with_finite_differences(
    name: str, batch: tuple[Tensor, Tensor, Tensor]
) -> None:
    logits, targets, indices = batch

    def losses(values: Tensor) -> Tensor:
        return make(name).double()(values, targets, indices)

    assert torch.autograd.gradcheck(losses, (logits.requires_grad_(),))


@pytest.mark.parametrize("name", HERE)
def test_a_loss_of_hopeless_or_perfect_samples_is_finite_and_so_is_its_gradient(name: str) -> None:
    logits = torch.tensor([[[200.0, -200.0], [-200.0, 200.0]]], requires_grad=True)
    objective = objectives.create(
        name,
        {},
        n_classes=2,
        n_samples=1,
        replicas=2,
        epochs=1,
        targets=torch.tensor([0]),
        generator=torch.Generator(),
    )
    losses = objective(logits, torch.tensor([0]), torch.tensor([0]))
    losses.sum().backward()
    assert torch.isfinite(losses).all()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert losses[0, 0] < losses[0, 1]


def test_cross_entropy_is_torchs(batch: tuple[Tensor, Tensor, Tensor]) -> None:
    logits, targets, indices = batch
    wanted = torch.nn.functional.cross_entropy(
        logits.transpose(1, 2), targets.unsqueeze(1).expand(-1, 3), reduction="none"
    )
    torch.testing.assert_close(make("cross_entropy")(logits, targets, indices), wanted)


def test_gce_at_q_zero_is_cross_entropy_and_near_zero_approaches_it(
    batch: tuple[Tensor, Tensor, Tensor],
) -> None:
    wanted = make("cross_entropy")(*batch)
    torch.testing.assert_close(make("gce", q=0.0)(*batch), wanted)
    torch.testing.assert_close(make("gce", q=1e-9)(*batch), wanted)


def test_gce_has_the_papers_value_and_gradient() -> None:
    logits = torch.log(torch.tensor([[[0.2, 0.5, 0.3]] * 3], dtype=torch.float64))
    logits.requires_grad_()
    losses = make("gce", q=0.7)(logits, torch.tensor([0]), torch.tensor([0]))
    assert losses[0, 0].item() == pytest.approx((1 - 0.2**0.7) / 0.7)
    losses[0, 0].backward()
    assert logits.grad is not None
    # s_y^q times the gradient of cross entropy, s - e_y
    expected = 0.2**0.7 * torch.tensor([0.2 - 1, 0.5, 0.3], dtype=torch.float64)
    torch.testing.assert_close(logits.grad[0, 0], expected)


def test_gce_at_q_one_is_half_the_mean_absolute_error(batch: tuple[Tensor, Tensor, Tensor]) -> None:
    torch.testing.assert_close(
        make("gce", q=1.0)(*batch), make("mae")(*batch) / 2, rtol=1e-12, atol=1e-12
    )


def test_the_warm_up_of_gce_raises_q_from_zero() -> None:
    objective = make("gce", q=0.8, warm_up=0.4, epochs=10)
    assert isinstance(objective, objectives.OBJECTIVES["gce"])
    seen = []
    for epoch in range(6):
        objective.start_epoch(epoch)
        seen.append(objective.q)
    assert seen == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 0.8])


def test_mae_sums_over_the_classes_to_a_constant() -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn((1, 1, 4), generator=generator).expand(4, 3, 4)
    objective = make("mae")
    total = objective(logits, torch.arange(4), torch.arange(4)).sum(0)
    torch.testing.assert_close(total, torch.full((3,), 6.0))  # 2 C - 2


def test_mae_warms_up_with_cross_entropy(batch: tuple[Tensor, Tensor, Tensor]) -> None:
    objective = make("mae", warm_up=0.2, epochs=10)
    objective.start_epoch(1)
    torch.testing.assert_close(objective(*batch), make("cross_entropy")(*batch))
    objective.start_epoch(2)
    torch.testing.assert_close(objective(*batch), make("mae", warm_up=0.0)(*batch))


def test_sce_is_cross_entropy_plus_reverse_cross_entropy() -> None:
    logits = torch.log(torch.tensor([[[0.25, 0.75]] * 3], dtype=torch.float64))
    losses = make("sce", n_classes=2, alpha=0.1, beta=1.0, log_zero=-4.0)(
        logits, torch.tensor([0]), torch.tensor([0])
    )
    assert losses[0, 0].item() == pytest.approx(-0.1 * math.log(0.25) + 4 * 0.75)


def test_elr_with_weight_zero_is_cross_entropy(batch: tuple[Tensor, Tensor, Tensor]) -> None:
    torch.testing.assert_close(
        make("elr", weight=0.0).double()(*batch), make("cross_entropy")(*batch)
    )


def test_elr_follows_the_predictions_of_each_sample_and_replica() -> None:
    objective = make("elr", n_classes=2, n_samples=3, weight=3.0, momentum=0.7).double()
    probs = torch.tensor([0.8, 0.2], dtype=torch.float64)
    logits = probs.log().view(1, 1, 2).expand(1, 3, 2)
    index = torch.tensor([1])
    target = 0.0
    for _ in range(2):
        losses = objective(logits, torch.tensor([1]), index)
        target = 0.7 * target + 0.3 * 0.8
        other = target / 0.8 * 0.2
        expected = -math.log(0.2) + 3 * math.log(1 - target * 0.8 - other * 0.2)
        assert losses[0].tolist() == pytest.approx([expected] * 3)
    assert objective.targets_by_sample[0].abs().sum() == 0


def test_elr_lets_no_gradient_flow_through_its_target() -> None:
    objective = make("elr", n_classes=2, n_samples=1, weight=3.0, momentum=0.0).double()
    logits = torch.tensor([0.8, 0.2], dtype=torch.float64).log().view(1, 1, 2).repeat(1, 3, 1)
    logits.requires_grad_()
    objective(logits, torch.tensor([0]), torch.tensor([0]))[0, 0].backward()
    # with t = s held: d/df_k of log(1 - t.s) is -s_k (t_k - t.s) / (1 - t.s)
    dot, held = 0.8**2 + 0.2**2, 0.8
    wanted = (0.8 - 1) + 3 * -0.8 * (held - dot) / (1 - dot)
    assert logits.grad is not None
    assert logits.grad[0, 0, 0].item() == pytest.approx(wanted)


def test_an_unknown_objective_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(BadInput, match=r"'focal'.*cross_entropy, gce"):
        make("focal")


def test_an_unknown_option_is_refused_with_the_options_there_are() -> None:
    with pytest.raises(BadInput, match=r"gce has no option gamma\. Its options: q"):
        make("gce", gamma=2.0)


@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan"), "large", True])
def test_an_option_out_of_its_range_is_refused(value: object) -> None:
    with pytest.raises(BadInput, match="q must"):
        resolve_options("gce", {"q": value})


def test_a_training_config_names_what_is_wrong_with_it() -> None:
    with pytest.raises(ValueError, match="Unknown objective 'focal'"):
        TrainingConfig(objective="focal")
    with pytest.raises(ValueError, match="gce has no option gamma"):
        TrainingConfig(objective_options={"gamma": 1})


def test_hooks_of_the_base_do_nothing() -> None:
    class Silent(Objective):
        name = "silent"

    silent = Silent(make("mae").setting)
    silent.start_epoch(0)
    silent.after_step()
    silent.end_epoch(0)
    assert list(silent.parameters()) == []
    with pytest.raises(NotImplementedError):
        silent(torch.zeros((1, 1, 2)), torch.zeros(1), torch.zeros(1))

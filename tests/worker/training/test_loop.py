"""The loop: bits, equivalences with plain training, and planted label errors."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score
from torch import Tensor, nn

from service.ranking.trajectory import Trajectory
from worker import objectives
from worker.training.loop import Hyperparameters, poisson_bootstrap, train
from worker.training.networks import (
    MIN_BFLOAT16_FEATURES,
    MIN_BFLOAT16_SAMPLES,
    NETWORKS,
    WideCnn,
    WideLinear,
    WideMlp,
    linear_head,
)
from worker.training.recorder import Recorder

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Steps this small lose more by sharing than they gain, above all beside other tests."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def fit(
    folder: Path,
    network: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    in_bag: Tensor,
    *,
    objective: str = "cross_entropy",
    epochs: int = 4,
    batch_size: int = 16,
    learning_rate: float = 1e-2,
    seed: int = 5,
    on_progress: Callable[[float], None] | None = None,
    **options: Any,
) -> Trajectory:
    n_classes = int(targets.max()) + 1
    built = objectives.create(
        objective,
        options,
        n_classes=n_classes,
        n_samples=len(targets),
        replicas=in_bag.shape[1],
        epochs=epochs,
        targets=targets,
        generator=torch.Generator().manual_seed(seed),
    )
    with Recorder(
        folder, in_bag=in_bag, n_classes=n_classes, epochs=epochs, device=CPU, header={}
    ) as recorder:
        train(
            network,
            inputs,
            targets,
            objective=built,
            in_bag=in_bag,
            recorder=recorder,
            hyperparameters=Hyperparameters(epochs, batch_size, learning_rate, 1e-2, seed),
            device=CPU,
            on_progress=on_progress,
        )
    return Trajectory.load(folder)


def blobs(n: int = 60, features: int = 5, classes: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(11)
    targets = torch.arange(n) % classes
    centres = 2 * torch.randn((classes, features), generator=generator)
    return centres[targets] + torch.randn((n, features), generator=generator), targets


def wide_mlp(replicas: int, *, seed: int = 0) -> WideMlp:
    return WideMlp((5,), 3, replicas, torch.Generator().manual_seed(seed), hidden=7)


def replica_of(wide: WideMlp, number: int) -> WideMlp:
    """A network of its own with the parameters that replica `number` has in the wide one."""
    hidden, single = wide.n_features, wide_mlp(1)
    own = slice(number * hidden, (number + 1) * hidden)
    with torch.no_grad():
        single.weight_in.copy_(wide.weight_in[:, own])
        single.bias_in.copy_(wide.bias_in[own])
        single.weight_out.copy_(wide.weight_out[number : number + 1])
        single.bias_out.copy_(wide.bias_out[number : number + 1])
    return single


def test_a_wide_network_trains_like_as_many_separate_ones(tmp_path: Path) -> None:
    inputs, targets = blobs()
    in_bag = poisson_bootstrap(len(targets), 3, seed=1)
    wide = wide_mlp(3)
    separate = [replica_of(wide, number) for number in range(3)]
    together = fit(tmp_path / "wide", wide, inputs, targets, in_bag)
    for number, single in enumerate(separate):
        alone = fit(tmp_path / str(number), single, inputs, targets, in_bag[:, number : number + 1])
        np.testing.assert_allclose(
            together.margin[:, :, number], alone.margin[:, :, 0], rtol=2e-2, atol=2e-3
        )
        torch.testing.assert_close(
            wide.weight_out[number], single.weight_out[0], rtol=1e-4, atol=1e-5
        )


def test_one_replica_trains_like_a_plain_loop(tmp_path: Path) -> None:
    inputs, targets = blobs()
    single = wide_mlp(1)
    plain = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3))
    with torch.no_grad():
        plain[0].weight.copy_(single.weight_in.T)
        plain[0].bias.copy_(single.bias_in)
        plain[2].weight.copy_(single.weight_out[0].T)
        plain[2].bias.copy_(single.bias_out[0, 0])
    fit(tmp_path / "t", single, inputs, targets, torch.ones((60, 1), dtype=torch.uint8))

    optimiser = torch.optim.AdamW(plain.parameters(), lr=1e-2, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, 1e-2, total_steps=4 * 4 + 1, cycle_momentum=False
    )
    generator = torch.Generator().manual_seed(5)
    for _ in range(4):
        for rows in torch.tensor_split(torch.randperm(60, generator=generator), 4):
            optimiser.zero_grad()
            nn.functional.cross_entropy(plain(inputs[rows]), targets[rows]).backward()
            optimiser.step()
            schedule.step()
    torch.testing.assert_close(single.weight_out[0], plain[2].weight.T, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", sorted(objectives.OBJECTIVES))
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(
    tmp_path: Path, name: str
) -> None:
    inputs, targets = blobs()
    in_bag = poisson_bootstrap(len(targets), 2, seed=1)
    first, again, other = (
        fit(tmp_path / tag, wide_mlp(2), inputs, targets, in_bag, seed=seed, objective=name)
        for tag, seed in (("first", 5), ("again", 5), ("other", 6))
    )
    for array in ("margin", "p_given", "loss", "predicted", "probs_in_bag", "probs_out_of_bag"):
        np.testing.assert_array_equal(getattr(first, array), getattr(again, array))
    assert (first.margin != other.margin).any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_large_products_are_rounded_in_training_alone(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype
) -> None:
    monkeypatch.setattr("worker.training.networks.compute_dtype", lambda _device: dtype)
    inputs, _ = blobs(n=MIN_BFLOAT16_SAMPLES, features=MIN_BFLOAT16_FEATURES)
    network = WideMlp((MIN_BFLOAT16_FEATURES,), 3, 2, torch.Generator().manual_seed(3), hidden=8)
    exact = network.eval().features(inputs)
    few = network.train().features(inputs[1:])
    rounded = network.features(inputs)
    assert rounded.dtype == exact.dtype == torch.float32
    torch.testing.assert_close(few, exact[1:], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(rounded, exact, rtol=0.02, atol=0.05)
    assert torch.equal(rounded, exact) == (dtype == torch.float32)
    rounded.sum().backward()
    assert network.weight_in.grad is not None
    assert network.weight_in.grad.dtype == torch.float32


def test_rounded_or_not_the_same_seed_gives_the_same_bits(tmp_path: Path) -> None:
    inputs, targets = blobs(n=2 * MIN_BFLOAT16_SAMPLES, features=MIN_BFLOAT16_FEATURES)
    first, again = (
        fit(
            tmp_path / tag,
            WideMlp((MIN_BFLOAT16_FEATURES,), 3, 2, torch.Generator().manual_seed(3), hidden=8),
            inputs,
            targets,
            poisson_bootstrap(len(targets), 2, seed=1),
            batch_size=MIN_BFLOAT16_SAMPLES,
        )
        for tag in ("first", "again")
    )
    for array in ("margin", "predicted", "probs_in_bag", "probs_out_of_bag"):
        np.testing.assert_array_equal(getattr(first, array), getattr(again, array))


def test_reading_out_is_a_batched_product_and_so_are_its_derivatives() -> None:
    generator = torch.Generator().manual_seed(3)
    shapes = ((7, 2, 5), (2, 5, 3), (2, 1, 3))
    given = [torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes]
    representation, weight, bias = (x.requires_grad_() for x in given)
    plain = torch.baddbmm(bias, representation.transpose(0, 1), weight).transpose(0, 1)
    logits = linear_head(representation, weight, bias)
    assert logits.is_contiguous()
    torch.testing.assert_close(logits, plain)
    assert torch.autograd.gradcheck(linear_head, (representation, weight, bias))


def test_training_leaves_the_global_generator_alone(tmp_path: Path) -> None:
    before = torch.get_rng_state()
    inputs, targets = blobs()
    fit(tmp_path / "t", wide_mlp(2), inputs, targets, poisson_bootstrap(60, 2, seed=1))
    assert torch.equal(before, torch.get_rng_state())


def test_the_first_epoch_shows_the_network_before_its_steps(tmp_path: Path) -> None:
    inputs, targets = blobs()
    network = wide_mlp(2)
    with torch.no_grad():
        untrained = network(inputs).argmax(2).numpy()
    trajectory = fit(
        tmp_path / "t", network, inputs, targets, poisson_bootstrap(60, 2, seed=1), batch_size=60
    )
    np.testing.assert_array_equal(trajectory.predicted[0], untrained)


def test_a_bootstrap_draws_each_sample_once_on_average_and_leaves_out_a_third() -> None:
    counts = poisson_bootstrap(20_000, 4, seed=2).double()
    assert counts.mean().item() == pytest.approx(1.0, abs=0.02)
    assert (counts == 0).double().mean().item() == pytest.approx(np.exp(-1), abs=0.01)
    assert torch.equal(counts, poisson_bootstrap(20_000, 4, seed=2).double())


def test_a_replica_learns_nothing_from_what_its_bag_left_out(tmp_path: Path) -> None:
    inputs, targets = blobs()
    in_bag = torch.ones((60, 2), dtype=torch.uint8)
    in_bag[:20, 1] = 0
    changed = targets.clone()
    changed[:20] = (targets[:20] + 1) % 3
    first = fit(tmp_path / "a", wide_mlp(2), inputs, targets, in_bag)
    second = fit(tmp_path / "b", wide_mlp(2), inputs, changed, in_bag)
    np.testing.assert_array_equal(first.predicted[:, :, 1], second.predicted[:, :, 1])
    assert (first.predicted[:, :, 0] != second.predicted[:, :, 0]).any()


def test_the_callback_is_told_each_batch_and_can_stop_in_the_middle_of_an_epoch(
    tmp_path: Path,
) -> None:
    inputs, targets = blobs()
    seen: list[float] = []

    def stop_at_six(share: float) -> None:
        seen.append(share)
        if len(seen) == 6:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fit(
            tmp_path / "t",
            wide_mlp(1),
            inputs,
            targets,
            torch.ones((60, 1), dtype=torch.uint8),
            on_progress=stop_at_six,
        )
    assert seen == [number / 16 for number in range(1, 7)]  # 4 epochs of 4 batches
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("n", "batch_size"), [(2, 16), (17, 16), (33, 16), (3, 2)])
def test_awkward_sizes_train(tmp_path: Path, n: int, batch_size: int) -> None:
    inputs, targets = blobs(n)
    targets[-1] = 2  # a class with a single sample
    trajectory = fit(
        tmp_path / "t",
        wide_mlp(2),
        inputs.half(),
        targets,
        poisson_bootstrap(n, 2, seed=1),
        batch_size=batch_size,
    )
    assert trajectory.margin.shape == (4, n, 2)
    assert np.isfinite(trajectory.margin).all()


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_networks_are_initialised_by_their_generator_alone(name: str) -> None:
    shape = (3, 28, 28) if name == "cnn" else (6,)
    first, again, other = (
        NETWORKS[name](shape, 4, 3, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    for left, right in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(left, right)
    assert any(
        not torch.equal(left, right)
        for left, right in zip(first.parameters(), other.parameters(), strict=True)
    )


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 64, 48), (1, 8, 8)])
def test_the_cnn_reads_grey_and_colour_images_of_small_sizes(shape: tuple[int, ...]) -> None:
    network = WideCnn(shape, 5, 3, torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (4, *shape), generator=generator, dtype=torch.uint8)
    assert network(images).shape == (4, 3, 5)


def test_replicas_of_the_cnn_do_not_touch_each_other() -> None:
    network = WideCnn((1, 16, 16), 3, 2, torch.Generator().manual_seed(0))
    images = torch.arange(4 * 256).remainder(251).view(4, 1, 16, 16).to(torch.uint8)
    network(images)[:, 0].square().sum().backward()
    for parameter in network.parameters():
        assert parameter.grad is not None
        second = parameter.grad.flatten(1) if parameter.grad.ndim > 3 else parameter.grad
        assert second.reshape(2, -1)[0].abs().sum() > 0
        assert second.reshape(2, -1)[1].abs().sum() == 0


def test_a_linear_network_is_a_softmax_regression() -> None:
    network = WideLinear((4,), 3, 2, torch.Generator().manual_seed(0))
    inputs = torch.randn((5, 4), generator=torch.Generator().manual_seed(1))
    wanted = inputs @ network.weight[:, 3:] + network.bias[3:]
    torch.testing.assert_close(network(inputs)[:, 1], wanted)


@pytest.mark.parametrize("objective", ["cross_entropy", "gce"])
def test_planted_flips_among_handwritten_digits_are_found(tmp_path: Path, objective: str) -> None:
    pixels, labels = load_digits(return_X_y=True)
    draw = np.random.default_rng(0)
    flipped = draw.random(len(labels)) < 0.1
    given = np.where(flipped, (labels + draw.integers(1, 10, len(labels))) % 10, labels)
    inputs = torch.from_numpy((pixels - pixels.mean(0)) / pixels.std()).float()
    network = WideMlp((64,), 10, 4, torch.Generator().manual_seed(0), hidden=64)
    trajectory = fit(
        tmp_path / "t",
        network,
        inputs,
        torch.from_numpy(given),
        poisson_bootstrap(len(given), 4, seed=1),
        objective=objective,
        epochs=15,
        batch_size=32,
        learning_rate=3e-3,
    )
    margin = trajectory.margin.astype(np.float64).mean(axis=(0, 2))
    assert average_precision_score(flipped, -margin) > 0.95  # base rate .1
    known = ~np.isnan(trajectory.probs_out_of_bag[:, 0])
    out_of_bag = trajectory.probs_out_of_bag[np.arange(len(given)), given]
    assert average_precision_score(flipped[known], -out_of_bag[known]) > 0.85

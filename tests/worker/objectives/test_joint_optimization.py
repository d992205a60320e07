"""Labels and network together: schedule, prior, fixed points, collapse, recovery, two stages."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from service.core.errors import BadInput
from service.ranking.trajectory import Trajectory
from tests.worker.objectives.building import build
from worker.objectives.joint_optimization import class_prior, label_schedule
from worker.training.shard import run_shard
from worker.training.spec import ShardSpec

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def shown(objective, logits: Tensor) -> None:
    n = len(logits)
    objective(logits, objective.setting.targets, torch.arange(n))


def test_the_papers_schedule_relabels_from_epoch_seventy_with_ten_epochs() -> None:
    objective = build("joint_optimization", schedule="paper", epochs=320, n_samples=3, replicas=1)
    assert objective.stages == (200, 120)
    draws = torch.Generator().manual_seed(0)
    given = objective.labels.clone()
    seen = []
    for epoch in range(72):
        objective.start_epoch(epoch)
        logits = torch.randn((3, 1, 3), generator=draws, dtype=torch.float64)
        shown(objective, logits)
        seen.append(logits.softmax(2))
        objective.end_epoch(epoch)
        if epoch < 69:
            assert torch.equal(objective.labels, given)
        else:
            mean = torch.stack(seen[-10:]).mean(0)
            torch.testing.assert_close(objective.labels, mean, atol=1e-3, rtol=0)


def test_a_short_run_averages_only_the_epochs_there_were() -> None:
    objective = build("joint_optimization", epochs=4, second_stage=0.0, n_samples=3, replicas=1)
    assert label_schedule("scaled", 4) == (1, 3)
    objective.start_epoch(0)
    logits = torch.randn((3, 1, 3), generator=torch.Generator().manual_seed(0)).double()
    shown(objective, logits)
    objective.end_epoch(0)
    torch.testing.assert_close(objective.labels, logits.softmax(2), atol=1e-3, rtol=0)


def test_hard_labels_are_the_largest_class_of_the_mean() -> None:
    objective = build(
        "joint_optimization", labels="hard", epochs=4, second_stage=0.0, n_samples=3, replicas=1
    )
    objective.start_epoch(0)
    logits = torch.tensor([[[0.0, 2, 1]], [[3, 0, 0]], [[0, 0, 1]]], dtype=torch.float64)
    shown(objective, logits)
    objective.end_epoch(0)
    assert objective.labels[:, 0].tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    assert set(np.unique(objective.arrays()["soft_labels"])) == {0.0, 1.0}


def test_the_papers_schedule_in_a_short_run_is_refused() -> None:
    with pytest.raises(BadInput, match="Set epochs to 320"):
        build("joint_optimization", schedule="paper", epochs=100)


def test_the_classification_loss_is_the_divergence_plus_the_labels_entropy() -> None:
    objective = build("joint_optimization", alpha=0.0, beta=0.0, n_samples=1, replicas=1)
    label = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
    objective.labels.copy_(label.view(1, 1, 3))
    probs = torch.tensor([0.25, 0.4, 0.35], dtype=torch.float64)
    loss = float(objective(probs.log().view(1, 1, 3), torch.tensor([0]), torch.tensor([0])))
    entropy = float(-(label * label.log()).sum())
    assert entropy == pytest.approx(1.029653, abs=1e-6)
    assert loss - entropy == pytest.approx(float((label * (label / probs).log()).sum()))


def test_soft_labels_are_a_fixed_point_that_the_entropy_term_moves() -> None:
    probs = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
    pull = []
    for beta in (0.0, 0.5):
        objective = build("joint_optimization", alpha=0.0, beta=beta, n_samples=1, replicas=1)
        objective.labels.copy_(probs.view(1, 1, 3))
        logits = probs.log().view(1, 1, 3).clone().requires_grad_()
        objective(logits, torch.tensor([0]), torch.tensor([0])).sum().backward()
        pull.append(float(logits.grad.norm()))
    assert pull[0] == pytest.approx(0.0, abs=1e-7)
    assert pull[1] > 0.01


def test_the_prior_term_is_least_where_the_mean_prediction_is_the_prior() -> None:
    objective = build("joint_optimization", alpha=1.0, beta=0.0, replicas=1, prior="uniform")
    objective.labels.zero_()

    def loss(mean: list[float]) -> float:
        logits = torch.tensor(mean, dtype=torch.float64).log().expand(2, 1, 3)
        return float(objective(logits, torch.tensor([0, 1]), torch.arange(2)).mean())

    least = loss([1 / 3, 1 / 3, 1 / 3])
    assert least == pytest.approx(np.log(3))
    assert loss([0.4, 0.3, 0.3]) > least
    assert loss([0.9, 0.05, 0.05]) > loss([0.5, 0.25, 0.25])


def test_a_smoothed_mean_sends_gradient_through_the_batch_alone() -> None:
    objective = build("joint_optimization", mean_momentum=0.9, replicas=1, n_samples=2)
    for _ in range(2):
        logits = torch.zeros((2, 1, 3), dtype=torch.float64, requires_grad=True)
        objective(logits, torch.tensor([0, 1]), torch.arange(2)).sum().backward()
    torch.testing.assert_close(objective.smooth_mean, torch.full((1, 3), 1 / 3).double())


def test_an_unbalanced_dataset_has_its_own_prior_unless_told_otherwise() -> None:
    targets = torch.tensor([0] * 8 + [1] * 2)
    assert class_prior("auto", targets, 2).tolist() == pytest.approx([0.8, 0.2])
    assert class_prior("uniform", targets, 2).tolist() == [0.5, 0.5]
    nearly = torch.tensor([0] * 6 + [1] * 4)
    assert class_prior("auto", nearly, 2).tolist() == [0.5, 0.5]
    assert class_prior("given", nearly, 2).tolist() == pytest.approx([0.6, 0.4])


def test_more_memory_than_there_is_is_refused_before_it_is_taken() -> None:
    with pytest.raises(BadInput, match="GiB of predictions"):
        build("joint_optimization", n_samples=3, n_classes=3, replicas=2**29)


def blobs(n: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    truth = np.arange(n) % 4
    centres = 4.0 * draw.standard_normal((4, 8))
    vectors = (centres[truth] + draw.standard_normal((n, 8))).astype(np.float32)
    flipped = draw.random(n) < 0.3
    given = np.where(flipped, (truth + draw.integers(1, 4, n)) % 4, truth)
    return vectors, truth, given


def shard(**options: Any) -> ShardSpec:
    epochs = int(options.pop("epochs", 24))
    return ShardSpec(
        number=0, family="network", seed=3, objective="joint_optimization", options=dict(options),
        network="mlp", replicas=2, epochs=epochs, hidden=32, batch_size=32, learning_rate=3e-3,
        weight_decay=1e-2,
    )  # fmt: skip


def test_labels_are_recovered_and_a_fresh_network_learns_them(tmp_path: Path) -> None:
    vectors, truth, given = blobs()
    shares = []
    run_shard(shard(), vectors, given, 4, tmp_path / "t", on_progress=shares.append)
    labels = np.load(tmp_path / "t" / "soft_labels.npy")
    assert labels.shape == (400, 4)
    np.testing.assert_allclose(labels.sum(1), 1.0, rtol=1e-3)
    assert (labels.argmax(1) == truth).mean() > 0.95 > (given == truth).mean()
    trajectory = Trajectory.load(tmp_path / "t")
    assert trajectory.epochs == 24  # both stages, one after the other
    assert shares == sorted(shares)
    assert (len(shares), shares[-1]) == (24 * 13, 1.0)
    first_of_second = trajectory.p_given[15].astype(float).mean()
    assert first_of_second < 0.5  # a fresh network knows nothing yet
    known = ~np.isnan(trajectory.probs_in_bag[:, 0])
    assert (trajectory.probs_in_bag.argmax(1) == truth)[known].mean() > 0.95


def test_without_the_prior_term_hard_labels_can_collapse_and_with_it_they_do_not(
    tmp_path: Path,
) -> None:
    draw = np.random.default_rng(1)
    vectors = draw.standard_normal((200, 4)).astype(np.float32)  # nothing to learn
    given = (draw.random(200) < 0.4).astype(int)
    shares = {}
    for alpha in (0.0, 3.0):
        spec = shard(alpha=alpha, beta=2.0, labels="hard", prior="uniform", epochs=40)
        run_shard(spec, vectors, given, 2, tmp_path / str(alpha))
        labels = np.load(tmp_path / str(alpha) / "soft_labels.npy")
        shares[alpha] = labels[:, 1].mean()
    assert abs(shares[3.0] - 0.5) < abs(shares[0.0] - 0.5)

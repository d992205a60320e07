"""The engine: plans, shards that can be run again anywhere, and what they find."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score
from torch import Tensor, from_numpy, get_num_threads, tensor

from service.core.errors import BadInput
from service.options.training import TrainingConfig
from service.ranking.trajectory import Trajectory
from worker.training import families
from worker.training.neighbours import NEIGHBOURS, nearest_neighbours
from worker.training.plan import plan_shards
from worker.training.shard import is_complete, load_evidence, run_shard
from worker.training.spec import ShardSpec

SHARED = Path(
    os.environ.get("LABELAUDIT_SHARED_DATA", Path(__file__).parents[3].parent / "shared" / "data")
)
Data = tuple[NDArray[Any], NDArray[np.int64], NDArray[np.bool_]]


@pytest.fixture(scope="module")
def digits() -> Data:
    """Pixels, labels of which a tenth are wrong, and which ones."""
    pixels, labels = load_digits(return_X_y=True)
    draw = np.random.default_rng(0)
    wrong = draw.random(len(labels)) < 0.1
    given = np.where(wrong, (labels + draw.integers(1, 10, len(labels))) % 10, labels)
    return pixels.astype(np.float32), given.astype(np.int64), wrong


def quick(**fields: Any) -> TrainingConfig:
    return TrainingConfig(**{"replicas": 2, "epochs": 3, "hidden": 16, "batch_size": 64} | fields)


def run_all(
    config: TrainingConfig, inputs: NDArray[Any], labels: NDArray[Any], classes: int, root: Path
) -> list[Path]:
    folders = []
    for spec in plan_shards(config, shape=inputs.shape, n_classes=classes):
        folders.append(root / str(spec.number))
        run_shard(spec, inputs, labels, classes, folders[-1])
    return folders


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


# --------------------------------------------------------------------------------------------- plan


def test_small_vectors_are_read_by_every_family() -> None:
    specs = plan_shards(TrainingConfig(), shape=(2000, 30), n_classes=4)
    families = [spec.family for spec in specs]
    assert families == ["network", "network", "neighbours", "logistic", "trees"]
    assert [spec.number for spec in specs] == [0, 1, 2, 3, 4]
    assert [spec.replicas for spec in specs[:2]] == [8, 8]


def test_large_vectors_are_left_to_networks_and_neighbours() -> None:
    specs = plan_shards(TrainingConfig(), shape=(50_000, 256), n_classes=10)
    assert [spec.family for spec in specs] == ["network", "neighbours"]


def test_images_without_an_encoder_train_a_cnn() -> None:
    (spec,) = plan_shards(TrainingConfig(), shape=(900, 3, 32, 32), n_classes=2)
    assert spec.network == "cnn"


def test_replicas_are_divided_into_shards_with_seeds_of_their_own() -> None:
    config = TrainingConfig(replicas=20, replicas_per_shard=8, families=("network",))
    specs = plan_shards(config, shape=(2000, 30), n_classes=4)
    assert [spec.replicas for spec in specs] == [8, 8, 4]
    assert len({spec.seed for spec in specs}) == 3


def test_a_plan_survives_the_way_through_json() -> None:
    for spec in plan_shards(TrainingConfig(), shape=(2000, 30), n_classes=4):
        assert ShardSpec(**json.loads(json.dumps(asdict(spec)))) == spec


@pytest.mark.parametrize("n", [1, 2, 15, 1000, 50_000, 3_000_000])
def test_every_size_gets_enough_steps_in_batches_that_fit(n: int) -> None:
    spec = plan_shards(TrainingConfig(), shape=(n, 256), n_classes=5000)[0]
    steps = spec.epochs * -(-n // spec.batch_size)
    assert steps >= (1000 if n <= 20_000 else 480)
    assert spec.epochs >= (20 if n <= 20_000 else 10)
    assert 2 <= spec.batch_size <= 1024
    assert spec.batch_size * spec.replicas * 5000 <= 2**25


def test_what_is_asked_for_is_taken() -> None:
    config = TrainingConfig(
        objective="sce", objective_options={"alpha": 2}, network="linear", epochs=7, batch_size=33
    )
    spec = plan_shards(config, shape=(100, 5), n_classes=3)[0]
    assert (spec.objective, spec.network, spec.epochs, spec.batch_size) == ("sce", "linear", 7, 33)
    assert spec.options == {"alpha": 2.0, "beta": 1.0, "log_zero": -4.0}


@pytest.mark.parametrize(
    ("fields", "shape", "words"),
    [
        ({"network": "cnn"}, (50, 8), "cnn reads images"),
        ({"network": "mlp"}, (50, 1, 28, 28), "mlp reads vectors"),
        ({"families": ("network", "trees")}, (50, 1, 28, 28), "the only family is network"),
    ],
)
def test_a_network_that_cannot_read_the_inputs_is_refused(
    fields: dict[str, Any], shape: tuple[int, ...], words: str
) -> None:
    with pytest.raises(BadInput, match=words):
        plan_shards(TrainingConfig(**fields), shape=shape, n_classes=2)


# ------------------------------------------------------------------------------------------- shards


def test_a_shard_writes_the_same_bytes_wherever_it_runs(tmp_path: Path, digits: Data) -> None:
    inputs, labels, _ = digits
    for spec in plan_shards(quick(), shape=inputs.shape, n_classes=10):
        run_shard(spec, inputs, labels, 10, tmp_path / "here")
        run_shard(ShardSpec(**asdict(spec)), inputs, labels, 10, tmp_path / "there")
        assert content(tmp_path / "here") == content(tmp_path / "there")


def test_a_finished_shard_is_kept_and_another_spec_replaces_it(
    tmp_path: Path, digits: Data
) -> None:
    inputs, labels, _ = digits
    spec, other = (
        plan_shards(quick(seed=seed), shape=inputs.shape, n_classes=10)[0] for seed in (0, 1)
    )
    run_shard(spec, inputs, labels, 10, tmp_path / "0")
    before = (tmp_path / "0").stat().st_ino
    run_shard(spec, inputs, labels, 10, tmp_path / "0")
    assert (tmp_path / "0").stat().st_ino == before
    run_shard(other, inputs, labels, 10, tmp_path / "0")
    assert is_complete(other, tmp_path / "0")
    assert not is_complete(spec, tmp_path / "0")


def test_a_stopped_shard_leaves_nothing_and_can_be_run_again(tmp_path: Path, digits: Data) -> None:
    inputs, labels, _ = digits

    def stop(share: float) -> None:
        raise InterruptedError

    for spec in plan_shards(quick(), shape=inputs.shape, n_classes=10):
        with pytest.raises(InterruptedError):
            run_shard(spec, inputs, labels, 10, tmp_path / "0", on_progress=stop)
        assert list(tmp_path.iterdir()) == []


def test_progress_rises_to_one(tmp_path: Path, digits: Data) -> None:
    inputs, labels, _ = digits
    for spec in plan_shards(quick(), shape=inputs.shape, n_classes=10):
        shares: list[float] = []
        run_shard(spec, inputs, labels, 10, tmp_path / str(spec.number), on_progress=shares.append)
        assert shares == sorted(shares)
        assert shares[-1] == 1.0


def test_a_shard_gives_the_threads_back(tmp_path: Path, digits: Data) -> None:
    inputs, labels, _ = digits
    threads = get_num_threads()
    run_all(quick(families=("network",)), inputs, labels, 10, tmp_path)
    assert get_num_threads() == threads


def test_labels_that_do_not_fit_the_inputs_are_refused(tmp_path: Path, digits: Data) -> None:
    inputs, labels, _ = digits
    spec = plan_shards(quick(), shape=inputs.shape, n_classes=10)[0]
    with pytest.raises(ValueError, match="1797 inputs but 1796 labels"):
        run_shard(spec, inputs, labels[:-1], 10, tmp_path / "0")


@pytest.mark.parametrize("n", [3, 17, 65])
def test_awkward_tables_go_all_the_way(tmp_path: Path, n: int) -> None:
    """Tiny, half precision, a constant and a broken column, a class of one, a class of none."""
    inputs = np.random.default_rng(1).normal(size=(n, 4)).astype(np.float16)
    inputs[:, 1] = 3.0
    inputs[0, 2] = np.nan
    labels = np.arange(n) % 2
    labels[-1] = 2
    folders = run_all(quick(), inputs, labels, 4, tmp_path)
    evidence = load_evidence(folders, labels, 4)
    assert np.isfinite(evidence.trajectories[0].margin).all()
    for probabilities in evidence.probabilities.values():
        np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-5)
        assert (probabilities > 0).all()


def test_thousands_of_classes_and_memory_mapped_inputs(tmp_path: Path) -> None:
    labels = np.arange(4000)
    np.save(tmp_path / "inputs.npy", np.random.default_rng(1).normal(size=(4000, 8)))
    inputs = np.load(tmp_path / "inputs.npy", mmap_mode="r")
    (folder,) = run_all(
        quick(families=("network",), epochs=1, batch_size=512), inputs, labels, 4000, tmp_path
    )
    assert Trajectory.load(folder).predicted.dtype == np.uint16


def test_images_train_end_to_end(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    labels = np.arange(120) % 2
    images = draw.integers(0, 100, (120, 1, 28, 28), dtype=np.uint8)
    images[labels == 1, :, 8:20, 8:20] += 120
    given = labels.copy()
    given[:6] = 1 - given[:6]
    (folder,) = run_all(quick(epochs=12, batch_size=16), images, given, 2, tmp_path)
    margin = Trajectory.load(folder).margin[4:].astype(np.float32).mean(axis=(0, 2))
    assert set(np.argsort(margin)[:6]) == set(range(6))


# ----------------------------------------------------------------------------------- what they find


def test_the_default_plan_finds_planted_errors_in_digits(tmp_path: Path, digits: Data) -> None:
    inputs, labels, wrong = digits
    config = TrainingConfig(replicas=4, epochs=20, hidden=64)
    evidence = load_evidence(run_all(config, inputs, labels, 10, tmp_path), labels, 10)
    assert set(evidence.probabilities) == {"neighbours", "logistic", "trees"}
    margin = evidence.trajectories[0].margin.astype(np.float64).mean(axis=(0, 2))
    assert average_precision_score(wrong, -margin) > 0.96
    for family, least in (("neighbours", 0.95), ("logistic", 0.85), ("trees", 0.97)):
        given = evidence.probabilities[family][np.arange(len(labels)), labels]
        assert average_precision_score(wrong, -given) > least, family


@pytest.mark.slow
def test_human_label_errors_are_found_better_than_by_chance_and_by_neighbours(
    tmp_path: Path,
) -> None:
    path = SHARED / "cifar10n" / "embeddings.npz"
    if not path.exists():
        pytest.skip(f"no shared data at {path}: set LABELAUDIT_SHARED_DATA to run this")
    with np.load(path) as file:
        rows = np.random.default_rng(0).permutation(50_000)[:4000]
        inputs, given, true = (
            file[name][rows] for name in ("embedding", "given_label", "true_label")
        )
    config = TrainingConfig(epochs=20, hidden=64, families=("network", "neighbours"))
    evidence = load_evidence(run_all(config, inputs, given, 10, tmp_path), given, 10)
    margin = evidence.trajectories[0].margin.astype(np.float64).mean(axis=(0, 2))
    found = average_precision_score(given != true, -margin)
    near = evidence.probabilities["neighbours"][np.arange(len(given)), given]
    assert found > average_precision_score(given != true, -near)
    assert found > 0.70  # base rate .17


# ----------------------------------------------------------------------------------------- families


def test_neighbours_are_the_nearest_others_weighted_by_rank() -> None:
    points = np.random.default_rng(2).normal(size=(40, 3))
    labels = np.random.default_rng(3).integers(0, 3, 40)
    found = families.neighbours(
        from_numpy(points).float(), labels, 3, seed=0, report=lambda _share: None
    ).probabilities
    weights = np.linspace(1.0, 0.2, families.NEIGHBOURS)
    for row in range(40):
        distance = np.linalg.norm(points - points[row], axis=1)
        distance[row] = np.inf
        nearest = labels[np.argsort(distance)[: families.NEIGHBOURS]]
        votes = np.array([weights[nearest == label].sum() for label in range(3)]) + 1.0
        np.testing.assert_allclose(found[row], votes / votes.sum(), rtol=1e-5)


def test_the_nearest_are_kept_in_order_without_the_sample_itself() -> None:
    points = from_numpy(np.arange(5, dtype=np.float32)[:, None] ** 2)  # 0, 1, 4, 9, 16
    graph = nearest_neighbours(points)
    labels = np.zeros(5, dtype=np.int64)
    family = families.neighbours(points, labels, 2, seed=0, report=lambda _share: None)
    np.testing.assert_array_equal(family.graph, graph)
    assert graph.shape == (5, NEIGHBOURS)
    assert graph[:, :4].tolist() == [
        [1, 2, 3, 4],
        [0, 2, 3, 4],
        [1, 0, 3, 4],
        [2, 4, 1, 0],
        [3, 2, 1, 0],
    ]
    assert (graph[:, 4:] == -1).all()


def test_the_own_label_never_votes() -> None:
    points = from_numpy(np.random.default_rng(2).normal(size=(60, 3))).float()
    labels = np.zeros(60, dtype=np.int64)
    labels[7] = 1
    for name, family in families.FAMILIES.items():
        found = family(points, labels, 2, seed=0, report=lambda _share: None).probabilities
        assert found[7, 1] < 0.2, name


def test_columns_keep_their_proportions_unless_their_units_differ() -> None:
    draw = np.random.default_rng(0).normal(size=(500, 9))
    alike = families.standardise(from_numpy(draw * np.linspace(1, 5, 9)).float())
    assert alike.square().mean().item() == pytest.approx(1.0, rel=1e-4)
    assert (alike.std(0)[8] / alike.std(0)[0]).item() == pytest.approx(5.0, rel=0.2)
    units = families.standardise(from_numpy(draw * np.array([1.0] * 8 + [1e5])).float())
    assert units.square().mean(0).tolist() == pytest.approx([1.0] * 9, rel=1e-4)


def test_missing_and_constant_values_become_the_mean() -> None:
    features: Tensor = tensor([[1.0, 5.0, 0.0], [3.0, 5.0, float("nan")], [2.0, 5.0, 4.0]])
    found = families.standardise(features)
    assert found[:, 1].tolist() == [0.0, 0.0, 0.0]
    assert found[1, 2].item() == 0.0
    assert families.standardise(tensor([[1.0], [1.0]])).tolist() == [[0.0], [0.0]]

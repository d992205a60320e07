"""Encoders fine-tuned: replicas together or one after the other, and what is shared and frozen."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from service.core.errors import BadInput
from service.options.encoders import check_fine_tunable, check_model_name
from service.options.objectives import OBJECTIVES
from service.options.training import TrainingConfig
from service.ranking.trajectory import Trajectory
from worker.encoders import cache_key
from worker.encoders.fine_tuned import PADDING, FineTunedBackbone, load_backbone
from worker.encoders.hub import located
from worker.training import fine_tuned
from worker.training.fine_tuned import FineTunedNetwork, saved_bytes
from worker.training.loop import holdout_masks, train
from worker.training.plan import plan_shards
from worker.training.shard import run_shard
from worker.training.spec import build_objective

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Small(FineTunedBackbone):
    """Something frozen, something trained and something that dropout would change."""

    def __init__(self) -> None:
        super().__init__()
        self.features = 6
        self.table = nn.Embedding(8, 4)
        self.table.requires_grad_(False)
        self.layers = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.5), nn.Tanh(), nn.Linear(6, 6))

    def forward(self, inputs: Tensor) -> Tensor:
        features: Tensor = self.layers(self.table(inputs).mean(1))
        return features


def small(replicas: int = 3) -> FineTunedNetwork:
    torch.manual_seed(0)
    return FineTunedNetwork(Small().eval(), 4, replicas, torch.Generator().manual_seed(1)).train()


def gradients(network: FineTunedNetwork, tokens: Tensor) -> list[Tensor]:
    network(tokens).square().mean().backward()
    return [p.grad.clone() for p in network.parameters() if p.grad is not None]


def test_one_replica_after_the_other_learns_just_what_all_together_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tokens = torch.arange(40).view(10, 4) % 8
    together = gradients(small(), tokens)
    monkeypatch.setattr(fine_tuned, "CPU_BUDGET", 0)
    network = small()
    in_turn = gradients(network, tokens)
    assert not network._fits(network.backbones[0], tokens)
    assert len(together) == len(in_turn) == 2 + 3 * 4
    for one, other in zip(together, in_turn, strict=True):
        torch.testing.assert_close(one, other)


def test_a_larger_batch_is_measured_again() -> None:
    network = small()
    network(torch.zeros((2, 4), dtype=torch.long))
    first = network._saved
    network(torch.zeros((20, 4), dtype=torch.long))
    assert network._saved > first > 0
    assert saved_bytes(Small(), torch.zeros((2, 4), dtype=torch.long)) > 0


def test_what_is_frozen_is_kept_once_and_the_rest_by_each_replica() -> None:
    network = small()
    tables = {id(backbone.table.weight) for backbone in network.backbones}
    weights = {id(backbone.layers[0].weight) for backbone in network.backbones}
    assert (len(tables), len(weights)) == (1, 3)
    (top, one), (backbones, less) = network.param_groups()
    assert (one, less) == (1.0, fine_tuned.BACKBONE_RATE)
    assert len(top) == 2
    assert len(backbones) == 3 * 4
    assert all(parameter.requires_grad for parameter in backbones)


def test_dropout_and_normalisation_stay_as_in_evaluation_while_training() -> None:
    network, tokens = small(), torch.arange(8).view(2, 4)
    assert network.training
    torch.testing.assert_close(network(tokens), network(tokens), rtol=0, atol=0)


def test_the_packaged_text_encoder_reads_stored_tokens_whatever_pads_them() -> None:
    backbone = load_backbone("all-minilm-l6-v2")
    tokens = torch.tensor([[101, 7592, 2045, 102], [101, 7592, 102, PADDING]])
    wide = torch.nn.functional.pad(tokens, (0, 9), value=PADDING)
    assert backbone.prepare(wide).shape == (2, 4)
    with torch.no_grad():
        torch.testing.assert_close(backbone(wide), backbone(tokens), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(
            backbone(tokens)[1:], backbone(tokens[1:, :3]), rtol=1e-4, atol=1e-5
        )
    frozen = sum(parameter.numel() for parameter in backbone.frozen())
    assert frozen > 0.5 * sum(parameter.numel() for parameter in backbone.parameters())


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_every_objective_trains_a_backbone(name: str) -> None:
    config = TrainingConfig(
        network="fine_tuned", objective=name, epochs=6, replicas=2, batch_size=8
    )
    (spec,) = plan_shards(config, shape=(24, 4), n_classes=4, encoder="small")
    tokens = torch.randint(8, (24, 4), generator=torch.Generator().manual_seed(0))
    targets = torch.arange(24) % 4
    network = small(2)
    before = network.backbones[1].layers[0].weight.detach().clone()
    objective = build_objective(spec, network, targets, 4, torch.Generator().manual_seed(0))
    train(
        network,
        tokens,
        targets,
        objective=objective,
        in_bag=torch.ones((24, 2), dtype=torch.uint8),
        hyperparameters=spec.hyperparameters(epochs=objective.stages[0]),
        device=torch.device("cpu"),
    )
    after = network.backbones[1].layers[0].weight.detach()
    assert torch.isfinite(after).all()
    assert not torch.equal(after, before)


@pytest.mark.parametrize("replicas", [1, 2, 4, 5, 8])
def test_every_sample_is_left_out_by_as_many_replicas(replicas: int) -> None:
    labels = np.arange(240) % 3
    left_out = holdout_masks(labels, replicas, 0)
    assert left_out.shape == (240, replicas)
    shares = left_out.mean(axis=0)
    assert ((shares >= 0.2) & (shares <= 0.26)).all()
    if replicas >= 4:
        assert set(left_out.sum(axis=1)) == {replicas // 4}
    for label in range(3):
        assert np.ptp(left_out[labels == label].sum(axis=0)) <= 2


def test_the_plan_of_fine_tuning_is_few_replicas_and_few_passes() -> None:
    config = TrainingConfig(network="fine_tuned")
    (spec,) = plan_shards(config, shape=(5000, 256), n_classes=3, encoder="all-minilm-l6-v2")
    assert (spec.network, spec.encoder) == ("fine_tuned", "all-minilm-l6-v2")
    assert (spec.replicas, spec.batch_size, spec.epochs) == (4, 32, 6)
    (spec,) = plan_shards(config, shape=(300, 256), n_classes=3, encoder="all-minilm-l6-v2")
    assert spec.epochs == 20


@pytest.mark.parametrize("families", [("network", "trees"), ("neighbours",)])
def test_families_that_read_vectors_are_refused_where_there_are_none(families) -> None:
    config = TrainingConfig(network="fine_tuned", families=families)
    with pytest.raises(BadInput, match="no vectors to read"):
        plan_shards(config, shape=(50, 256), n_classes=2, encoder="all-minilm-l6-v2")


def test_images_fine_tuned_find_planted_errors_and_stop_in_the_middle(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    truth = np.arange(48) % 2
    images = draw.integers(0, 60, (48, 3, 32, 32))
    images[truth == 0, 0, 6:26, 6:26] += 150
    images[truth == 1, 2, 6:26, 6:26] += 150
    given = truth.copy()
    given[:4] = 1 - given[:4]
    np.save(tmp_path / "pixels.npy", images.astype(np.uint8))
    pixels = np.load(tmp_path / "pixels.npy", mmap_mode="c")
    config = TrainingConfig(
        network="fine_tuned", objective="gce", epochs=6, batch_size=8, replicas=2
    )
    (spec,) = plan_shards(config, shape=pixels.shape, n_classes=2, encoder="efficientnet-lite0")
    told: list[float] = []

    def stop(share: float) -> None:
        told.append(share)
        if len(told) == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        run_shard(spec, pixels, given, 2, tmp_path / "t", on_progress=stop)
    assert told == [1 / 36, 2 / 36, 3 / 36]
    assert [path.name for path in tmp_path.iterdir()] == ["pixels.npy"]
    run_shard(spec, pixels, given, 2, tmp_path / "t")
    trajectory = Trajectory.load(tmp_path / "t")
    assert trajectory.margin.shape == (6, 48, 2)
    margin = trajectory.margin.astype(np.float32).mean(axis=(0, 2))
    assert set(np.argsort(margin)[:4]) == set(range(4))


def test_what_an_encoder_gives_and_what_it_reads_are_kept_apart() -> None:
    keys = {
        cache_key(
            "text",
            upload_sha256="a",
            encoder="all-minilm-l6-v2",
            fine_tuned=fine_tuned,
            positions=None,
        )
        for fine_tuned in (False, True)
    }
    assert len(keys) == 2


# ------------------------------------------------------------------------------------------- models


@pytest.mark.parametrize("kind", ["table", "vector", "probabilities"])
def test_kinds_without_an_encoder_that_learns_are_refused(kind: str) -> None:
    with pytest.raises(BadInput, match="images or texts"):
        check_fine_tunable(kind, "tabular")


def test_pixels_alone_leave_nothing_to_fine_tune() -> None:
    with pytest.raises(BadInput, match="`encoder` is null"):
        check_fine_tunable("image", None)
    check_fine_tunable("image", "efficientnet-lite0")


@pytest.mark.parametrize("name", ["resnet18.a1_in1k", "owner/model-v2", "hf-hub:owner/model"])
def test_names_of_models_pass(name: str) -> None:
    check_model_name(name)


@pytest.mark.parametrize(
    "name", ["/etc", "../x", "a/../../b", "~/x", "a/b/c", "", ".", "a\nb", "x/"]
)
def test_paths_are_no_names_of_models(name: str) -> None:
    with pytest.raises(BadInput, match="not the name of a model"):
        check_model_name(name)


def test_only_the_operators_models_directory_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models" / "mine").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    monkeypatch.chdir(tmp_path)
    models = tmp_path / "models"
    assert located("timm:mine", models) == f"timm:{models / 'mine'}"
    assert located("timm:resnet18", models) == "timm:resnet18"
    assert located("efficientnet-lite0", models) == "efficientnet-lite0"
    assert located(None, None) is None
    with pytest.raises(BadInput, match="not among this worker's models"):
        located("timm:secret", models)
    with pytest.raises(BadInput, match="not the name of a model"):
        located(f"timm:{tmp_path / 'secret'}", models)

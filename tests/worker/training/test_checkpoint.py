"""A training that is cut short goes on from its checkpoint and ends in the same bytes."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from service.options.training import TrainingConfig
from worker.training.checkpoint import FILE, Checkpoints
from worker.training.plan import plan_shards
from worker.training.shard import run_shard

pytestmark = pytest.mark.slow

EPOCHS = 12
# every way to keep something between epochs: targets by sample, estimated and learned matrices,
# random draws, two stages
OBJECTIVES = [
    ("cross_entropy", {}),
    ("elr", {}),
    ("forward", {}),
    ("soft_noise", {}),
    ("noise_layer", {}),
    ("noise_layer", {"form": "softmax"}),
    ("dropout_noise_layer", {}),
    ("warp", {"mode": "sampled"}),
    ("joint_optimization", {}),
    ("instance_transition", {}),
    ("nnaqc", {}),
    ("co_teaching", {}),
]


class Killed(BaseException):
    """Nothing in the code that is tested catches this, as nothing catches SIGKILL."""


def inputs(images: bool = False):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 90)
    if images:
        return rng.integers(0, 255, (90, 1, 8, 8), np.uint8), labels
    return rng.normal(labels[:, None], 2.0, (90, 6)).astype(np.float32), labels


def spec_of(objective, options, data):
    config = TrainingConfig(
        objective=objective,
        objective_options=options,
        families=("network",),
        replicas=2,
        epochs=EPOCHS,
        batch_size=16,
    )
    return plan_shards(config, shape=data.shape, n_classes=3)[0]


def digest(folder: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()


def run(spec, folder, data, labels, *, fence=0, die_at=None):
    def report(share):
        if die_at is not None and share >= die_at:
            raise Killed

    checkpoints = Checkpoints(folder, fence=fence, every_seconds=0)
    run_shard(spec, data, labels, 3, folder, on_progress=report, checkpoints=checkpoints)


@pytest.fixture(autouse=True)
def after_every_epoch(monkeypatch):
    monkeypatch.setattr("worker.training.checkpoint.SHARE", float("inf"))


@pytest.mark.parametrize(("objective", "options"), OBJECTIVES)
def test_killed_three_times_it_writes_the_same_bytes(tmp_path, objective, options):
    data, labels = inputs()
    spec = spec_of(objective, options, data)
    run_shard(spec, data, labels, 3, tmp_path / "calm")
    folder = tmp_path / "0"
    for fence, share in enumerate((0.2, 0.55, 0.9), start=1):
        with pytest.raises(Killed):
            run(spec, folder, data, labels, fence=fence, die_at=share)
        assert (tmp_path / f".0-{fence:010d}" / FILE).exists()
    run(spec, folder, data, labels, fence=4)
    assert digest(folder) == digest(tmp_path / "calm")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "calm"]


def test_a_network_with_batch_statistics_does_so_too(tmp_path):
    data, labels = inputs(images=True)
    spec = spec_of("elr", {}, data)
    run_shard(spec, data, labels, 3, tmp_path / "calm")
    with pytest.raises(Killed):
        run(spec, tmp_path / "0", data, labels, fence=1, die_at=0.6)
    run(spec, tmp_path / "0", data, labels, fence=2)
    assert digest(tmp_path / "0") == digest(tmp_path / "calm")


def test_no_epoch_behind_a_checkpoint_is_trained_again(tmp_path):
    data, labels = inputs()
    spec = spec_of("cross_entropy", {}, data)
    with pytest.raises(Killed):
        run(spec, tmp_path / "0", data, labels, fence=1, die_at=0.75)
    told = []
    checkpoints = Checkpoints(tmp_path / "0", fence=2, every_seconds=0)
    run_shard(
        spec, data, labels, 3, tmp_path / "0", on_progress=told.append, checkpoints=checkpoints
    )
    assert told[0] > 0.6


def test_a_torn_checkpoint_is_not_believed(tmp_path):
    data, labels = inputs()
    spec = spec_of("cross_entropy", {}, data)
    run_shard(spec, data, labels, 3, tmp_path / "calm")
    with pytest.raises(Killed):
        run(spec, tmp_path / "0", data, labels, fence=1, die_at=0.75)
    file = tmp_path / f".0-{1:010d}" / FILE
    file.write_bytes(file.read_bytes()[:-100])
    run(spec, tmp_path / "0", data, labels, fence=2)
    assert digest(tmp_path / "0") == digest(tmp_path / "calm")


def test_an_earlier_holder_that_goes_on_writes_where_nobody_reads(tmp_path):
    data, labels = inputs()
    spec = spec_of("cross_entropy", {}, data)
    run_shard(spec, data, labels, 3, tmp_path / "calm")
    second = []

    def overtaken(share):
        if share >= 0.5 and not second:
            second.append(share)
            run(spec, tmp_path / "0", data, labels, fence=2)

    first = Checkpoints(tmp_path / "0", fence=1, every_seconds=0)
    with pytest.raises(FileNotFoundError):  # its folder is gone
        run_shard(spec, data, labels, 3, tmp_path / "0", on_progress=overtaken, checkpoints=first)
    assert digest(tmp_path / "0") == digest(tmp_path / "calm")


def test_a_checkpoint_holds_tensors_and_plain_values_alone(tmp_path):
    data, labels = inputs()
    spec = spec_of("dropout_noise_layer", {}, data)
    with pytest.raises(Killed):
        run(spec, tmp_path / "0", data, labels, fence=1, die_at=0.5)
    torch.load(tmp_path / f".0-{1:010d}" / FILE, weights_only=True)


def test_a_full_disk_costs_a_checkpoint_and_not_the_last_one(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path / "00000", fence=1, every_seconds=0)
    checkpoints.work.mkdir()
    checkpoints.save_if_due(lambda: {"epoch": 1})
    with monkeypatch.context() as patch:
        # the system's own error: nothing can be written to /dev/full
        patch.setattr(torch, "save", lambda *_: Path("/dev/full").write_bytes(b"x"))
        patch.setattr(checkpoints, "_cost", 0.0)
        checkpoints.save_if_due(lambda: {"epoch": 2})
    assert [path.name for path in checkpoints.work.iterdir()] == ["checkpoint.pt"]
    later = Checkpoints(tmp_path / "00000", fence=2)
    assert later.restore() == {"epoch": 1}

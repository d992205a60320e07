"""What the shards of an audit leave: trajectories, and the probabilities of other families."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.audits import records as audits
from service.db.tables import Audit
from service.ranking.trajectory import Trajectory
from service.storage.local import Storage

SHARD_FILE = "shard.json"
PROBABILITIES_FILE = "probabilities.npy"


def shard_folders(storage: Storage, audit: Audit) -> list[Path]:
    assert audit.plan is not None
    count = len(audit.plan["shards"])
    return [storage.path(audits.shard_key(audit.id, shard)) for shard in range(count)]


def read_shards(folders: Iterable[Path]) -> tuple[list[Trajectory], dict[str, NDArray[Any]]]:
    """The networks' trajectories, and (N, C) out-of-sample probabilities by family."""
    trajectories: list[Trajectory] = []
    probabilities: dict[str, NDArray[Any]] = {}
    for folder in folders:
        if (folder / "trajectory.json").exists():
            trajectories.append(Trajectory.load(folder))
        else:
            family = json.loads((folder / SHARD_FILE).read_text())["spec"]["family"]
            probabilities[family] = np.load(folder / PROBABILITIES_FILE, mmap_mode="r")
    return trajectories, probabilities

"""What crosses from training to ranking: how every replica treated every sample, epoch by epoch.

A trajectory is a folder of plain `.npy` files that anyone can open with `numpy.load`. With E
epochs, N samples, K replicas and C classes:

    margin.npy            (E, N, K) float16       given logit minus largest other logit; low = bad
    p_given.npy           (E, N, K) float16       softmax probability of the given label; low = bad
    loss.npy              (E, N, K) float16       the objective's own loss; high = bad
    predicted.npy         (E, N, K) uint8/uint16  class with the largest logit
    p_predicted.npy       (E, N, K) float16       its softmax probability
    in_bag.npy            (N, K) uint8            times the replica's bootstrap drew the sample
    probs_in_bag.npy      (N, C) float32          mean softmax of late epochs, in-bag replicas
    probs_out_of_bag.npy  (N, C) float32          the same, of replicas that never trained on it
    trajectory.json                               schema version, E, N, K, C, objective, seed

Rows of the probability arrays sum to 1, or are NaN where no replica qualifies (a sample that was
in every bag). Values are recorded on the training pass, before the step that uses them, so an
epoch's entry shows the network as it met the sample.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SCHEMA_VERSION = 2  # the first had no p_predicted
EPOCH_ARRAYS = ("margin", "p_given", "loss", "predicted", "p_predicted")
SAMPLE_ARRAYS = ("in_bag", "probs_in_bag", "probs_out_of_bag")


@dataclass(frozen=True)
class Trajectory:
    """The record of one shard of replicas. The arrays may be memory-mapped files."""

    margin: NDArray[np.float16]  # (E, N, K) low = bad
    p_given: NDArray[np.float16]  # (E, N, K) low = bad
    loss: NDArray[np.float16]  # (E, N, K) high = bad
    predicted: NDArray[Any]  # (E, N, K)
    in_bag: NDArray[np.uint8]  # (N, K)
    probs_in_bag: NDArray[np.float32]  # (N, C)
    probs_out_of_bag: NDArray[np.float32]  # (N, C)
    p_predicted: NDArray[np.float16] | None = None  # (E, N, K) None where written before schema 2

    @property
    def epochs(self) -> int:
        return int(self.margin.shape[0])

    @property
    def replicas(self) -> int:
        return int(self.margin.shape[2])

    @classmethod
    def load(cls, folder: Path) -> "Trajectory":
        """Open a trajectory folder; arrays stay on disk and are read where they are touched.

        Raises
        ------
        FileNotFoundError, ValueError
            A file is missing, or the folder was written by a newer schema.
        """
        header = json.loads((folder / "trajectory.json").read_text())
        if header["schema_version"] > SCHEMA_VERSION:
            raise ValueError(
                f"trajectory schema {header['schema_version']} is newer than this code"
            )
        names = [*EPOCH_ARRAYS, *SAMPLE_ARRAYS]
        if header["schema_version"] < 2:
            names.remove("p_predicted")
        return cls(**{name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in names})

"""The ranking of a pack with known errors, as a file. Importing this needs no torch."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class RankedPack:
    """What a ranking says of N samples, all arrays in sample order, and the truth about them."""

    given: NDArray[np.int64]  # (N,) class indices
    truth: NDArray[np.int64]  # (N,) class indices, -1 = unknown
    order: NDArray[np.int64]  # (N,) sample indices, worst first
    p_wrong: NDArray[np.float64]  # (N,)
    p_wrong_low: NDArray[np.float64]  # (N,)
    p_wrong_high: NDArray[np.float64]  # (N,)
    tier: NDArray[np.int8]  # (N,) TierCode
    predicted: NDArray[np.int64]  # (N,) class indices
    suggested: NDArray[np.int64]  # (N,) class indices, -1 = none
    confidence: NDArray[np.float64]  # (N,) of the suggestion, 0 = none
    noise_rate: NDArray[np.float64]  # (3,) estimate, low, high

    def save(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part.npz")
        np.savez_compressed(part, **vars(self))
        part.replace(file)

    @classmethod
    def load(cls, file: Path) -> "RankedPack":
        with np.load(file, allow_pickle=False) as arrays:
            return cls(**{field.name: arrays[field.name] for field in fields(cls)})

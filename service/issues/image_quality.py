"""Pictures that are badly exposed, blurred, empty or unlike the others in form.

Names, and all thresholds but that of `blurry`, are CleanVision's (Apache-2.0). As there, an issue
of more than half of the pictures is how this dataset is, and nobody is sent to look at it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.issues.dataset_checks import Check

Floats = NDArray[np.float64]

DARK = 0.32  # 99 % of the pixels are darker
LIGHT = 0.05  # 95 % of the pixels are at most this far from white
BITS = 10  # of entropy, from which on a picture is full of information
LOW_INFORMATION = 0.3
BLURRY = 0.6  # 1 - exp(-sharpness): found on four sets of pictures, see docs/lab/issues.md
FLAT = 2.0  # grey values; with less contrast, nothing in the picture could be sharp
ODD_ASPECT_RATIO = 0.35
FENCE = 3.0  # interquartile ranges
ODD_SIZE = 0.5  # of the median's edge, or its inverse
PREVALENT = 0.5  # of the pictures

PHRASES = {
    "dark": "dark",
    "light": "overexposed",
    "blurry": "blurry",
    "low_information": "almost empty",
    "odd_aspect_ratio": "of an odd aspect ratio",
    "odd_size": "of an odd size",
    "grayscale": "grey",
}


@dataclass(frozen=True)
class Quality:
    """Issues of N pictures, by name.

    Attributes
    ----------
    scores : (N,) in [0, 1], low = bad
    found : (N,) bool
    prevalent : share of the pictures with an issue that so many have that none was flagged
    """

    scores: dict[str, Floats]
    found: dict[str, NDArray[np.bool_]]
    prevalent: dict[str, float]


def image_quality(measures: Mapping[str, NDArray[Any]]) -> Quality:
    """Look at pictures by their `service.pictures.measures`, (N,) each."""
    size = np.sqrt(measures["width"].astype(np.float64) * measures["height"])
    ratio = measures["width"] / measures["height"]
    sharp = 1 - np.exp(-measures["sharpness"].astype(np.float64))
    scores: dict[str, Floats] = {
        "dark": measures["brightest"].astype(np.float64),
        "light": 1 - measures["darkest"].astype(np.float64),
        "blurry": np.where(measures["contrast"] < FLAT, 1.0, sharp),
        "low_information": np.minimum(1.0, measures["entropy"] / BITS),
        "odd_aspect_ratio": np.minimum(ratio, 1 / ratio),
        "odd_size": _to_median(size),
        "grayscale": measures["coloured"].astype(np.float64),
    }
    found = {
        "dark": scores["dark"] < DARK,
        "light": scores["light"] < LIGHT,
        "blurry": scores["blurry"] < BLURRY,
        "low_information": scores["low_information"] < LOW_INFORMATION,
        "odd_aspect_ratio": scores["odd_aspect_ratio"] < ODD_ASPECT_RATIO,
        "odd_size": (scores["odd_size"] <= ODD_SIZE) & _beyond_fences(size),
        "grayscale": scores["grayscale"] == 0,
    }
    shares = {name: float(rows.mean()) for name, rows in found.items()}
    prevalent = {name: share for name, share in shares.items() if share > PREVALENT}
    for name in prevalent:
        found[name] = np.zeros(len(size), np.bool_)
    return Quality({name: score.clip(0, 1) for name, score in scores.items()}, found, prevalent)


def quality_check(quality: Quality) -> Check:
    """The issues of all pictures, in a sentence."""
    counts = {name: int(rows.sum()) for name, rows in quality.found.items() if rows.any()}
    told = [
        f"{count:,} {'is' if count == 1 else 'are'} {PHRASES[n]}" for n, count in counts.items()
    ]
    detail = (
        f"Of the pictures, {_joined(told)}." if told else "No picture stands out by its quality."
    )
    for name, share in quality.prevalent.items():
        detail += f" {share:.0%} are {PHRASES[name]}: that is how this dataset is."
    concerned = np.logical_or.reduce(list(quality.found.values()))
    return Check("image_quality", bool(told), int(concerned.sum()), detail)


def _to_median(size: Floats) -> Floats:
    """(N,) ratio of each size to the median one, or its inverse: 1 = the same."""
    ratio = size / max(float(np.median(size)), 1e-12)
    result: Floats = np.minimum(ratio, 1 / np.maximum(ratio, 1e-12))
    return result


def _beyond_fences(size: Floats) -> NDArray[np.bool_]:
    low, high = np.percentile(size, (25, 75))
    reach = FENCE * (high - low)
    result: NDArray[np.bool_] = (size < low - reach) | (size > high + reach)
    return result


def _joined(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)

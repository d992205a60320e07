"""The demo: scikit-learn's 1,797 handwritten digits, a known share of them mislabeled on purpose.

The mislabeled samples are the same in every run. Which ones they are is never uploaded, so that the
audit's hits can be counted honestly.
"""

import csv
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

NAME = "digits demo"
SHARE, SEED = 0.08, 8
SIDE = 32  # pixels; the originals have 8


class DemoUnavailable(Exception):
    """scikit-learn, which brings the digits, is not installed."""


@dataclass(frozen=True)
class Demo:
    """`wrong` holds the sample ids whose label was flipped."""

    path: Path
    sample_count: int
    wrong: frozenset[str]

    @property
    def share(self) -> float:
        return len(self.wrong) / self.sample_count

    def found(self, sample_ids: Sequence[str]) -> int:
        """How many of these samples really have a wrong label."""
        return sum(sample_id in self.wrong for sample_id in sample_ids)


def make_demo(folder: Path) -> Demo:
    """Write `digits.zip` (PNG images and a manifest) into the folder. Raises DemoUnavailable."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise DemoUnavailable(
            "The demo needs scikit-learn: pip install 'labelaudit[service,worker]'. "
            "Or name a file or folder of your own."
        ) from error
    digits = load_digits()
    truth = digits.target
    given = flip(truth, share=SHARE, generator=np.random.default_rng(SEED))
    sample_ids = [f"digit-{number:04d}" for number in range(len(truth))]
    path = folder / "digits.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for sample_id, pixels in zip(sample_ids, digits.images, strict=True):
            archive.writestr(f"images/{sample_id}.png", _png(pixels))
        archive.writestr("labels.csv", _manifest(sample_ids, given))
    wrong = frozenset(np.asarray(sample_ids)[given != truth].tolist())
    return Demo(path, len(truth), wrong)


def flip(labels: np.ndarray, *, share: float, generator: np.random.Generator) -> np.ndarray:
    """A copy of labels (N,) with `share` of them, drawn at random, moved to another class."""
    n_classes = int(labels.max()) + 1
    chosen = generator.choice(len(labels), round(share * len(labels)), replace=False)
    flipped = labels.copy()
    shift = generator.integers(1, n_classes, size=len(chosen))
    flipped[chosen] = (labels[chosen] + shift) % n_classes
    return flipped


def _png(pixels: np.ndarray) -> bytes:
    """An image of (8, 8) grey values in [0, 16], enlarged."""
    small = Image.fromarray(np.round(pixels * 255 / 16).astype(np.uint8))
    buffer = io.BytesIO()
    small.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


def _manifest(sample_ids: list[str], labels: np.ndarray) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["sample_id", "file", "label"])
    writer.writerows(
        (sample_id, f"images/{sample_id}.png", label)
        for sample_id, label in zip(sample_ids, labels.tolist(), strict=True)
    )
    return buffer.getvalue()

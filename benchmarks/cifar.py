"""CIFAR-10 as the noise literature uses it: inputs, true labels, human labels, injected noise.

Needs numpy and Pillow alone.
"""

import csv
import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CLASSES = ("airplane", "automobile", "bird", "cat", "deer",
           "dog", "frog", "horse", "ship", "truck")  # fmt: skip
# truck -> automobile, bird -> airplane, deer -> horse, cat <-> dog (Patrini et al., CVPR 2017)
CONFUSED = {9: 1, 2: 0, 4: 7, 3: 5, 5: 3}
HELD_OUT = 0.2
SEED_OFFSET = 4099  # noise is drawn apart from everything else a seed decides


@dataclass(frozen=True)
class Data:
    """N samples: inputs (N, D) or (N, 3, 32, 32) uint8, true and human labels (N,)."""

    inputs: NDArray[Any]
    truth: NDArray[np.int64]
    human: NDArray[np.int64]
    n_classes: int = len(CLASSES)


def read_embeddings(path: Path) -> Data:
    with np.load(path, allow_pickle=False) as arrays:
        return Data(
            arrays["embedding"],
            arrays["true_label"].astype(np.int64),
            arrays["given_label"].astype(np.int64),
        )


def read_images(archive: Path, truth: Path) -> Data:
    """Images of a zip in the order of the table `truth`: file, given_label, true_label."""
    with truth.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with zipfile.ZipFile(archive) as opened:
        raw = [opened.read(row["file"]) for row in rows]
    with ThreadPoolExecutor() as pool:
        images = np.stack(list(pool.map(_pixels, raw)))
    labels = {column: [_index(row[column]) for row in rows]
              for column in ("true_label", "given_label")}  # fmt: skip
    return Data(images, np.array(labels["true_label"]), np.array(labels["given_label"]))


def split(n: int, seed: int, limit: int | None) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Positions to train on and positions held out, both sorted."""
    order = np.random.default_rng([SEED_OFFSET, 1, seed]).permutation(n)
    held_out = round(HELD_OUT * n)
    training = order[held_out:][:limit]
    return np.sort(training), np.sort(order[:held_out])


def noisy_labels(
    data: Data, noise: str, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Labels (N,) under `symmetric:RATE`, `uniform:RATE`, `asymmetric:RATE` or `human`, and the
    matrix (C, C) of P(given | true) that they were drawn from; of human labels the one counted.

    `symmetric` never draws the true class, as in Patrini et al.; `uniform` may, as in Tanaka et
    al., whose "symmetric 50 %" therefore makes 45 % wrong.
    """
    matrix = np.eye(data.n_classes)
    kind, _, rate = noise.partition(":")
    if kind == "human":
        np.add.at(matrix, (data.truth, data.human), 1.0)
        return data.human, matrix / matrix.sum(1, keepdims=True)
    if kind == "uniform":
        matrix = (1.0 - float(rate)) * matrix + float(rate) / data.n_classes
    elif kind == "symmetric":
        matrix *= 1.0 - float(rate) * data.n_classes / (data.n_classes - 1)
        matrix += float(rate) / (data.n_classes - 1)
    else:
        for true, given in CONFUSED.items():
            matrix[true, true], matrix[true, given] = 1.0 - float(rate), float(rate)
    drawn = np.random.default_rng([SEED_OFFSET, 2, seed]).random((len(data.truth), 1))
    labels = (matrix.cumsum(1)[data.truth] < drawn).sum(1)
    return np.minimum(labels, data.n_classes - 1), matrix


def _pixels(raw: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(raw)) as image:
        return np.asarray(image.convert("RGB"), dtype=np.uint8).transpose(2, 0, 1)


def _index(label: str) -> int:
    return int(label) if label.isdigit() else CLASSES.index(label)

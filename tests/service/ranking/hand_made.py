"""Small evidence with known answers."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from service.ranking import Evidence, Trajectory


def trajectory(
    margin: NDArray, *, labels: NDArray, in_bag: NDArray, n_classes: int, predicted: NDArray
) -> Trajectory:
    """A trajectory whose p_given follows from its margins as between two classes."""
    n = len(labels)
    uniform = np.full((n, n_classes), 1 / n_classes, dtype=np.float32)
    p_given = 1 / (1 + np.exp(-margin.astype(np.float64)))
    return Trajectory(
        margin=margin.astype(np.float16),
        p_given=p_given.astype(np.float16),
        loss=(-np.log(p_given)).astype(np.float16),
        predicted=predicted.astype(np.uint8),
        in_bag=in_bag.astype(np.uint8),
        probs_in_bag=uniform,
        probs_out_of_bag=uniform,
    )


def clusters(
    n: int, n_classes: int, rate: float, *, seed: int = 0, strength: float = 3.0
) -> tuple[NDArray, NDArray, NDArray]:
    """(given, true labels, out-of-sample noisy probabilities) of blobs with uniform flips."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, n_classes, n)
    logits = generator.normal(size=(n, n_classes))
    logits[np.arange(n), truth] += strength
    clean = softmax(1.5 * logits, axis=1)
    flipped = generator.random(n) < rate
    given = np.where(flipped, (truth + generator.integers(1, n_classes, n)) % n_classes, truth)
    noise = np.full((n_classes, n_classes), rate / (n_classes - 1))
    np.fill_diagonal(noise, 1 - rate)
    return given, truth, clean @ noise


# Directional: cat is taken for dog far more often than dog for cat, and nothing is symmetric.
DIRECTIONAL = np.array([[0.7, 0.25, 0.05], [0.05, 0.9, 0.05], [0.02, 0.18, 0.8]])


def directional(
    n: int, *, seed: int = 0, strength: float = 4.0
) -> tuple[NDArray, NDArray, NDArray]:
    """(given, true labels, out-of-sample noisy probabilities) behind the matrix DIRECTIONAL."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 3, n)
    logits = generator.normal(size=(n, 3))
    logits[np.arange(n), truth] += strength
    clean = softmax(1.5 * logits, axis=1)
    given = (DIRECTIONAL.cumsum(axis=1)[truth] < generator.random((n, 1))).sum(axis=1)
    return given, truth, clean @ DIRECTIONAL


def full_evidence(n: int = 400, n_classes: int = 4, rate: float = 0.15, seed: int = 1) -> Evidence:
    """Evidence with two shards of replicas and two further families."""
    given, _, noisy = clusters(n, n_classes, rate, seed=seed)
    generator = np.random.default_rng(seed + 1)
    shards = []
    for _ in range(2):
        own = noisy[np.arange(n), given]
        rest = noisy.copy()
        rest[np.arange(n), given] = 0
        margin = np.log(own / rest.max(axis=1))[None, :, None] + generator.normal(size=(6, n, 5))
        predicted = np.where(margin > 0, given[None, :, None], rest.argmax(axis=1)[None, :, None])
        shard = trajectory(
            margin,
            labels=given,
            in_bag=generator.poisson(1, (n, 5)),
            n_classes=n_classes,
            predicted=predicted,
        )
        jitter = softmax(np.log(noisy) + 0.3 * generator.normal(size=noisy.shape), axis=1)
        shard = Trajectory(**{**vars(shard), "probs_out_of_bag": jitter.astype(np.float32)})
        shards.append(shard)
    families = {
        name: softmax(np.log(noisy) + 0.3 * generator.normal(size=noisy.shape), axis=1)
        for name in ("neighbours", "logistic")
    }
    return Evidence(given, n_classes, shards, families)

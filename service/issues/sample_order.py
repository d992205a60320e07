"""Whether samples that are alike stand together in the file, which random splits do not survive."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.issues.dataset_checks import Check

PAIRS = 20_000  # enough to tell a mean distance to half a percent
DRAWS = 99  # of random orders: an order below all of them has p = 0.01
BY_CHANCE = 1 / 3  # mean distance of two random places on a line of length 1
TOGETHER = 0.9 * BY_CHANCE  # closer is worth a word, however many samples prove it


def sample_order(
    labels: NDArray[np.integer], graph: NDArray[np.integer], *, seed: int = 0
) -> Check:
    """Mean distance in the file between nearest neighbours of one class, against random orders.

    cleanlab's Datalab compares all neighbours, so that any file sorted by class is found; here
    a place is counted within the given class, in [0, 1].

    Parameters
    ----------
    labels : (N,) given classes, in the order of the file
    graph : (N, k) rows of each sample's nearest others, nearest first; -1 where there are fewer
    seed : draws the pairs and the random orders
    """
    generator = np.random.default_rng(seed)
    first, second = _pairs(labels, graph, generator)
    if not len(first):
        return Check("non_iid", False, 0, "No sample has a near neighbour in its own class.")
    places = _places(labels)
    apart = np.abs(places[first] - places[second]).mean()
    by_chance = [_random_order(len(labels), first, second, generator) for _ in range(DRAWS)]
    found = bool(apart < min(TOGETHER, *by_chance))
    detail = (
        f"Nearest neighbours within a class are {apart:.0%} of the class apart in the file; "
        f"by chance it would be {BY_CHANCE:.0%}."
    )
    if found:
        detail += " Split such data by source or time, not at random."
    return Check("non_iid", found, len(labels) if found else 0, detail)


def _pairs(
    labels: NDArray[np.integer], graph: NDArray[np.integer], generator: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[Any]]:
    """Samples and their nearest neighbours of the same class, each pair from one of its ends."""
    rows = generator.permutation(len(labels))[:PAIRS]
    near = graph[rows]
    same = (near >= 0) & (labels[near] == labels[rows][:, None])
    has = same.any(axis=1)
    return rows[has], near[has, same[has].argmax(axis=1)]


def _places(labels: NDArray[np.integer]) -> NDArray[np.float64]:
    """(N,) middle of each sample's stretch within its class, in (0, 1)."""
    order = np.argsort(labels, kind="stable")
    counts = np.bincount(labels)
    starts = np.cumsum(counts) - counts
    places = np.empty(len(labels))
    places[order] = (np.arange(len(labels)) - starts[labels[order]] + 0.5) / counts[labels[order]]
    return places


def _random_order(
    n: int, first: NDArray[np.intp], second: NDArray[Any], generator: np.random.Generator
) -> float:
    places = generator.random(n)
    return float(np.abs(places[first] - places[second]).mean())

"""Distances between samples: how far each lies from the others, and which are nearly the same.

Both are linear in samples and read the audit's nearest-neighbour graph, whose edges lead to a part
of the samples. Near duplicates lie next to each other along any direction, so further candidates
are neighbours in the order along a few random ones. All distances are exact.

Outliers of wide vectors are told by the angle to their neighbours, as in cleanlab: the length of an
embedding says how much there is to see, not what. Columns of narrow ones have units of their own.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

NEIGHBOURS = 10
DIMENSIONS = 64  # of the projection of vectors too wide to search
DIRECTIONS, WINDOW = 16, 4
DUPLICATE = 0.13  # of the median distance to the nearest other sample, as in cleanlab's Datalab
WIDE = 64  # columns from which on a vector is taken for an embedding
OUTLIER = 0.37  # as in cleanlab's Datalab: ten nearest are 2.7 times as far as the median's
BLOCK_VALUES = 8_000_000


@dataclass(frozen=True)
class Geometry:
    """N samples.

    Attributes
    ----------
    outlier_score : (N,) in [0, 1], low = bad: .37 ** (.37 r), where r is the sample's mean distance
        to its ten nearest over the median sample's; so it is .37 where r is 1 / .37. Of wide
        vectors, the distance is between directions, unless the plain one alone makes an outlier
    duplicate_score : (N,) in [0, 1], low = bad: distance to the nearest sample found over the
        median of such distances
    duplicate_set : (N,) int, number of the set of near duplicates, -1 = in none
    """

    outlier_score: Floats
    duplicate_score: Floats
    duplicate_set: Integers


def measure(vectors: NDArray[Any], graph: NDArray[np.integer], *, seed: int = 0) -> Geometry:
    """Distances between at least two samples.

    Parameters
    ----------
    vectors : (N, ...), which may be memory-mapped
    graph : (N, k) rows of each sample's nearest others, nearest first; -1 where there are fewer
    seed : draws the directions along which candidates for duplicates are neighbours
    """
    generator = np.random.default_rng(seed)
    flat = vectors.reshape(len(vectors), -1)
    to_neighbours, turn = _to_neighbours(flat, graph)  # (N, k), (N,)
    nearest, mean = to_neighbours.min(axis=1), to_neighbours.mean(axis=1)
    scale = float(np.median(nearest))
    reach = DUPLICATE * scale
    left, right, distance = _candidates(flat, reach, generator)
    closest = nearest.copy()
    np.minimum.at(closest, left, distance)
    np.minimum.at(closest, right, distance)
    near = distance <= reach
    rows, places = np.nonzero(to_neighbours <= reach)
    left, right = np.r_[left[near], rows], np.r_[right[near], graph[rows, places]]
    return Geometry(
        outlier_score=_outlier_score(mean, turn if flat.shape[1] >= WIDE else None),
        duplicate_score=np.minimum(1.0, closest / max(scale, 1e-12)),
        duplicate_set=_sets(left, right, len(flat)),
    )


def project(vectors: NDArray[Any], *, seed: int = 0) -> NDArray[np.float32]:
    """(N, 64) float32 of (N, ...) by a random projection, which keeps distances within some percent
    (Johnson & Lindenstrauss); the vectors themselves where they are no wider."""
    flat = vectors.reshape(len(vectors), -1)
    width = flat.shape[1]
    if width <= DIMENSIONS:
        return flat.astype(np.float32)
    generator = np.random.default_rng(seed)
    matrix = generator.normal(size=(width, DIMENSIONS)).astype(np.float32)
    matrix /= np.sqrt(DIMENSIONS)
    result = np.empty((len(flat), DIMENSIONS), np.float32)
    for rows in _blocks(len(flat), width):
        result[rows] = flat[rows].astype(np.float32) @ matrix
    return result


def _outlier_score(mean: Floats, turn: Floats | None) -> Floats:
    """(N,) of mean distances to the neighbours (N,), and between directions if those count."""
    far = _to_median(mean)
    if turn is None:
        return far
    turned = _to_median(turn)
    return np.where(far < OUTLIER, np.minimum(far, turned), turned)


def _to_median(mean: Floats) -> Floats:
    ratio = mean / max(float(np.median(mean)), 1e-12)
    result: Floats = OUTLIER ** (OUTLIER * ratio)
    return result


def _to_neighbours(flat: NDArray[Any], graph: NDArray[np.integer]) -> tuple[Floats, Floats]:
    """(N, k) exact distances to the k <= 10 nearest others of the graph, and (N,) their mean
    between vectors of length 1."""
    n, width = flat.shape
    k = min(NEIGHBOURS, int((graph[0] >= 0).sum()))
    distance, turn = np.empty((n, k)), np.empty(n)
    for rows in _blocks(n, k * width):
        others = flat[graph[rows, :k]].astype(np.float32)  # (b, k, D)
        own = flat[rows].astype(np.float32)[:, None, :]
        distance[rows] = np.sqrt(np.square(others - own).sum(axis=2))
        turn[rows] = np.sqrt(np.square(_unit(others) - _unit(own)).sum(axis=2)).mean(axis=1)
    return distance, turn


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """(..., D) of length 1; 0 stays 0."""
    length = np.sqrt(np.square(vectors).sum(axis=-1, keepdims=True))
    result: NDArray[np.float32] = vectors / np.maximum(length, 1e-12)
    return result


def _candidates(
    flat: NDArray[Any], reach: float, generator: np.random.Generator
) -> tuple[Integers, Integers, Floats]:
    """Pairs that are neighbours along some random direction and within reach along all, and their
    exact distances."""
    n, width = flat.shape
    directions = generator.normal(size=(width, DIRECTIONS)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    along = np.empty((n, DIRECTIONS), np.float32)
    for rows in _blocks(n, width):
        along[rows] = flat[rows].astype(np.float32) @ directions
    pairs = []
    for column in along.T:
        order = np.argsort(column, kind="stable")
        for step in range(1, min(WINDOW, n - 1) + 1):
            first, second = order[:-step], order[step:]
            near = np.flatnonzero(_reaches(along, first, second, reach))
            first, second = first[near], second[near]
            pairs.append(np.minimum(first, second) * n + np.maximum(first, second))
    left, right = np.divmod(np.unique(np.concatenate(pairs)), n)
    distance = np.empty(len(left))
    for rows in _blocks(len(left), width):
        gap = flat[left[rows]].astype(np.float32) - flat[right[rows]].astype(np.float32)
        distance[rows] = np.sqrt((gap**2).sum(axis=1))
    return left, right, distance


def _reaches(
    along: NDArray[np.float32], first: Integers, second: Integers, reach: float
) -> NDArray[np.bool_]:
    """Pairs that no direction holds apart; a distance is never below its projection."""
    result = np.empty(len(first), np.bool_)
    for rows in _blocks(len(first), DIRECTIONS):
        gap = np.abs(along[first[rows]] - along[second[rows]]).max(axis=1)
        result[rows] = gap <= reach * (1 + 1e-4) + 1e-6
    return result


def _sets(left: Integers, right: Integers, n: int) -> Integers:
    graph = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    sizes = np.bincount(component)
    numbers = np.full(len(sizes), -1)
    numbers[sizes > 1] = np.arange(int((sizes > 1).sum()))
    result: Integers = numbers[component].astype(np.intp)
    return result


def _blocks(n: int, width: int) -> list[slice]:
    step = max(1, BLOCK_VALUES // max(1, width))
    return [slice(start, min(n, start + step)) for start in range(0, n, step)]

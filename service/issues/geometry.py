"""Distances between samples: how far each lies from the others, and which are nearly the same.

Both are linear in samples. Distances to the crowd are taken to a random part of it, on a random
projection, which keeps them within some percent (Johnson & Lindenstrauss). Near duplicates lie next
to each other along any direction, so candidates are neighbours in the order along a few random
ones; their distance is then exact.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

DIMENSIONS, REFERENCES, NEIGHBOURS = 64, 12_000, 10
DIRECTIONS, WINDOW = 16, 4
DUPLICATE = 0.13  # of the median distance to the nearest other sample, as in cleanlab's Datalab
BLOCK_VALUES = 8_000_000


@dataclass(frozen=True)
class Geometry:
    """N samples.

    Attributes
    ----------
    outlier_score : (N,) in (0, 1], low = bad: the median sample's mean distance to its ten nearest
        of the crowd over the sample's own; 1 for every sample nearer than that
    duplicate_score : (N,) in [0, 1], low = bad: distance to the nearest sample found over the
        median of such distances
    duplicate_set : (N,) int, number of the set of near duplicates, -1 = in none
    """

    outlier_score: Floats
    duplicate_score: Floats
    duplicate_set: Integers


def measure(vectors: NDArray[Any], *, seed: int = 0) -> Geometry:
    """Distances of (N, D) vectors, which may be memory-mapped; at least two samples."""
    generator = np.random.default_rng(seed)
    flat = vectors.reshape(len(vectors), -1)
    projected = _projected(flat, generator)
    nearest, mean = _to_crowd(projected, generator)
    scale = float(np.median(nearest))
    left, right, distance = _candidates(flat, DUPLICATE * scale, generator)
    closest = nearest.copy()
    np.minimum.at(closest, left, distance)
    np.minimum.at(closest, right, distance)
    near = distance <= DUPLICATE * scale
    return Geometry(
        outlier_score=np.minimum(1.0, float(np.median(mean)) / np.maximum(mean, 1e-12)),
        duplicate_score=np.minimum(1.0, closest / max(scale, 1e-12)),
        duplicate_set=_sets(left[near], right[near], len(flat)),
    )


def _projected(flat: NDArray[Any], generator: np.random.Generator) -> NDArray[np.float32]:
    """(N, 64) float32; the vectors themselves where they are no wider."""
    width = flat.shape[1]
    if width <= DIMENSIONS:
        return flat.astype(np.float32)
    matrix = generator.normal(size=(width, DIMENSIONS)).astype(np.float32)
    matrix /= np.sqrt(DIMENSIONS)
    result = np.empty((len(flat), DIMENSIONS), np.float32)
    for rows in _blocks(len(flat), width):
        result[rows] = flat[rows].astype(np.float32) @ matrix
    return result


def _to_crowd(
    projected: NDArray[np.float32], generator: np.random.Generator
) -> tuple[Floats, Floats]:
    """(N,) distance to the nearest of the crowd and mean of the ten nearest, oneself left out."""
    n = len(projected)
    chosen = np.sort(generator.choice(n, min(n, REFERENCES), replace=False))
    crowd = projected[chosen]
    squares = (crowd**2).sum(axis=1)
    place = np.full(n, -1)
    place[chosen] = np.arange(len(chosen))
    kept = max(1, min(NEIGHBOURS, len(chosen) - 1))
    nearest, mean = np.empty(n), np.empty(n)
    for rows in _blocks(n, len(chosen)):
        own = projected[rows]
        squared = (own**2).sum(axis=1)[:, None] - 2 * own @ crowd.T + squares
        inside = np.flatnonzero(place[rows] >= 0)
        squared[inside, place[rows][inside]] = np.inf
        top = np.partition(squared, kept - 1, axis=1)[:, :kept]
        distance = np.sqrt(np.maximum(top, 0.0))
        nearest[rows], mean[rows] = distance.min(axis=1), distance.mean(axis=1)
    return nearest, mean


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

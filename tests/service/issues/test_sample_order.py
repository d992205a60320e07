"""An order that goes with the samples' content is found; one by class, or none, is not."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from service.issues.sample_order import sample_order

SAMPLES, CLASSES = 600, 3


def neighbours(vectors: NDArray[np.float64]) -> NDArray[np.int64]:
    search = NearestNeighbors(n_neighbors=10).fit(vectors)
    graph: NDArray[np.int64] = search.kneighbors(return_distance=False)
    return graph


def blobs(seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(CLASSES, size=SAMPLES)
    return generator.normal(size=(SAMPLES, 5)) + 4 * labels[:, None], labels


def test_a_random_order_is_seldom_found():
    found = [sample_order(labels, neighbours(vectors), seed=seed).found
             for seed in range(60) for vectors, labels in [blobs(seed)]]  # fmt: skip
    assert sum(found) <= 3


@pytest.mark.parametrize("seed", range(3))
def test_a_file_sorted_by_class_alone_is_not_found(seed: int):
    vectors, labels = blobs(seed)
    order = np.argsort(labels)
    assert not sample_order(labels[order], neighbours(vectors[order])).found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("sorted_by_class", [False, True])
def test_what_drifts_within_a_class_is_found(seed: int, sorted_by_class: bool):
    vectors, labels = blobs(seed)
    vectors[:, 0] += np.linspace(0, 6, SAMPLES)
    order = np.argsort(labels, kind="stable") if sorted_by_class else np.arange(SAMPLES)
    check = sample_order(labels[order], neighbours(vectors[order]))
    assert (check.name, check.found, check.count) == ("non_iid", True, SAMPLES)
    assert "by chance it would be 33%" in check.detail


def test_scenes_of_some_pictures_each_are_found():
    generator = np.random.default_rng(0)
    scenes = generator.normal(size=(SAMPLES // 10, 5)).repeat(10, axis=0)
    vectors = scenes + 0.1 * generator.normal(size=scenes.shape)
    assert sample_order(np.zeros(SAMPLES, int), neighbours(vectors)).found


def test_without_a_neighbour_in_the_own_class_nothing_is_said():
    check = sample_order(np.arange(4), np.array([[1, -1], [0, 2], [1, 3], [2, -1]]))
    assert not check.found
    assert "No sample" in check.detail

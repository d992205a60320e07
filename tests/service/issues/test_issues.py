"""Planted duplicates, outliers and ambiguous samples are found; nothing else is."""

import tracemalloc

import numpy as np
import pytest
from torch import from_numpy

from service.issues import (
    FLAGS,
    ambiguous_scores,
    find_issues,
    measure,
    project,
)
from worker.training.neighbours import nearest_neighbours

N = 2000
NO_PICTURES = dict.fromkeys(list(FLAGS)[4:])


def graph(vectors):
    return nearest_neighbours(from_numpy(project(vectors)))


@pytest.fixture
def vectors():
    generator = np.random.default_rng(0)
    centres = 6.0 * generator.normal(size=(5, 100))
    return (centres[np.arange(N) % 5] + generator.normal(size=(N, 100))).astype(np.float32)


def test_near_duplicates_are_found_with_their_sets(vectors):
    generator = np.random.default_rng(1)
    copies = vectors.copy()
    copies[100:200] = vectors[:100] + 0.01 * generator.normal(size=(100, 100))
    copies[200] = copies[0]
    sets = measure(copies, graph(copies)).duplicate_set
    assert (sets[100:200] == sets[:100]).all()
    assert sets[200] == sets[0] == sets[100]
    assert (sets[201:] == -1).all()
    assert len(np.unique(sets[:100])) == 100


def test_outliers_lie_far_from_everything(vectors):
    generator = np.random.default_rng(2)
    planted = vectors.copy()
    planted[:20] = 40.0 * generator.normal(size=(20, 100))
    score = measure(planted, graph(planted)).outlier_score
    assert score[:20].max() < 0.37 < score[20:].min()


def test_the_length_of_a_wide_vector_says_little_and_of_a_narrow_one_much(vectors):
    longer = vectors.copy()
    longer[0] = 1.5 * longer[0]
    wide = measure(longer, graph(longer)).outlier_score
    narrow = measure(longer[:, :60], graph(longer[:, :60])).outlier_score
    assert narrow[0] < np.quantile(narrow, 0.01)
    assert wide[0] > np.quantile(wide, 0.01)


def test_a_vector_that_is_merely_too_long_is_an_outlier_still(vectors):
    planted = vectors.copy()
    planted[0] = 40.0 * planted[0]
    assert measure(planted, graph(planted)).outlier_score[0] < 0.37


def test_no_two_different_samples_share_an_outlier_score(vectors):
    score = measure(vectors, graph(vectors)).outlier_score
    assert len(np.unique(score)) == N
    assert 0.0 <= score.min() <= score.max() <= 1.0


def test_two_plausible_labels_are_ambiguous_and_a_wrong_label_is_not():
    probabilities = np.array([[0.5, 0.48, 0.02], [0.98, 0.01, 0.01], [0.4, 0.1, 0.5], [np.nan] * 3])
    scores = ambiguous_scores({"trees": probabilities})
    assert scores == pytest.approx([0.04, 1 - 0.01 / 0.98, 0.2, 1.0])
    labels = np.array([0, 2, 0, 1])  # the second label is surely wrong
    flags = find_issues({"trees": probabilities}, labels, None, None).flags
    assert flags.tolist() == [1, 0, 1, 0]


def test_duplicates_with_different_labels_are_told_apart(vectors):
    copies = vectors.copy()
    copies[500:510] = vectors[:10]
    labels = np.arange(N) % 5
    labels[500:510] = labels[:10]
    labels[505] = (labels[505] + 1) % 5
    families = {"trees": np.tile([0.9, 0.025, 0.025, 0.025, 0.025], (N, 1))}
    found = find_issues(families, labels, copies, graph(copies))
    conflicting = np.flatnonzero(found.flags & FLAGS["conflicting_duplicate"])
    assert conflicting.tolist() == [5, 505]
    assert (
        found.counts()
        == {
            "ambiguous": 0,
            "near_duplicate": 20,
            "conflicting_duplicate": 2,
            "outlier": 0,
        }
        | NO_PICTURES
    )


def test_without_vectors_only_ambiguity_is_looked_for():
    found = find_issues({"pred_probs": np.full((4, 2), 0.5)}, np.zeros(4, int), None, None)
    assert (
        found.counts()
        == {
            "ambiguous": 4,
            "near_duplicate": None,
            "conflicting_duplicate": None,
            "outlier": None,
        }
        | NO_PICTURES
    )
    assert found.row(0) == {"issues": 1, "ambiguous_score": 0.0}


def test_a_handful_of_samples_and_samples_that_are_all_alike_are_no_error():
    two, same = np.array([[0.0, 1.0], [5.0, 2.0]]), np.ones((5, 3), np.float32)
    assert measure(two, graph(two)).duplicate_set.tolist() == [-1, -1]
    alike = measure(same, graph(same))
    assert len(set(alike.duplicate_set.tolist())) == 1


def test_wide_vectors_take_memory_by_their_width_and_not_its_square() -> None:
    vectors = np.random.default_rng(0).random((4, 50_000), dtype=np.float32)
    tracemalloc.start()
    try:
        measure(vectors, graph(vectors))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 50_000 * 2_000  # bytes; the square would be ten thousand million

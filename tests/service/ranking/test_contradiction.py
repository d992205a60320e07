"""The model that the labels contradict where two classes meet."""

import numpy as np
from scipy.special import expit

from service.ranking.contradiction import log_ratio, most_contradicted

N = 1000
SCORE = np.random.default_rng(0).normal(size=N)  # the truth is the sign
LINEAR = np.column_stack([expit(-2 * SCORE), expit(2 * SCORE)])


def flipped_near_the_boundary() -> np.ndarray:
    truth = SCORE > 0
    near = np.abs(SCORE) < np.quantile(np.abs(SCORE), 0.15)
    return (truth ^ near).astype(np.int64)


def test_labels_from_the_wrong_side_of_a_boundary_name_its_model():
    labels = flipped_near_the_boundary()
    learned = 0.9 * np.eye(2)[labels] + 0.05  # as flexible models learn the flips
    found = most_contradicted({"trees": learned, "logistic": LINEAR}, labels)
    assert found is not None
    assert found.share == 1.0
    np.testing.assert_allclose(found.ratio, log_ratio(LINEAR, labels))
    wrong = labels != (SCORE > 0)
    assert found.ratio[wrong].min() > found.ratio[~wrong].max()


def test_labels_that_were_drawn_by_the_model_contradict_nobody():
    labels = (np.random.default_rng(1).random(N) < LINEAR[:, 1]).astype(np.int64)
    assert most_contradicted({"logistic": LINEAR}, labels) is None


def test_random_flips_contradict_nobody():
    labels = ((SCORE > 0) ^ (np.random.default_rng(1).random(N) < 0.2)).astype(np.int64)
    assert most_contradicted({"logistic": LINEAR}, labels) is None


def test_samples_that_a_model_does_not_know_are_left_out():
    labels = flipped_near_the_boundary()
    near = labels != (SCORE > 0)
    some = np.where(near[:, None], np.nan, LINEAR)
    assert most_contradicted({"logistic": some}, labels) is None
    assert (log_ratio(some, labels)[near] == 0).all()


def test_one_class_and_few_samples_contradict_nobody():
    one = np.ones((5, 1))
    assert most_contradicted({"a": one}, np.zeros(5, dtype=np.int64)) is None
    assert (log_ratio(one, np.zeros(5, dtype=np.int64)) == 0).all()


def test_the_ratio_keeps_its_order_at_any_temperature():
    labels = np.zeros(N, dtype=np.int64)
    probabilities = np.random.default_rng(2).dirichlet(np.ones(4), N)
    cold = probabilities**2 / (probabilities**2).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(log_ratio(cold, labels), 2 * log_ratio(probabilities, labels))

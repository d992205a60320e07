import numpy as np
import pytest

from service.ranking.noise import (
    anchor_noise_matrix,
    clean_posterior,
    confident_joint_noise_matrix,
    em_noise_matrix,
    true_class_posterior,
)
from tests.service.ranking.hand_made import DIRECTIONAL, clusters, directional

MATRIX = np.array([[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.05, 0.15, 0.8]])
CLEAN = np.array([0.7, 0.2, 0.1])


def test_posterior_inversion_meets_the_golden_numbers():
    noisy = CLEAN @ MATRIX
    clean = clean_posterior(np.tile(noisy, (3, 1)), MATRIX, iterations=3000)
    np.testing.assert_allclose(clean[0], CLEAN, atol=1e-6)
    labels = np.arange(3)
    wrong = 1 - true_class_posterior(clean, MATRIX, labels)[labels, labels]
    np.testing.assert_allclose(wrong, [0.104, 0.414634, 0.529412], atol=1e-5)
    assert (noisy * wrong).sum() == pytest.approx(0.24, abs=1e-6)
    assert (noisy * wrong).sum() == pytest.approx(1 - CLEAN @ np.diag(MATRIX), abs=1e-6)


def test_without_noise_the_inversion_changes_nothing():
    noisy = np.random.default_rng(0).dirichlet(np.ones(3), 5)
    np.testing.assert_allclose(clean_posterior(noisy, np.eye(3)), noisy)


@pytest.mark.parametrize("rate", [0.1, 0.3])
def test_estimates_of_the_matrix_find_uniform_noise(rate):
    given, _, noisy = clusters(6000, 3, rate)
    anchors = anchor_noise_matrix(lambda rows: noisy[rows], len(given), 3)
    joint = confident_joint_noise_matrix(lambda rows: noisy[rows], given, 3)
    for matrix in (anchors, joint):
        np.testing.assert_allclose(matrix.sum(axis=1), 1)
        np.testing.assert_allclose(np.diag(matrix), 1 - rate, atol=0.05)


def test_estimates_of_the_matrix_find_where_the_noise_goes():
    given, _, noisy = directional(9000)
    anchors = anchor_noise_matrix(lambda rows: noisy[rows], len(given), 3)
    joint = confident_joint_noise_matrix(lambda rows: noisy[rows], given, 3)
    for matrix in (anchors, joint):
        np.testing.assert_allclose(matrix, DIRECTIONAL, atol=0.05)


def test_em_finds_the_matrix_behind_clean_probabilities():
    generator = np.random.default_rng(3)
    truth = generator.integers(0, 3, 9000)
    given = np.array([generator.choice(3, p=MATRIX[k]) for k in truth])
    certain = np.full((9000, 3), 0.02)
    certain[np.arange(9000), truth] = 0.96
    np.testing.assert_allclose(em_noise_matrix(certain, given), MATRIX, atol=0.05)


def test_a_class_nobody_predicts_gets_a_valid_row():
    noisy = np.tile([0.6, 0.4, 0.0], (80, 1))
    matrix = anchor_noise_matrix(lambda rows: noisy[rows], 80, 3)
    assert np.isfinite(matrix).all()
    np.testing.assert_allclose(matrix.sum(axis=1), 1)

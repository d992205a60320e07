import numpy as np
import pytest

from service.ranking.matrix_shrinkage import shrink_noise_matrix
from service.ranking.noise import anchor_noise_matrix, tops

CLASSES = 6


def _estimate(clean, given):
    noisy = np.clip(clean, 1e-6, None)
    noisy /= noisy.sum(axis=1, keepdims=True)

    def pooled(rows):
        return noisy[rows]

    anchors = anchor_noise_matrix(pooled, len(given), clean.shape[1])
    return shrink_noise_matrix(anchors, *tops(pooled, len(given), clean.shape[1]), given)


def _flipped(matrix, n=6000, seed=0):
    """Well separated classes behind a noise matrix: (noisy probabilities, given labels)."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, len(matrix), n)
    clean = np.full((n, len(matrix)), 0.02 / (len(matrix) - 1))
    clean[np.arange(n), truth] = 0.98
    clean += generator.uniform(0, 0.01, clean.shape)
    clean /= clean.sum(axis=1, keepdims=True)
    noisy = clean @ matrix
    given = np.array([generator.choice(len(matrix), p=matrix[k]) for k in truth])
    return noisy, given


def test_noise_that_goes_to_one_other_class_keeps_its_direction():
    partner = np.roll(np.eye(CLASSES), 1, axis=1)
    matrix = 0.8 * np.eye(CLASSES) + 0.2 * partner
    result = _estimate(*_flipped(matrix))
    np.testing.assert_allclose(result, matrix, atol=0.04)


def test_noise_that_goes_everywhere_is_spread_evenly():
    matrix = np.full((CLASSES, CLASSES), 0.2 / (CLASSES - 1))
    np.fill_diagonal(matrix, 0.8)
    result = _estimate(*_flipped(matrix))
    off = result[~np.eye(CLASSES, dtype=bool)]
    assert off.max() < 1.3 * off.min()


def test_classes_of_plainly_different_noise_keep_their_rates():
    rates = np.array([0.05, 0.5, 0.1, 0.4, 0.05, 0.3])
    matrix = np.diag(1 - rates) + (rates / (CLASSES - 1))[:, None] * (1 - np.eye(CLASSES))
    result = _estimate(*_flipped(matrix))
    np.testing.assert_allclose(1 - np.diag(result), rates, atol=0.06)


def test_a_class_that_is_only_hard_gets_the_common_rate():
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 2, 4000)
    sure = np.where(truth == 0, 0.97, generator.uniform(0.5, 0.95, 4000))
    noisy = np.where((truth == 0)[:, None], np.c_[sure, 1 - sure], np.c_[1 - sure, sure])
    given = np.where(generator.random(4000) < noisy[:, 1], 1, 0)  # type: ignore[call-overload]
    result = _estimate(noisy, given)
    assert result[0, 0] == pytest.approx(result[1, 1])


@pytest.mark.parametrize("n_classes", [1, 2, 3])
def test_rows_are_distributions_even_where_nobody_is_predicted(n_classes):
    noisy = np.tile(np.eye(n_classes)[0] * 0.9 + 0.1 / n_classes, (80, 1))
    result = _estimate(noisy, np.zeros(80, dtype=int))
    np.testing.assert_allclose(result.sum(axis=1), 1)
    assert (result >= 0).all()

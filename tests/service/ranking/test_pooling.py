import numpy as np

from service.ranking.pooling import fit_pool
from tests.service.ranking.hand_made import clusters


def likelihood(probabilities, labels):
    return np.log(probabilities[np.arange(len(labels)), labels]).mean()


def test_an_overconfident_family_is_tempered():
    given, _, noisy = clusters(3000, 3, 0.2)
    sharp = noisy**3 / (noisy**3).sum(axis=1, keepdims=True)
    pool = fit_pool({"sharp": sharp}, given, seed=0)
    assert 0.25 < pool.weights["sharp"] < 0.45
    assert likelihood(pool(slice(None)), given) > likelihood(sharp, given) + 0.1


def test_a_family_that_knows_nothing_gets_no_weight():
    given, _, noisy = clusters(3000, 3, 0.1)
    guesses = np.random.default_rng(5).dirichlet(np.ones(3), 3000)
    pool = fit_pool({"good": noisy, "guesses": guesses}, given, seed=0)
    assert pool.weights["guesses"] < 0.1 < 0.8 < pool.weights["good"]


def test_a_family_that_is_wrong_is_never_believed_in_reverse():
    given, _, noisy = clusters(3000, 3, 0.1)
    contrary = (1 - noisy) / (1 - noisy).sum(axis=1, keepdims=True)
    pool = fit_pool({"good": noisy**0.5, "contrary": contrary}, given, seed=0)
    assert pool.weights["contrary"] == 0.0


def test_unknown_rows_count_as_uniform():
    given, _, noisy = clusters(500, 3, 0.1)
    noisy[7] = np.nan
    pooled = fit_pool({"one": noisy}, given, seed=0)(slice(None))
    assert np.isfinite(pooled).all()
    np.testing.assert_allclose(pooled[7], 1 / 3, atol=0.05)


def test_a_zero_from_one_family_is_no_veto():
    given, _, noisy = clusters(500, 3, 0.1)
    hard = np.eye(3)[noisy.argmax(axis=1)]
    assert fit_pool({"soft": noisy, "hard": hard}, given, seed=0)(slice(None)).min() > 0

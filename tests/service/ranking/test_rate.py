import numpy as np
import pytest
from scipy.special import expit

from service.ranking.rate import (
    Interval,
    RateClues,
    noise_rate_interval,
    shift_to_mean,
)


def test_interval_ends_never_cross_the_estimate():
    interval = Interval.ordered(0.2, 0.3, 0.1)
    assert (interval.low, interval.estimate, interval.high) == (0.2, 0.2, 0.2)


def test_noise_that_is_the_same_everywhere_gives_a_narrow_interval():
    interval = noise_rate_interval(RateClues(0.09, 0.11, 0.15, 0.1, 0.1), 3000)
    assert interval.low < 0.1 < interval.high
    assert interval.high - interval.low < 0.12


def test_disagreement_only_where_models_are_unsure_widens_the_interval():
    interval = noise_rate_interval(RateClues(0.01, 0.07, 0.18, 0.03, 0.01), 3000)
    assert interval.low < 0.01
    assert interval.high > 0.2


def test_disagreement_that_fades_with_sureness_may_be_ambiguity():
    fading = noise_rate_interval(RateClues(0.2, 0.25, 0.35, 0.25, 0.15), 100_000)
    steady = noise_rate_interval(RateClues(0.2, 0.25, 0.35, 0.15, 0.15), 100_000)
    assert fading.low == pytest.approx(0.05, abs=0.01)
    assert steady.low == pytest.approx(0.15, abs=0.01)


def test_noise_that_follows_difficulty_may_exceed_all_disagreement():
    interval = noise_rate_interval(RateClues(0.01, 0.05, 0.13, 0.02, 0.005), 100_000)
    assert interval.high == pytest.approx(1.6 * 0.13, abs=0.01)


def test_too_much_noise_is_bounded_by_nothing():
    assert noise_rate_interval(RateClues(0.5, 0.62, 0.67, 0.55, 0.33), 5000).high == 1.0


def test_fewer_samples_widen_the_interval():
    clues = RateClues(0.09, 0.11, 0.15, 0.1, 0.1)
    few, many = noise_rate_interval(clues, 100), noise_rate_interval(clues, 10_000)
    assert few.low < many.low
    assert few.high > many.high


@pytest.mark.parametrize("mean", [0.0, 0.01, 0.3, 0.99])
def test_shift_meets_the_mean_and_keeps_the_order(mean):
    logits = np.random.default_rng(0).normal(size=200)
    shifted = shift_to_mean(logits, mean)
    assert expit(shifted).mean() == pytest.approx(mean, abs=1e-5)
    np.testing.assert_array_equal(np.argsort(shifted), np.argsort(logits))

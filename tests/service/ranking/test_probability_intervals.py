import numpy as np
import pytest

from service.ranking.probability_intervals import capped, probability_intervals
from service.ranking.rate import Interval

CERTAIN = Interval(0.2, 0.15, 0.25)
UNCERTAIN = Interval(0.14, 0.0, 0.33)


@pytest.fixture(name="logits")
def some_logits() -> np.ndarray:
    return np.random.default_rng(0).normal(-4, 5, 2000)


@pytest.mark.parametrize("rate", [CERTAIN, UNCERTAIN, Interval(0.6, 0.3, 0.7)])
def test_the_mean_is_the_noise_rate_the_order_the_logits_and_the_interval_holds_p(logits, rate):
    p_wrong, low, high = probability_intervals(logits, np.full(2000, 0.5), rate, trusted=False)
    assert p_wrong.mean() == pytest.approx(rate.estimate, abs=1e-4)
    assert (np.diff(p_wrong[np.argsort(logits)]) >= 0).all()
    assert (low <= p_wrong).all()
    assert (p_wrong <= high).all()


def test_nothing_is_surer_than_such_samples_have_been(logits):
    none = np.zeros(2000)
    p_wrong, low, high = (
        ends.max() for ends in probability_intervals(logits + 5, none, CERTAIN, trusted=False)
    )
    assert p_wrong == pytest.approx(0.95, abs=1e-3)
    assert low == pytest.approx(0.85, abs=1e-3)
    assert high == pytest.approx(0.99, abs=1e-3)


def test_trusted_disagreement_may_be_surer(logits):
    p_wrong, low, _ = probability_intervals(logits + 5, np.zeros(2000), UNCERTAIN, trusted=True)
    assert p_wrong.max() == pytest.approx(0.97, abs=2e-3)
    assert low.max() <= 0.9


def test_an_uncertain_rate_leaves_an_interval_that_still_depends_on_the_sample(logits):
    p_wrong, low, high = probability_intervals(logits, np.zeros(2000), UNCERTAIN, trusted=False)
    worst, middle = np.argmax(logits), np.argsort(logits)[-300]
    assert p_wrong[worst] == pytest.approx(0.75, abs=0.01)
    assert low[worst] == pytest.approx(0.10, abs=0.01)
    assert low[middle] < low[worst] / 2
    assert high[middle] < high[worst]


def test_disagreeing_families_widen_the_interval(logits):
    _, low, high = probability_intervals(logits, np.zeros(2000), CERTAIN, trusted=False)
    _, lower, higher = probability_intervals(logits, np.full(2000, 2.0), CERTAIN, trusted=False)
    assert (lower <= low).all()
    assert (higher >= high).all()
    assert (higher - lower).mean() > (high - low).mean()


def test_the_cap_leaves_what_is_below_one_half_alone():
    np.testing.assert_allclose(capped(np.array([0.1, 0.5, 0.75, 1]), 0.9), [0.1, 0.5, 0.7, 0.9])
    np.testing.assert_allclose(capped(np.array([0.0, 0.5, 1.0]), 0.2), [0.0, 0.1, 0.2])


def test_no_samples_are_no_trouble():
    assert all(
        ends.shape == (0,)
        for ends in probability_intervals(np.zeros(0), np.zeros(0), CERTAIN, trusted=False)
    )

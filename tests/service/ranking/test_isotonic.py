"""Intervals from blind verdicts under the one assumption that the order is right on the whole."""

import numpy as np
import pytest
from scipy.special import expit

from service.ranking.isotonic import (
    Bins,
    _isotonic,
    binned_verdicts,
    isotonic_logits,
    share_wrong,
)
from service.review.controls import verdict_value


def bins(size: list[float], hits: list[float], n: list[float]) -> Bins:
    return Bins(np.arange(float(len(size))), *map(np.array, (size, hits, n)))


def test_without_a_tilt_it_is_isotonic_regression():
    hits, n = np.array([1.0, 3.0, 2.0, 9.0]), np.full(4, 10.0)
    blocks = _isotonic(hits, n, np.ones(4) / 4, 0.0)
    assert [(block.length, block.p) for block in blocks] == [(1, 0.1), (2, 0.25), (1, 0.9)]


@pytest.mark.parametrize("tilt", [-40.0, -3.0, 5.0, 60.0])
def test_a_tilted_block_is_where_its_likelihood_is_largest(tilt):
    block = _isotonic(np.array([7.0]), np.array([30.0]), np.ones(1), tilt)[0]
    grid = np.linspace(1e-4, 1 - 1e-4, 100_001)
    height = 7 * np.log(grid) + 23 * np.log(1 - grid) + tilt * grid
    assert block.p == pytest.approx(grid[height.argmax()], abs=1e-4)


def test_one_band_is_the_likelihood_interval_of_a_share():
    found = share_wrong(bins([1e9], [30.0], [100.0]))
    assert found.estimate == pytest.approx(0.3)
    # the ends at which twice the log-likelihood has fallen by 3.84 (without the part of a hit)
    assert found.low == pytest.approx(0.216, abs=0.004)
    assert found.high == pytest.approx(0.393, abs=0.004)


def test_twenty_verdicts_right_leave_a_doubt():
    found = share_wrong(bins([1e9], [0.0], [20.0]))
    assert (found.estimate, found.low) == (0.0, 0.0)
    assert 0.1 < found.high < 0.16  # three in twenty would be seen nearly always


def test_what_is_decided_leaves_no_doubt():
    found = share_wrong(bins([0.0], [3.0], [20.0]))
    assert (found.low, found.high) == (0.0, 0.0)
    half = share_wrong(bins([20.0], [4.0], [20.0]))
    whole = share_wrong(bins([1e9], [4.0], [20.0]))
    assert half.high - half.low > whole.high - whole.low  # twenty others, not the share of many


def test_bands_cut_the_list_between_the_drawn():
    p_wrong = np.linspace(0, 1, 100)
    drawn = np.arange(5, 100, 10)
    found = binned_verdicts(p_wrong, drawn, drawn > 50)
    assert found.n.tolist() == [5, 5]
    assert found.hits.tolist() == [0, 5]
    assert found.size.tolist() == [45, 45]


def test_intervals_hold_the_truth_and_the_order_narrows_them():
    generator = np.random.default_rng(7)
    held, widths = [], []
    for _ in range(200):
        wrong = generator.random(1500) < 0.2
        score = generator.normal(0, 1, 1500) + 3.0 * wrong
        p_wrong = expit(2.0 * (score - 2.5))  # not calibrated: mean .13, too flat
        turn = generator.exponential(size=1500) / [verdict_value(p) for p in p_wrong]
        drawn = np.argsort(turn)[:100]
        rest = np.setdiff1d(np.arange(1500), drawn)
        pool = np.concatenate([drawn, rest])
        found = share_wrong(binned_verdicts(p_wrong[pool], np.arange(100), wrong[drawn]))
        held.append(found.low <= wrong[rest].mean() <= found.high)
        widths.append(found.high - found.low)
    assert np.mean(held) >= 0.95
    assert np.median(widths) < 0.11  # a hundred drawn alike: .157


def test_a_useless_order_costs_nothing_but_width():
    generator = np.random.default_rng(8)
    held = []
    for _ in range(200):
        wrong = generator.random(1500) < 0.3
        p_wrong = generator.random(1500)
        drawn = generator.choice(1500, 100, replace=False)
        rest = np.setdiff1d(np.arange(1500), drawn)
        pool = np.concatenate([drawn, rest])
        found = share_wrong(binned_verdicts(p_wrong[pool], np.arange(100), wrong[drawn]))
        held.append(found.low <= wrong[rest].mean() <= found.high)
    assert np.mean(held) >= 0.93


def test_bent_log_odds_keep_their_order_and_come_near_the_verdicts():
    generator = np.random.default_rng(9)
    logits = np.sort(generator.normal(0, 2, 4000))
    truth = expit(np.minimum(logits, -0.8))  # none is surer than .3
    rows = generator.choice(4000, 200, replace=False)
    wrong = generator.random(200) < truth[rows]
    bent = isotonic_logits(logits, rows, wrong)
    assert (np.diff(bent) > 0).all()
    before, after = (np.abs(expit(values) - truth).mean() for values in (logits, bent))
    assert after < 0.85 * before  # the old log-odds count twice as much as the verdicts


def test_one_verdict_bends_little():
    logits = np.array([-3.0, -1.0, 0.0, 2.0])
    assert np.abs(isotonic_logits(logits, np.array([1]), np.array([True])) - logits).max() < 0.1

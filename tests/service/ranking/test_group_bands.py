"""The band around a rank is about a group of suspects, and about nothing else."""

import numpy as np
import pytest
from scipy.special import expit

from service.ranking.group_bands import GROUP, group_bands, model_ends
from service.ranking.rate import Interval

P_WRONG = expit(np.random.default_rng(0).normal(-3, 3, 1000))
ORDER = np.argsort(-P_WRONG)
CERTAIN = Interval(0.2, 0.18, 0.22)


def bands(p_wrong: np.ndarray, rate: Interval, *, models: int = 4) -> tuple[np.ndarray, np.ndarray]:
    return group_bands(p_wrong, model_ends(p_wrong, rate, models=models), np.argsort(-p_wrong))


def test_the_band_holds_p_wrong_and_stays_a_share():
    low, high = bands(P_WRONG, CERTAIN)
    assert (low >= 0).all()
    assert (low <= P_WRONG).all()
    assert (high >= P_WRONG).all()
    assert (high <= 1).all()


def test_a_head_that_is_surely_wrong_has_a_narrow_band():
    p_wrong = np.where(np.arange(1000) < 200, 0.99, 0.001)
    low, high = bands(p_wrong, CERTAIN)
    assert low[:100].min() > 0.8  # a tenth less by the rate, and the luck of 50
    assert high[:100].max() == 1.0


def test_neighbours_in_the_order_share_a_band():
    low, high = group_bands(P_WRONG, (P_WRONG, P_WRONG), ORDER)
    first = ORDER[: GROUP // 2]
    inside = (low[first] < P_WRONG[first]) & (P_WRONG[first] < high[first])
    assert len(np.unique(low[first][inside].round(12))) == 1
    mean = P_WRONG[ORDER[:GROUP]].mean()
    luck = 1.64 * np.sqrt(max(mean * (1 - mean), 0.01) / GROUP)
    assert low[first[inside][0]] == pytest.approx(mean - luck)


def test_an_uncertain_rate_and_a_single_model_widen_the_band():
    width = {
        name: np.subtract(*reversed(bands(P_WRONG, rate, models=models))).mean()
        for name, rate, models in (
            ("certain", CERTAIN, 4),
            ("uncertain", Interval(0.2, 0.0, 0.4), 4),
            ("alone", CERTAIN, 1),
        )
    }
    assert width["certain"] < width["alone"]
    assert width["certain"] < width["uncertain"]


def test_fewer_suspects_than_a_group_and_none_at_all():
    low, high = bands(P_WRONG[:10], CERTAIN)
    assert (low <= high).all()
    unknown = np.array([0.3])
    found = group_bands(unknown, (unknown, unknown), np.zeros(0, np.intp))
    assert [values.tolist() for values in found] == [[0.3], [0.3]]

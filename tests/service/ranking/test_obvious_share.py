from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from service.ranking.obvious_share import CLAIM, LARGEST_SHARE, obvious_share
from service.ranking.rate import RateClues
from service.ranking.tiers import TierCode, TierPromise, binomial_lower_bound, promises


def clues(error_fifth: float, error: float) -> RateClues:
    return RateClues(0.1, 0.1, error, (error + error_fifth) / 2, error_fifth)


def test_models_that_err_no_more_than_the_labels_may_call_the_most_obvious():
    assert obvious_share(clues(0.2, 0.21), 10) == LARGEST_SHARE


def test_the_share_falls_with_the_models_own_error_and_ends_at_none():
    shares = [obvious_share(clues(0.1, error), 10) for error in (0.15, 0.2, 0.25, 0.3, 0.4)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.3
    assert shares[-1] == 0


def test_disagreement_that_may_all_be_ambiguity_calls_nothing_obvious():
    assert obvious_share(clues(0.02, 0.2), 10) == 0
    assert obvious_share(clues(0.0, 0.0), 10) == 0


def test_models_near_guessing_call_nothing_obvious_however_much_noise_there_is():
    assert obvious_share(clues(0.2, 0.4), 2) == 0
    assert obvious_share(clues(0.2, 0.4), 10) > 0


def test_own_error_is_what_chance_agreement_leaves():
    # 20 % symmetric noise over 5 classes, models wrong on 30 %: they agree with the label by chance
    # on a quarter of the flips of the samples they miss
    error = 0.7 * 0.2 + 0.3 * (1 - 0.2 / 4)
    assert clues(0.2, error).own_error(5) == pytest.approx(0.3)


def fused_of(p_wrong: np.ndarray, p_wrong_low: np.ndarray) -> Any:
    return SimpleNamespace(p_wrong=p_wrong, p_wrong_low=p_wrong_low)


def test_the_promise_of_a_small_tier_allows_for_bad_luck():
    """Even where every sample is as likely wrong as the tier promises."""
    p_wrong = np.repeat([0.92, 0.1], [12, 88])
    fused = fused_of(p_wrong, p_wrong - 0.05)
    tiers = np.repeat([TierCode.obvious, TierCode.none], [12, 88])
    found = promises(fused, tiers, np.zeros(100, bool))
    assert found["obvious"].count == 12
    assert found["obvious"].expected_precision == pytest.approx(0.92)
    assert found["obvious"].lower_bound == binomial_lower_bound(12, 0.92) < CLAIM
    assert found["none"].lower_bound == pytest.approx(0.05)
    assert found["possible"] == TierPromise(0, None, None)


def test_a_large_tier_promises_its_claim_and_humans_their_own_bounds():
    fused = fused_of(np.full(800, 0.97), np.full(800, 0.8))
    tiers = np.full(800, TierCode.obvious)
    judged = np.arange(800) < 400
    found = promises(fused, tiers, np.zeros(800, bool))
    assert found["obvious"].lower_bound == pytest.approx(CLAIM)
    mixed = promises(fused, tiers, judged)
    assert mixed["obvious"].lower_bound == pytest.approx((CLAIM + 0.8) / 2)


def test_a_small_tier_may_be_unlucky_and_its_bound_says_so():
    generator = np.random.default_rng(0)
    for count, expected in ((12, 0.92), (26, 0.95), (500, 0.96)):
        shares = generator.binomial(count, expected, 20_000) / count
        assert (shares >= binomial_lower_bound(count, expected)).mean() > 0.945
        assert (
            shares > binomial_lower_bound(count, expected)
        ).mean() < 0.955  # the highest such share
    assert (
        binomial_lower_bound(500, 0.96)
        > 0.94
        > binomial_lower_bound(26, 0.95)
        > binomial_lower_bound(12, 0.92)
    )

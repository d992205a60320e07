import numpy as np
import pytest
from scipy.special import expit, logit

from service.ranking import (
    Evidence,
    Ranking,
    TierCode,
    Verdicts,
    rank_suspects,
    recalibrate,
)
from service.ranking.intervals import (
    Stratum,
    clopper_pearson_low,
    stratified,
    wilson,
)
from service.ranking.platt import fit_platt
from service.ranking.rate import Interval
from service.ranking.tiers import Basis
from tests.service.ranking.hand_made import clusters

NONE, POSSIBLE, OBVIOUS = range(3)


@pytest.fixture(name="case", scope="module")
def a_case() -> tuple[Evidence, Ranking, np.ndarray]:
    given, truth, noisy = clusters(3000, 4, 0.2, strength=3.0)
    evidence = Evidence(given, 4, [], {"pred_probs": noisy})
    return evidence, rank_suspects(evidence), given != truth


def drawn(tiers: np.ndarray, wrong: np.ndarray, sizes: dict[int, int], seed: int = 0) -> Verdicts:
    generator = np.random.default_rng(seed)
    rows = np.concatenate(
        [
            generator.choice(np.flatnonzero(tiers == tier), size, replace=False)
            for tier, size in sizes.items()
        ]
    )
    return Verdicts(rows, wrong[rows], np.ones(len(rows), bool))


@pytest.mark.parametrize(("hits", "n", "low"), [(36, 40, 0.786), (38, 40, 0.851), (29, 29, 0.902)])
def test_the_exact_lower_bound_has_its_published_values(hits, n, low):
    assert clopper_pearson_low(hits, n) == pytest.approx(low, abs=5e-4)


def test_counting_nothing_bounds_nothing():
    assert clopper_pearson_low(0, 0) == 0
    assert wilson(0, 0) == (0, 1)


def test_wilson_holds_the_share_and_narrows_with_verdicts():
    low, high = wilson(10, 20)
    assert low == pytest.approx(0.299, abs=1e-3)
    assert high == pytest.approx(0.701, abs=1e-3)
    assert wilson(100, 200)[0] > low


def test_strata_are_weighted_by_size_and_what_is_known_is_certain():
    sure = Stratum(100, 100, 90, Interval(0, 0, 0))
    unsure = Stratum(900, 0, 0, Interval(0.1, 0.0, 0.3))
    both = stratified([sure, unsure])
    assert both.estimate == pytest.approx(0.18)
    assert both.low == pytest.approx(0.09)
    assert both.high == pytest.approx(0.36)


def test_independent_strata_are_less_uncertain_together_than_their_sum():
    half = Stratum(500, 0, 0, Interval(0.2, 0.1, 0.3))
    whole = stratified([half, half])
    assert whole.high - whole.low == pytest.approx(0.2 / np.sqrt(2))


def test_without_verdicts_the_line_is_the_identity():
    line = fit_platt(np.zeros(0), np.zeros(0, bool), np.zeros(0))
    values = np.array([0.01, 0.3, 0.9])
    np.testing.assert_allclose(line(values)[0], values)


def test_many_verdicts_find_the_line_that_made_them():
    generator = np.random.default_rng(3)
    p_wrong = expit(generator.normal(0, 2, 20_000))
    wrong = generator.random(20_000) < expit(1.0 + 0.5 * logit(p_wrong))
    line = fit_platt(p_wrong, wrong, np.ones(20_000))
    assert line.intercept == pytest.approx(1.0, abs=0.1)
    assert line.slope == pytest.approx(0.5, abs=0.05)


def test_perverse_verdicts_never_turn_the_order_round():
    p_wrong = np.linspace(0.001, 0.999, 200)
    line = fit_platt(p_wrong, p_wrong < 0.5, np.ones(200))
    assert (np.diff(line(p_wrong)[0]) > 0).all()


def test_the_smallest_p_wrong_still_have_an_order():
    line = fit_platt(np.zeros(0), np.zeros(0, bool), np.zeros(0))
    assert (np.diff(line(np.array([1e-9, 1e-7, 1e-5, 1e-3]))[0]) > 0).all()


def test_verdicts_keep_the_order_and_bring_the_numbers_to_the_truth(case):
    evidence, before, wrong = case
    verdicts = drawn(before.tier, wrong, {OBVIOUS: 40, POSSIBLE: 40, NONE: 20})
    after = rank_suspects(evidence, verdicts=verdicts)
    np.testing.assert_array_equal(after.order, before.order)
    rate = after.summary.noise_rate
    assert rate.low <= wrong.mean() <= rate.high
    assert abs(rate.estimate - wrong.mean()) < 0.05
    assert after.summary.basis is Basis.VERIFIED
    assert before.summary.basis is Basis.ESTIMATED
    promise = after.summary.tiers["obvious"]
    assert promise.basis is Basis.VERIFIED
    assert wrong[after.tier == OBVIOUS].mean() >= promise.lower_bound


def test_a_reviewer_who_finds_nothing_wrong_empties_the_obvious_tier(case):
    evidence, before, wrong = case
    verdicts = drawn(before.tier, np.zeros_like(wrong), {OBVIOUS: 30, POSSIBLE: 30, NONE: 20})
    after = rank_suspects(evidence, verdicts=verdicts)
    assert before.summary.tiers["obvious"].count > 30
    assert after.summary.tiers["obvious"].count == 0
    assert after.summary.noise_rate.estimate < 0.05


def test_intervals_from_random_verdicts_hold_the_truth_nearly_always(case):
    _, before, wrong = case
    held = []
    for seed in range(60):
        verdicts = drawn(before.tier, wrong, {OBVIOUS: 30, POSSIBLE: 30, NONE: 20}, seed)
        found = recalibrate(
            before.p_wrong, before.tier, verdicts, rate=before.summary.noise_rate
        ).noise_rate
        held.append(found.low <= wrong.mean() <= found.high)
    assert np.mean(held) >= 0.93


def test_verdicts_from_the_queue_say_nothing_of_the_rest_of_a_tier(case):
    evidence, before, wrong = case
    head = before.order[:40]
    verdicts = Verdicts(head, wrong[head], np.zeros(40, bool))
    after = rank_suspects(evidence, verdicts=verdicts)
    assert after.summary.basis is Basis.ESTIMATED
    assert all(promise.basis is Basis.ESTIMATED for promise in after.summary.tiers.values())


def test_the_summary_counts_verdicts_by_tier(case):
    evidence, before, wrong = case
    verdicts = drawn(before.tier, wrong, {OBVIOUS: 10, NONE: 5})
    body = rank_suspects(evidence, verdicts=verdicts).summary.to_dict(["a", "b", "c", "d"])
    assert body["verdicts"]["n"] == 15
    assert body["verdicts"]["by_tier"]["none"]["n"] == 5
    assert body["verdicts"]["wrong"] == int(verdicts.wrong.sum())
    empty = before.summary.to_dict(["a", "b", "c", "d"])["verdicts"]
    assert (empty["n"], set(empty["by_tier"])) == (0, {code.name for code in TierCode})


@pytest.mark.parametrize("count", [1, 2, 5])
def test_very_few_verdicts_are_no_trouble(case, count):
    evidence, before, wrong = case
    rows = before.order[:count]
    after = rank_suspects(evidence, verdicts=Verdicts(rows, wrong[rows], np.zeros(count, bool)))
    assert np.isfinite(after.p_wrong).all()
    assert (after.p_wrong_low <= after.p_wrong).all()
    assert (after.p_wrong <= after.p_wrong_high).all()


def test_a_sample_with_two_verdicts_or_out_of_range_is_refused(case):
    _, before, _ = case
    twice = np.array([3, 3])
    with pytest.raises(ValueError, match="two verdicts"):
        Verdicts(twice, np.ones(2, bool), np.ones(2, bool))
    outside = Verdicts(np.array([9999]), np.ones(1, bool), np.ones(1, bool))
    with pytest.raises(ValueError, match="within"):
        recalibrate(before.p_wrong, before.tier, outside, rate=before.summary.noise_rate)

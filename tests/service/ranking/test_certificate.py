"""Certificates promise no more than holds, at any moment, and grow as fast as they should."""

from itertools import pairwise
from math import comb, exp, log

import numpy as np
import pytest

from service.ranking.certificate import (
    ERROR,
    KEPT_ERROR,
    LEVELS,
    RIGHT,
    UNKNOWN,
    WRONG,
    Judging,
    head_sizes,
    log_evidence,
    looks_if_right,
    most_below,
    passed_heads,
    priorities,
)
from service.ranking.looks import plan_looks

NEEDED = -log(ERROR * (1 - KEPT_ERROR))


def judging(right: np.ndarray, sizes: list[int], seed: int) -> Judging:
    order = np.random.default_rng(seed).permutation(len(right))
    return Judging(np.array(sizes), order, np.full(len(right), UNKNOWN, np.int8))


def judge(found: Judging, right: np.ndarray, level: float) -> bool:
    """Answer the next sample with the truth; False if none is left."""
    places = found.next_places(level)
    if not len(places):
        return False
    found.answers[places[0]] = RIGHT if right[places[0]] else WRONG
    return True


def test_the_evidence_is_a_ratio_of_likelihoods() -> None:
    shares = 0.8 + 0.2 * np.array([0.25, 0.5, 0.75, 0.95])
    mixture = (shares**9 * (1 - shares)).mean()
    # of 50 samples 39 are right: 10 drawn one after another without replacement, the last is wrong
    null = comb(40, 30) / comb(50, 39)  # one given order of answers
    assert float(log_evidence(9, 1, 50, 39, 0.8)) == pytest.approx(log(mixture / null))


def test_the_evidence_never_expects_to_grow_if_too_few_are_right() -> None:
    """At the largest number that is too few the expectation after the next verdict is the same."""
    size, level = 40, 0.9
    at_most = int(most_below(level, size))
    for right in range(20):
        for wrong in range(3):
            chance = (at_most - right) / (size - right - wrong)
            now, hit, miss = (
                exp(float(log_evidence(right + a, wrong + b, size, at_most, level)))
                for a, b in ((0, 0), (1, 0), (0, 1))
            )
            assert chance * hit + (1 - chance) * miss <= now * (1 + 1e-9) or now == 0


def test_a_head_whose_answers_are_all_known_needs_no_luck() -> None:
    assert log_evidence(37, 0, 40, 36, 0.9) == np.inf
    assert log_evidence(3, 5, 40, 36, 0.9) == -np.inf


@pytest.mark.parametrize(
    ("size", "level", "expected"), [(10, 0.9, 8), (11, 0.9, 9), (100, 0.8, 79), (7, 0.95, 6)]
)
def test_the_level_is_reached_by_the_next_number(size: int, level: float, expected: int) -> None:
    assert most_below(level, size) == expected
    assert (expected + 1) / size >= level > expected / size


def test_heads_rise_to_beyond_what_the_models_dispute() -> None:
    sizes = head_sizes(400, 1500)
    assert sizes[0] == 25
    assert 400 < sizes[-1] <= 500
    assert all(1 < later / earlier < 1.25 for earlier, later in pairwise(sizes))
    assert head_sizes(400, 30).tolist() == [25, 30]
    assert head_sizes(0, 5).tolist() == [5]
    assert head_sizes(3, 0).tolist() == [0]


def test_priorities_depend_on_seed_and_position_alone() -> None:
    first = priorities("au_1", np.arange(1000))
    assert (priorities("au_1", np.arange(1000)[::-1])[::-1] == first).all()
    assert not (priorities("au_2", np.arange(1000)) == first).any()
    assert abs(np.corrcoef(first.astype(float), np.arange(1000))[0, 1]) < 0.1


def test_heads_are_passed_from_small_to_large() -> None:
    high, low = np.array([NEEDED + 1.0]), np.array([0.0])
    pure = np.ones((1, 3), bool)

    def heads(*evidence: np.ndarray) -> np.ndarray:
        return np.stack(evidence, axis=-1)

    nothing = heads(low, low, low)
    assert passed_heads(heads(high, low, high), nothing, pure)[0] == [1]
    assert passed_heads(heads(high, high, high), nothing, pure)[0] == [3]


def test_what_is_passed_without_wrong_samples_makes_the_next_harder() -> None:
    just = np.full((1, 3), NEEDED)
    nothing, pure = np.full((1, 3), -1.0), np.ones((1, 3), bool)
    assert passed_heads(nothing, just, pure)[0] == [1]
    assert passed_heads(nothing, just - np.log(KEPT_ERROR), pure)[0] == [2]
    assert passed_heads(nothing, just - 2 * np.log(KEPT_ERROR), pure)[0] == [3]
    passed, promised = passed_heads(nothing, just + 9, np.array([[True, False, False]]))
    assert passed.tolist() == [3]
    assert promised.tolist() == [1]


@pytest.mark.parametrize("level", LEVELS)
def test_evidence_that_is_false_is_rare_whenever_one_stops(level: float) -> None:
    """2,000 random orders of a head that has one right sample too few, checked after each."""
    size, runs = 80, 2000
    at_most = int(most_below(level, size))
    answers = np.random.default_rng(3).permuted(
        np.tile(np.arange(size) < at_most, (runs, 1)), axis=1
    )
    right = answers.cumsum(axis=1)
    evidence = log_evidence(right, np.arange(1, size + 1) - right, size, at_most, level)
    ever = (evidence.max(axis=1) >= -log(ERROR)).mean()
    assert ever <= ERROR


@pytest.mark.parametrize("kind", ["just below", "falling", "wrong on top"])
def test_promises_hold_whenever_one_stops(kind: str) -> None:
    """Checked after each verdict, where the truth lies so that it hurts."""
    n, runs, level = 60, 25, 0.8
    place = np.arange(n)
    share = {
        "just below": np.full(n, level - 0.02),
        "falling": np.clip(1.3 * level - 0.6 * place / n, 0, 1),
        "wrong on top": np.where(place < 6, 0.3, level),
    }[kind]
    broken = 0
    for run in range(runs):
        right = np.random.default_rng([run, 7]).random(n) < share
        found = judging(right, [12, 27, 60], run)
        false = False
        for _ in range(30):
            if not judge(found, right, level):
                break
            size = found.promise(level).size
            kept = found.answers[:size] != WRONG
            false |= bool(right[:size][kept].sum() < level * kept.sum() - 1e-9)
        broken += false
    assert broken <= 5  # of 25 with a chance of .05 each: more in one of 800 such tests


def test_a_pure_list_is_promised_after_thirty_verdicts_a_doubling() -> None:
    right = np.ones(200, bool)
    found = judging(right, [25, 50, 100, 200], 0)
    promised = []
    for _ in range(80):
        judge(found, right, 0.9)
        promised.append(found.promise(0.9).size)
    assert all(later >= earlier for earlier, later in pairwise(promised))
    assert promised[29] >= 25
    assert promised[79] >= 100


def test_a_verdict_from_elsewhere_is_free_when_its_turn_comes() -> None:
    right = np.ones(50, bool)
    found = judging(right, [25, 50], 1)
    walk = [place for place in found.by_priority if place < 25]
    found.answers[walk[1]] = RIGHT
    assert found.next_places(0.9)[0] == walk[0]
    judge(found, right, 0.9)
    assert found.next_places(0.9)[0] == walk[2]


def test_looks_are_counted_as_people_would_give_them() -> None:
    right, sizes = np.ones(200, bool), np.array([25, 50, 100, 200])
    found = judging(right, sizes.tolist(), 3)
    planned = looks_if_right(sizes, found.by_priority, 0.9)
    for looks in range(1, int(planned[-1]) + 1):
        judge(found, right, 0.9)
        passed = (planned <= looks).sum()
        assert found.promise(0.9).size == (sizes[passed - 1] if passed else 0)


def test_a_head_too_small_for_the_evidence_is_judged_as_a_whole() -> None:
    assert looks_if_right(np.array([4]), np.arange(4), 0.9).tolist() == [4]


@pytest.mark.parametrize(("disputed", "suggestions"), [(0, 0), (300, 0), (40, 40)])
def test_no_plan_where_a_certificate_would_save_nothing(disputed: int, suggestions: int) -> None:
    assert plan_looks(disputed, suggestions) is None


def test_a_plan_names_the_largest_head_of_suggestions() -> None:
    plan = plan_looks(500, 420)
    assert plan is not None
    assert plan.samples == max(size for size in head_sizes(500, 500) if size <= 420)
    assert 40 < plan.looks < plan.samples / 2
    assert plan.level == 0.9


def test_an_empty_list_promises_nothing() -> None:
    found = Judging(head_sizes(0, 0), np.array([], np.intp), np.array([], np.int8))
    assert found.promise(0.9).size == 0
    assert len(found.next_places(0.9)) == 0

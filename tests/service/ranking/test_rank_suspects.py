import json

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from service.ranking import (
    Evidence,
    Ranking,
    TierCode,
    Verdicts,
    rank_suspects,
    reason,
    reasons,
)
from tests.service.ranking.hand_made import DIRECTIONAL, clusters, directional, full_evidence

NAMES = ["cat", "dog", "fox", "owl"]


@pytest.fixture(name="evidence", scope="module")
def some_evidence() -> Evidence:
    return full_evidence()


@pytest.fixture(name="ranking", scope="module")
def some_ranking(evidence) -> Ranking:
    return rank_suspects(evidence)


def permuted(evidence: Evidence, order: np.ndarray) -> Evidence:
    from service.ranking import Trajectory

    shards = []
    for shard in evidence.trajectories:
        by_epoch = {
            n: getattr(shard, n)[:, order] for n in ("margin", "p_given", "loss", "predicted")
        }
        by_sample = {
            n: getattr(shard, n)[order] for n in ("in_bag", "probs_in_bag", "probs_out_of_bag")
        }
        shards.append(Trajectory(**by_epoch, **by_sample))
    families = {name: values[order] for name, values in evidence.probabilities.items()}
    return Evidence(evidence.labels[order], evidence.n_classes, shards, families)


def test_the_same_evidence_gives_the_same_bits(evidence, ranking):
    again = rank_suspects(evidence, seed=99)
    np.testing.assert_array_equal(again.p_wrong, ranking.p_wrong)
    np.testing.assert_array_equal(again.order, ranking.order)


def test_the_order_of_the_samples_does_not_matter(evidence, ranking):
    order = np.random.default_rng(4).permutation(len(evidence))
    moved = rank_suspects(permuted(evidence, order))
    np.testing.assert_allclose(moved.p_wrong, ranking.p_wrong[order], atol=2e-3)
    assert (moved.tier != ranking.tier[order]).mean() < 0.01


def test_bounds_enclose_p_wrong_and_label_score_is_its_complement(ranking):
    assert (ranking.p_wrong_low <= ranking.p_wrong).all()
    assert (ranking.p_wrong <= ranking.p_wrong_high).all()
    assert (ranking.p_wrong_low >= 0).all()
    assert (ranking.p_wrong_high <= 1).all()
    np.testing.assert_array_equal(ranking.label_score, 1 - ranking.p_wrong)


def test_order_is_worst_first_and_holds_every_sample_once(ranking):
    assert sorted(ranking.order) == list(range(len(ranking)))
    assert (np.diff(ranking.p_wrong[ranking.order]) <= 0).all()


def test_top_classes_are_distributions_best_first(ranking):
    assert (np.diff(ranking.top_probabilities, axis=1) <= 1e-12).all()
    np.testing.assert_allclose(ranking.top_probabilities.sum(axis=1), 1, atol=1e-9)
    given_place = ranking.top_classes == ranking.given[:, None]
    np.testing.assert_allclose(ranking.top_probabilities[given_place], ranking.label_score)


def test_suggestions_are_for_suspects_alone_and_never_the_given_label(ranking):
    suggested = ranking.suggested_label >= 0
    assert suggested.any()
    assert (ranking.tier[suggested] > 0).all()
    assert (ranking.suggested_label[suggested] != ranking.given[suggested]).all()
    assert (ranking.suggested_label_confidence[~suggested] == 0).all()


def test_planted_flips_are_found_corrected_and_counted():
    given, truth, noisy = clusters(4000, 5, 0.2, strength=4.0)
    ranking = rank_suspects(Evidence(given, 5, [], {"pred_probs": noisy}))
    wrong = given != truth
    assert average_precision_score(wrong, ranking.p_wrong) > 0.93
    rate = ranking.summary.noise_rate
    assert rate.low <= wrong.mean() <= rate.high
    assert rate.high - rate.low < 0.15
    suggested = (ranking.suggested_label >= 0) & wrong
    assert (ranking.suggested_label[suggested] == truth[suggested]).mean() > 0.9
    obvious = ranking.tier == TierCode.obvious
    assert obvious.sum() > 100
    assert wrong[obvious].mean() >= ranking.summary.tiers["obvious"].lower_bound
    np.testing.assert_allclose(np.diag(ranking.summary.noise_matrix), 0.8, atol=0.06)


def test_noise_with_a_direction_is_told_in_that_direction():
    given, truth, noisy = directional(6000)
    ranking = rank_suspects(Evidence(given, 3, [], {"pred_probs": noisy}))
    np.testing.assert_allclose(ranking.summary.noise_matrix, DIRECTIONAL, atol=0.04)
    for row in ranking.summary.per_class:  # by given class
        wrong = truth[(given == row.class_index) & (truth != row.class_index)]
        share = len(wrong) / row.given_count
        assert row.given_count == (given == row.class_index).sum()
        assert row.noise_rate.estimate == pytest.approx(share, abs=0.04)
        assert row.wrong_count == pytest.approx(len(wrong), abs=0.04 * row.given_count)
    assert [row.most_confused_with for row in ranking.summary.per_class[:2]] == [1, 0]


def test_the_first_class_is_suggested_like_any_other():
    given, truth, noisy = directional(6000)
    ranking = rank_suspects(Evidence(given, 3, [], {"pred_probs": noisy}))
    for label in range(3):
        found = (ranking.suggested_label == label) & (given != truth)
        assert found.sum() >= 20
        assert (truth[found] == label).mean() > 0.9


def test_more_evidence_against_a_label_never_lowers_p_wrong(evidence):
    suspect = 11
    given = int(evidence.labels[suspect])
    other = (given + 1) % 4
    found = []
    for share in (0.05, 0.3, 0.6, 0.9):
        row = np.full(4, 0.05)
        row[given], row[other] = 0.9 - share + 0.05, share
        families = {name: p.copy() for name, p in evidence.probabilities.items()}
        for probabilities in families.values():
            probabilities[suspect] = row / row.sum()
        ranked = rank_suspects(Evidence(evidence.labels, 4, evidence.trajectories, families))
        found.append(ranked.p_wrong[suspect])
    assert found == sorted(found)
    assert found[-1] > found[0]


def test_clean_labels_that_are_easy_leave_nothing_obvious():
    given, _, noisy = clusters(2000, 4, 0.0, strength=6.0)
    ranking = rank_suspects(Evidence(given, 4, [], {"pred_probs": noisy}))
    assert ranking.summary.tiers["obvious"].count == 0
    assert ranking.summary.noise_rate.low < 0.005
    assert ranking.summary.noise_rate.estimate < 0.02


def test_looks_are_planned_where_nothing_is_obvious_and_nobody_judged():
    given, truth, noisy = clusters(3000, 3, 0.62, strength=5.0)
    evidence = Evidence(given, 3, [], {"pred_probs": noisy})
    plan = rank_suspects(evidence).summary.looks
    assert plan is not None
    assert 2 * plan.looks <= plan.samples <= (given != truth).sum()
    judged = np.arange(30)
    verdicts = Verdicts(judged, (given != truth)[judged], np.ones(30, dtype=bool))
    assert rank_suspects(evidence, verdicts=verdicts).summary.looks is None


def test_noise_above_one_half_is_said_and_withholds_obvious():
    given, _, noisy = clusters(3000, 3, 0.62, strength=5.0)
    ranking = rank_suspects(Evidence(given, 3, [], {"pred_probs": noisy}))
    assert ranking.summary.cannot_judge
    assert ranking.summary.tiers["obvious"].count == 0


def test_models_that_know_nothing_are_said_and_withhold_obvious():
    generator = np.random.default_rng(2)
    labels = generator.integers(0, 4, 800)
    guesses = generator.dirichlet(np.ones(4), 800)
    ranking = rank_suspects(Evidence(labels, 4, [], {"pred_probs": guesses}))
    assert any("no better than" in words for words in ranking.summary.cannot_judge)
    assert ranking.summary.tiers["obvious"].count == 0


def test_small_classes_are_named_and_never_obvious():
    given, _, noisy = clusters(2000, 4, 0.2, strength=5.0)
    rare = np.flatnonzero(given == 3)[20:]
    given[rare] = 0
    ranking = rank_suspects(Evidence(given, 4, [], {"pred_probs": noisy}))
    words = ranking.summary.to_dict(NAMES)["cannot_judge"]
    assert any("owl" in word and "cat" not in word for word in words)
    assert (ranking.tier[given == 3] < TierCode.obvious).all()


def test_unknown_samples_get_the_noise_rate_and_are_no_suspects():
    given, _, noisy = clusters(600, 3, 0.2)
    noisy[:5] = np.nan
    ranking = rank_suspects(Evidence(given, 3, [], {"pred_probs": noisy}))
    np.testing.assert_allclose(ranking.p_wrong[:5], ranking.summary.noise_rate.estimate)
    assert (ranking.p_wrong_low[:5] == 0).all()
    assert (ranking.p_wrong_high[:5] == 1).all()
    assert (ranking.tier[:5] == 0).all()


@pytest.mark.parametrize("n_classes", [1, 2, 3])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_tiny_datasets_are_ranked_without_a_fault(n, n_classes):
    generator = np.random.default_rng(n)
    labels = generator.integers(0, n_classes, n)
    probabilities = generator.dirichlet(np.ones(n_classes), n) if n_classes > 1 else np.ones((n, 1))
    ranking = rank_suspects(Evidence(labels, n_classes, [], {"pred_probs": probabilities}))
    assert np.isfinite(ranking.p_wrong).all()
    assert (ranking.p_wrong_low <= ranking.p_wrong_high).all()
    json.dumps(ranking.summary.to_dict(NAMES[:n_classes]), allow_nan=False)
    assert all(reasons(ranking, NAMES[:n_classes]))


def test_a_class_without_samples_is_no_trouble():
    given, _, noisy = clusters(500, 3, 0.1)
    wider = np.concatenate([noisy, np.zeros((500, 1))], axis=1)
    ranking = rank_suspects(Evidence(given, 4, [], {"pred_probs": wider}))
    row = ranking.summary.per_class[3]
    assert (row.given_count, row.wrong_count) == (0, 0.0)
    np.testing.assert_allclose(ranking.summary.noise_matrix.sum(axis=1), 1)


def test_all_labels_the_same_class_is_no_trouble():
    noisy = np.tile([0.97, 0.02, 0.01], (60, 1))
    ranking = rank_suspects(Evidence(np.zeros(60, dtype=np.int64), 3, [], {"pred_probs": noisy}))
    assert np.isfinite(ranking.p_wrong).all()
    assert ranking.summary.tiers["obvious"].count == 0


def test_pred_probs_alone_say_what_is_missing(evidence, ranking):
    alone = rank_suspects(
        Evidence(evidence.labels, 4, [], {"pred_probs": evidence.probabilities["logistic"]})
    )
    assert any("no trajectories" in words for words in alone.summary.missing)
    assert ranking.summary.missing == []


def test_summary_is_ready_for_json_with_class_names(ranking):
    body = json.loads(json.dumps(ranking.summary.to_dict(NAMES), allow_nan=False))
    assert [row["class"] for row in body["per_class"]] == NAMES
    assert sum(row["given_count"] for row in body["per_class"]) == len(ranking)
    assert sum(tier["count"] for tier in body["tiers"].values()) == len(ranking)
    assert body["noise_rate"]["low"] <= body["noise_rate"]["estimate"] <= body["noise_rate"]["high"]


def test_a_class_name_with_braces_is_only_a_name():
    given, _, noisy = clusters(2000, 4, 0.2, strength=5.0)
    given[np.flatnonzero(given == 3)[20:]] = 0
    ranking = rank_suspects(Evidence(given, 4, [], {"pred_probs": noisy}))
    words = ranking.summary.to_dict(["a", "b", "c", "{0}"])["cannot_judge"]
    assert any("{0}" in word for word in words)


def test_reasons_quote_the_samples_own_evidence(evidence, ranking):
    worst = int(ranking.order[0])
    sentence = reason(ranking, worst, NAMES)
    other = NAMES[int(ranking.signals["majority_class"][worst])]
    votes = round(float(ranking.signals["majority_share"][worst]) * 10)
    assert f"{votes} of 10 models say {other}" in sentence
    assert "nearest neighbours are" in sentence
    assert reasons(ranking, NAMES, [worst]) == [sentence]


def test_a_reason_without_trajectories_speaks_of_the_given_probabilities():
    given, _, noisy = clusters(500, 4, 0.2)
    ranking = rank_suspects(Evidence(given, 4, [], {"pred_probs": noisy}))
    worst = int(ranking.order[0])
    assert f"give {NAMES[given[worst]]} " in reason(ranking, worst, NAMES)

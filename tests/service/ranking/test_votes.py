"""Votes as evidence: they settle what models leave open, and count a given label once."""

import numpy as np
import pytest
from numpy.typing import NDArray

from service.ranking import Evidence, TierCode, rank_suspects, reason
from service.votes import Votes
from tests.service.ranking.hand_made import clusters

N, CLASSES = 600, 4


def evidence_of(*, votes: int, seed: int = 0) -> tuple[Evidence, NDArray]:
    """Weak models, and that many annotators at .8 beside the given label's own."""
    given, truth, noisy = clusters(N, CLASSES, 0.2, seed=seed, strength=1.0)
    generator = np.random.default_rng(seed + 10)
    wrong = (truth[:, None] + generator.integers(1, CLASSES, (N, votes))) % CLASSES
    said = np.where(generator.random((N, votes)) < 0.8, truth[:, None], wrong)
    table = np.concatenate([given[:, None], said], axis=1)
    everyone = Votes(
        np.repeat(np.arange(N), votes + 1),
        np.tile(np.arange(votes + 1), N),
        table.ravel(),
        N,
        CLASSES,
        [f"a{k}" for k in range(votes + 1)],
    )
    return Evidence(given, CLASSES, probabilities={"trees": noisy}, votes=everyone), given != truth


def average_precision(score: NDArray, wrong: NDArray) -> float:
    hits = wrong[np.argsort(-score, kind="stable")]
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())


def test_votes_find_errors_that_weak_models_cannot() -> None:
    evidence, wrong = evidence_of(votes=4)
    alone = rank_suspects(Evidence(evidence.labels, CLASSES, probabilities=evidence.probabilities))
    found = rank_suspects(evidence)
    assert average_precision(alone.p_wrong, wrong) < 0.6
    assert average_precision(found.p_wrong, wrong) > 0.9


def test_the_noise_rate_and_the_tiers_follow_the_votes() -> None:
    evidence, wrong = evidence_of(votes=4)
    ranking = rank_suspects(evidence)
    rate = ranking.summary.noise_rate
    assert rate.low <= wrong.mean() <= rate.high
    obvious = ranking.tier == TierCode.obvious
    assert obvious.sum() > 20
    assert wrong[obvious].mean() >= (ranking.summary.tiers["obvious"].lower_bound or 0)


def test_a_lone_vote_that_is_the_given_label_changes_nothing() -> None:
    evidence, _ = evidence_of(votes=0)
    alone = rank_suspects(Evidence(evidence.labels, CLASSES, probabilities=evidence.probabilities))
    found = rank_suspects(evidence)
    assert found.p_wrong == pytest.approx(alone.p_wrong)
    assert found.order.tolist() == alone.order.tolist()


def test_samples_without_votes_keep_what_the_models_say() -> None:
    evidence, _ = evidence_of(votes=3)
    assert evidence.votes is not None
    half = evidence.votes.sample < N // 2
    some = Votes(
        evidence.votes.sample[half],
        evidence.votes.annotator[half],
        evidence.votes.label[half],
        N,
        CLASSES,
        evidence.votes.annotators,
    )
    alone = rank_suspects(Evidence(evidence.labels, CLASSES, probabilities=evidence.probabilities))
    mixed = rank_suspects(
        Evidence(evidence.labels, CLASSES, probabilities=evidence.probabilities, votes=some)
    )
    rest = np.arange(N // 2, N)
    assert mixed.p_wrong[rest] == pytest.approx(alone.p_wrong[rest])
    assert np.isnan(mixed.signals["votes"][rest]).all()
    assert (mixed.signals["votes"][: N // 2] == 4).all()


def test_the_summary_names_the_annotators_and_how_far_they_agree() -> None:
    evidence, wrong = evidence_of(votes=4)
    found = rank_suspects(evidence).summary.to_dict([f"class {k}" for k in range(CLASSES)])
    votes = found["votes"]
    assert votes["samples"] == N
    assert votes["votes"] == 5 * N
    assert 0.3 < votes["krippendorff_alpha"]["value"] < 0.8
    by_name = {row["annotator"]: row for row in votes["annotators"]}
    assert by_name["a1"]["accuracy"] == pytest.approx(0.8, abs=0.06)
    assert by_name["a0"]["accuracy"] == pytest.approx(1 - wrong.mean(), abs=0.06)


def test_the_reason_tells_the_votes() -> None:
    evidence, _ = evidence_of(votes=4)
    ranking = rank_suspects(evidence)
    words = reason(ranking, int(ranking.order[0]), ["cat", "dog", "cow", "hen"])
    assert "of 5 annotators say" in words


def test_votes_on_other_samples_are_refused() -> None:
    evidence, _ = evidence_of(votes=1)
    few = Votes(np.array([0]), np.array([0]), np.array([0]), 1, CLASSES, ["a"])
    with pytest.raises(ValueError, match="votes are on 1 samples"):
        Evidence(evidence.labels, CLASSES, probabilities=evidence.probabilities, votes=few)

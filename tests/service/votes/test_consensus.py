"""Consensus and quality: against crowd-kit, and on crowds whose truth is known."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from service.votes import (
    ModelEvidence,
    Votes,
    dawid_skene,
    majority,
    quality,
)
from service.votes import consensus as consensus_module
from service.votes.correlation import correlation, independent_share

N, CLASSES = 400, 3


def crowd(accuracies: list[float], *, seed: int = 0, share: float = 1.0) -> tuple[Votes, NDArray]:
    """Votes of annotators with those accuracies, each on that share of the samples."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, CLASSES, N)
    sample, annotator, label = [], [], []
    for person, accuracy in enumerate(accuracies):
        rows = np.flatnonzero(generator.random(N) < share)
        wrong = (truth[rows] + generator.integers(1, CLASSES, len(rows))) % CLASSES
        said = np.where(generator.random(len(rows)) < accuracy, truth[rows], wrong)
        sample.append(rows)
        annotator.append(np.full(len(rows), person))
        label.append(said)
    names = [f"a{k}" for k in range(len(accuracies))]
    columns = [np.concatenate(column) for column in (sample, annotator, label)]
    votes = Votes(columns[0], columns[1], columns[2], N, CLASSES, names)
    return votes, truth


def test_without_pseudo_votes_it_is_the_estimate_of_crowd_kit() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pandas as pd
        from crowdkit.aggregation import DawidSkene

        votes, _ = crowd([0.9, 0.8, 0.7, 0.55, 0.6], share=0.8)
        table = pd.DataFrame(
            {"task": votes.sample, "worker": votes.annotator, "label": votes.label}
        )
        theirs = DawidSkene(n_iter=300, tol=1e-9).fit(table).probas_.sort_index()
    ours = dawid_skene(votes, own=0, crowd=0, tempered=False).probabilities[theirs.index]
    assert np.abs(ours - theirs[[0, 1, 2]].to_numpy()).max() < 2e-3


def test_it_finds_the_truth_better_than_the_majority_where_annotators_differ() -> None:
    votes, truth = crowd([0.95, 0.9, 0.4, 0.4, 0.4])
    by_majority, _ = majority(votes)
    found = dawid_skene(votes).label
    assert (found == truth).mean() > (by_majority == truth).mean() + 0.05


def test_annotators_come_back_with_their_accuracy_and_their_votes() -> None:
    wanted = [0.95, 0.8, 0.7, 0.6]
    votes, _ = crowd(wanted)
    table = {row.annotator: row for row in quality(votes, dawid_skene(votes))}
    for person, accuracy in enumerate(wanted):
        row = table[f"a{person}"]
        assert row.accuracy == pytest.approx(accuracy, abs=0.06)
        assert row.votes == row.checked == N
        assert row.agreement_low is not None
        assert row.agreement_high is not None
        assert row.agreement is not None
        assert row.agreement_low < row.agreement < row.agreement_high


def test_a_confusion_that_stands_out_is_named() -> None:
    votes, truth = crowd([0.9, 0.9, 0.9, 0.9])
    label = votes.label.copy()
    mine = (votes.annotator == 3) & (truth[votes.sample] == 1)
    label[mine] = 2
    changed = Votes(votes.sample, votes.annotator, label, N, CLASSES, votes.annotators)
    worst = {row.annotator: row.confused for row in quality(changed, dawid_skene(changed))}["a3"]
    assert worst is not None
    assert worst[:2] == (1, 2)
    assert worst[2] > 0.8


def test_few_votes_leave_an_annotator_near_the_crowd() -> None:
    votes, truth = crowd([0.8, 0.8, 0.8])
    three = np.flatnonzero(truth == 0)[:3]
    new = Votes(
        np.r_[votes.sample, three],
        np.r_[votes.annotator, 3, 3, 3],
        np.r_[votes.label, truth[three]],
        N,
        CLASSES,
        [*votes.annotators, "newcomer"],
    )
    found = dawid_skene(new)
    assert 0.75 < found.accuracy[3] < 0.95


def test_annotators_who_copy_each_other_count_for_less_than_independent_ones() -> None:
    votes, truth = crowd([0.7])
    copies = 8
    copied = Votes(
        np.tile(votes.sample, copies),
        np.repeat(np.arange(copies), len(votes)),
        np.tile(votes.label, copies),
        N,
        CLASSES,
        [f"a{k}" for k in range(copies)],
    )
    generator = np.random.default_rng(1)
    guess = np.where(generator.random(N) < 0.7, truth, generator.integers(0, CLASSES, N))
    models = np.full((N, CLASSES), 0.1)
    models[np.arange(N), guess] = 0.8
    alone = np.full(N, -1)
    independent, _ = crowd([0.7] * copies)
    assert dawid_skene(independent, models=ModelEvidence(models, alone)).power > 0.7
    assert dawid_skene(copied, models=ModelEvidence(models, alone)).power < 0.5


def test_a_prior_decides_where_votes_are_split_and_stands_where_there_are_none() -> None:
    votes = Votes(np.array([0, 0]), np.array([0, 1]), np.array([0, 1]), 2, 2, ["a", "b"])
    prior = np.array([[0.9, 0.1], [0.2, 0.8]])
    found = dawid_skene(votes, models=ModelEvidence(prior, np.array([-1, -1])), tempered=False)
    assert found.label.tolist() == [0, 1]
    assert found.probabilities[1] == pytest.approx([0.2, 0.8])


def test_counts_say_the_same_as_single_votes() -> None:
    single = Votes(np.array([0, 0, 0, 1]), np.zeros(4, int), np.array([1, 1, 0, 0]), 2, 2, ["all"])
    counted = Votes(
        np.array([0, 0, 1]),
        np.zeros(3, int),
        np.array([1, 0, 0]),
        2,
        2,
        ["all"],
        np.array([2, 1, 1]),
    )
    assert dawid_skene(counted).probabilities == pytest.approx(
        dawid_skene(single).probabilities, abs=1e-9
    )


def test_very_many_annotators_and_classes_get_one_rate_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    votes, truth = crowd([0.95, 0.9, 0.5, 0.5])
    monkeypatch.setattr(consensus_module, "LARGEST_TABLE", 10)
    found = dawid_skene(votes)
    assert found.confusion is None
    assert found.accuracy == pytest.approx([0.95, 0.9, 0.5, 0.5], abs=0.07)
    assert (found.label == truth).mean() > 0.9


def test_votes_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match=r"label must lie within 0\.\.1"):
        Votes(np.array([0]), np.array([0]), np.array([2]), 1, 2, ["a"])
    with pytest.raises(ValueError, match="one length"):
        Votes(np.array([0, 1]), np.array([0]), np.array([1]), 2, 2, ["a"])


def copying(share: float) -> tuple[Votes, NDArray, NDArray]:
    """Four votes a sample, each with that chance a repetition of the first; the truth; what models
    without votes say of it."""
    generator = np.random.default_rng(5)
    truth = generator.integers(0, CLASSES, N)
    chances = np.full((N, CLASSES), 0.1)
    leading = np.where(generator.random(N) < 0.8, truth, (truth + 1) % CLASSES)
    chances[np.arange(N), leading] = 0.8
    slips = (truth[:, None] + generator.integers(1, CLASSES, (N, 4))) % CLASSES
    said = np.where(generator.random((N, 4)) < 0.7, truth[:, None], slips)
    said = np.where(generator.random((N, 4)) < share, said[:, :1], said)
    table = Votes(
        np.repeat(np.arange(N), 4), np.tile(np.arange(4), N), said.ravel(), N, CLASSES, [*"abcd"]
    )
    return table, truth, chances


def test_votes_that_repeat_each_other_are_noticed() -> None:
    start = np.full((CLASSES, CLASSES), 0.2) + 0.4 * np.eye(CLASSES)
    independent, _, chances = copying(0.0)
    repeated, _, _ = copying(0.7)
    assert correlation(independent, chances, start) < 0.1
    # the first is repeated by .7 of the others, of which two repeat each other in .49
    assert correlation(repeated, chances, start) == pytest.approx(0.6, abs=0.12)


def test_five_votes_that_are_copies_count_as_one() -> None:
    np.testing.assert_allclose(independent_share(np.array([1.0, 5.0]), 1.0), [1.0, 0.2])
    np.testing.assert_allclose(independent_share(np.array([0.0, 1.0, 9.0]), 0.0), 1.0)


def test_copied_votes_do_not_outvote_the_models() -> None:
    votes, truth, chances = copying(0.9)
    evidence = ModelEvidence(chances, np.full(N, -1))
    with_cap = dawid_skene(votes, models=evidence).probabilities
    without = replace(dawid_skene(votes, models=evidence), rho=0.0, power=1.0).posterior(
        votes, evidence
    )
    assert log_loss(with_cap, truth) < 0.8 * log_loss(without, truth)


def log_loss(chances: NDArray, truth: NDArray) -> float:
    return float(-np.log(chances[np.arange(len(truth)), truth]).mean())

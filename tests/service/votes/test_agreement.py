"""Agreement coefficients against published values, and their intervals against simulation."""

import numpy as np
import pytest

from service.votes import Votes, agreement


def votes_of(rows: list[list[int | None]]) -> Votes:
    """Votes from one list a sample, one entry an annotator; None = no vote."""
    long = [
        (sample, person, label)
        for sample, row in enumerate(rows)
        for person, label in enumerate(row)
        if label is not None
    ]
    sample, person, label = (np.array(column) for column in zip(*long, strict=True))
    names = [f"a{k}" for k in range(len(rows[0]))]
    return Votes(sample, person, label, len(rows), int(label.max()) + 1, names)


def test_alpha_of_krippendorffs_example_with_missing_votes_is_743() -> None:
    # Computing Krippendorff's Alpha-Reliability (2011), example C: four observers, twelve units
    n = None
    table = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, n, n, n],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, n, 3],
        [n, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, n],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, n],
    ]
    found = agreement(votes_of([list(unit) for unit in zip(*table, strict=True)]))
    assert found.alpha is not None
    assert found.alpha.value == pytest.approx(0.743, abs=5e-4)
    assert found.samples == 11


def test_alpha_of_krippendorffs_binary_example_is_095() -> None:
    # the same paper, example A: two observers, ten units
    first, second = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    found = agreement(votes_of([list(pair) for pair in zip(first, second, strict=True)]))
    assert found.alpha is not None
    assert found.alpha.value == pytest.approx(0.095, abs=5e-4)


def test_kappa_of_a_textbook_table_of_counts_is_210() -> None:
    # ten subjects, fourteen raters, five categories: the usual worked example of Fleiss' kappa
    table = np.array(
        [
            [0, 0, 0, 0, 14],
            [0, 2, 6, 4, 2],
            [0, 0, 3, 5, 6],
            [0, 3, 9, 2, 0],
            [2, 2, 8, 1, 1],
            [7, 7, 0, 0, 0],
            [3, 2, 6, 3, 0],
            [2, 5, 3, 2, 2],
            [6, 5, 2, 1, 0],
            [0, 2, 2, 3, 7],
        ]
    )
    sample, label = np.nonzero(table)
    votes = Votes(sample, np.zeros_like(sample), label, 10, 5, ["all"], table[sample, label])
    found = agreement(votes)
    assert found.kappa is not None
    assert found.kappa.value == pytest.approx(0.210, abs=5e-4)


def test_intervals_hold_the_value_of_the_population_in_about_95_of_100_draws() -> None:
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 3, 200_000)
    said = np.where(
        generator.random((200_000, 3)) < 0.7,
        truth[:, None],
        generator.integers(0, 3, (200_000, 3)),
    )
    share = np.bincount(said.ravel()) / said.size
    pairs = np.mean([(said[:, a] == said[:, b]).mean() for a, b in ((0, 1), (0, 2), (1, 2))])
    chance = (share**2).sum()
    wanted = (pairs - chance) / (1 - chance)  # alpha and kappa agree in a large population
    inside = {"alpha": 0, "kappa": 0}
    for start in range(0, 200 * 150, 150):
        found = agreement(votes_of(said[start : start + 150].tolist()))
        for name in inside:
            estimate = getattr(found, name)
            inside[name] += estimate.low <= wanted <= estimate.high
    assert all(180 <= hits <= 199 for hits in inside.values()), inside


def test_one_vote_a_sample_tells_nothing_of_agreement() -> None:
    found = agreement(votes_of([[0, None], [None, 1]]))
    assert (found.samples, found.observed, found.alpha, found.kappa) == (0, None, None, None)


def test_full_agreement_on_one_class_is_no_evidence_beyond_chance() -> None:
    found = agreement(votes_of([[0, 0], [0, 0], [0, 0]]))
    assert found.observed is not None
    assert found.observed.value == 1.0
    assert found.alpha is None
    assert found.kappa is None

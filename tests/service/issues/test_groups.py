"""Groups are named where predictions are worse than elsewhere, never where chance explains it."""

import numpy as np
import pytest

from service.issues.groups import (
    Grouping,
    clusters,
    groups_check,
    only_first,
    underperforming_groups,
)

REGIONS = ["region = north", "region = south", "region = east"]
DATASETS = 60


def agreement(codes: np.ndarray, rates: list[float], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(len(codes)) < np.array(rates)[codes]


def every(codes: np.ndarray) -> np.ndarray:
    return np.ones(len(codes), bool)


def test_a_group_that_is_far_worse_is_named_with_its_interval():
    codes = np.arange(900) % 3
    agrees = agreement(codes, [0.9, 0.6, 0.9])
    found = underperforming_groups(agrees, every(codes), [Grouping("column", codes, REGIONS)])
    assert [group.name for group in found] == ["region = south"]
    group = found[0]
    assert group.size == 300
    assert group.accuracy == agrees[codes == 1].mean()
    assert group.elsewhere == pytest.approx(agrees[codes != 1].mean())
    assert group.low < group.accuracy < group.high < group.elsewhere
    assert group.rows == np.flatnonzero((codes == 1) & ~agrees)[:3].tolist()
    check = groups_check(found, [["a", "b", "c"]])
    assert (check.found, check.count) == (True, 300)
    assert check.groups[0]["sample_ids"] == ["a", "b", "c"]
    assert check.detail.startswith("In region = south, predictions agree with 58%")
    assert "of 300 labels (95 % interval" in check.detail


def test_a_small_difference_is_not_named_however_many_samples_prove_it():
    codes = np.arange(60_000) % 3
    agrees = agreement(codes, [0.9, 0.84, 0.9])
    assert not underperforming_groups(agrees, every(codes), [Grouping("column", codes, REGIONS)])


def test_a_group_of_fewer_than_thirty_is_not_named():
    codes = np.where(np.arange(500) < 29, 1, 0)
    agrees = codes == 0
    grouping = Grouping("column", codes, REGIONS[:2])
    assert not underperforming_groups(agrees, every(codes), [grouping])
    codes[29], agrees[29] = 1, False
    assert underperforming_groups(agrees, every(codes), [grouping])


def test_copies_of_one_sample_are_no_evidence():
    codes = np.where(np.arange(500) < 60, 1, 0)
    agrees = codes == 0
    sets = np.where(np.arange(500) < 60, 0, -1)
    grouping = Grouping("column", codes, REGIONS[:2])
    assert underperforming_groups(agrees, every(codes), [grouping])
    assert not underperforming_groups(agrees, only_first(sets), [grouping])


def test_samples_without_a_prediction_do_not_count():
    codes = np.arange(400) % 2
    agrees = codes == 0
    grouping = Grouping("split", codes, ["split = test", "split = train"])
    assert not underperforming_groups(agrees, codes == 0, [grouping])


@pytest.mark.parametrize("noise", [0.0, 0.3, 1.0])
def test_groups_by_chance_are_named_in_at_most_five_of_a_hundred_datasets(noise):
    named = 0
    for seed in range(DATASETS):
        generator = np.random.default_rng(seed)
        labels = generator.integers(0, 4, 600)
        vectors = generator.normal(size=(600, 8)) + 1.5 * np.eye(4, 8)[labels]
        labels = np.where(generator.random(600) < noise, generator.integers(0, 4, 600), labels)
        agrees = nearest_centre(vectors, labels) == labels
        columns = [
            Grouping("column", generator.integers(0, 6, 600), list("uvwxyz")) for _ in range(5)
        ]
        named += bool(underperforming_groups(agrees, every(labels), columns))
        found = clusters(vectors, labels, list("abcd"))
        assert found is not None
        if noise == 1.0:  # else clusters between classes are harder, and not by chance
            named += bool(underperforming_groups(agrees, every(labels), [found]))
    assert named <= 0.05 * DATASETS


def nearest_centre(vectors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Predicted out of sample, in two folds."""
    result = np.empty(len(labels), int)
    for fold in range(2):
        held = np.arange(len(labels)) % 2 == fold
        centres = np.stack([vectors[~held & (labels == k)].mean(axis=0) for k in range(4)])
        result[held] = np.square(vectors[held][:, None] - centres).sum(axis=2).argmin(axis=1)
    return result


def test_a_cluster_of_wrong_labels_is_found_without_any_column():
    generator = np.random.default_rng(1)
    blob = np.arange(800) % 8
    vectors = 6.0 * generator.normal(size=(8, 100))[blob] + generator.normal(size=(800, 100))
    labels = blob % 4
    wrong = (blob == 5) & (generator.random(800) < 0.6)
    labels = np.where(wrong, generator.integers(0, 4, 800), labels)
    found = clusters(vectors, labels, list("abcd"))
    assert found is not None
    assert set(found.codes.tolist()) <= set(range(len(found.names)))
    named = underperforming_groups(blob % 4 == labels, every(labels), [found])
    assert named
    for group in named:
        assert (blob[group.rows] == 5).all()
        assert "(mostly " in group.name


def test_too_few_samples_are_no_clusters():
    assert clusters(np.zeros((100, 4)), np.zeros(100, int), ["a"]) is None

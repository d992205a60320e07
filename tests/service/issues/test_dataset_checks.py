"""Faults of a whole dataset are found where they were planted, and nowhere else."""

import numpy as np

from service.issues.dataset_checks import class_imbalance, missing_values, split_leakage

NAMES = ["ant", "bee", "cat"]


def test_a_class_with_less_than_a_tenth_of_an_even_share_is_rare():
    even = np.arange(900) % 3
    assert not class_imbalance(even, NAMES).found
    labels = np.where(np.arange(900) < 29, 2, np.arange(900) % 2)
    found = class_imbalance(labels, NAMES)
    assert (found.found, found.count) == (True, 29)
    assert found.detail == "The rarest class is cat with 3.22% of the labels."
    labels[29] = 2  # exactly a tenth of an even share
    assert not class_imbalance(labels, NAMES).found


def test_duplicates_leak_only_between_splits():
    sets = np.array([0, 0, 1, 1, 1, -1, 2, 2])
    splits = np.array([0, 0, 0, 1, 0, 1, -1, 0])
    found = split_leakage(sets, splits)
    assert (found.found, found.count) == (True, 3)
    assert not split_leakage(sets, np.zeros(8, int)).found
    assert not split_leakage(np.full(8, -1), splits).found


def test_a_column_that_misses_a_fifth_of_its_values_is_named():
    assert not missing_values({"age": 19, "height": 0}, 100).found
    found = missing_values({"age": 20, "height": 60}, 100)
    assert (found.found, found.count) == (True, 60)
    assert found.detail == (
        "The column height misses 60% of its values. 2 columns miss a fifth or more."
    )

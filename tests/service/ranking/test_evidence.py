import numpy as np
import pytest

from service.ranking import Evidence
from tests.service.ranking.hand_made import full_evidence

HALVES = np.full((3, 2), 0.5)


def test_a_label_outside_the_classes_is_refused_with_its_place():
    with pytest.raises(ValueError, match=r"label 2 of sample 1 is outside 0\.\.1"):
        Evidence(np.array([0, 2, 1]), 2, [], {"pred_probs": HALVES})


def test_labels_that_are_not_integers_are_refused():
    with pytest.raises(ValueError, match="vector of integers"):
        Evidence(np.array([0.0, 1.0, 1.0]), 2, [], {"pred_probs": HALVES})


def test_no_evidence_at_all_is_refused():
    with pytest.raises(ValueError, match="nothing to rank by"):
        Evidence(np.array([0, 1]), 2)


def test_probabilities_of_another_shape_are_refused_by_name():
    with pytest.raises(ValueError, match=r"trees has shape \(3, 2\), expected \(2, 2\)"):
        Evidence(np.array([0, 1]), 2, [], {"trees": HALVES})


def test_a_row_that_does_not_sum_to_one_is_refused():
    bad = HALVES.copy()
    bad[1] = [0.9, 0.9]
    with pytest.raises(ValueError, match="row 1 is not a distribution"):
        Evidence(np.array([0, 1, 1]), 2, [], {"pred_probs": bad})


def test_an_infinite_probability_is_refused():
    bad = HALVES.copy()
    bad[2] = [np.inf, 0]
    with pytest.raises(ValueError, match="row 2"):
        Evidence(np.array([0, 1, 1]), 2, [], {"pred_probs": bad})


def test_a_row_of_nan_means_not_known_and_passes():
    unknown = HALVES.copy()
    unknown[0] = np.nan
    assert len(Evidence(np.array([0, 1, 1]), 2, [], {"pred_probs": unknown})) == 3


def test_a_trajectory_over_other_samples_is_refused():
    evidence = full_evidence(n=50)
    with pytest.raises(ValueError, match="trajectory 0: margin has shape"):
        Evidence(evidence.labels[:40], 4, evidence.trajectories)

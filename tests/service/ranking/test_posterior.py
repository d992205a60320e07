"""What the families say together, and how far they disagree."""

import numpy as np
import pytest
from scipy.special import logit

from service.ranking import Evidence
from service.ranking.posterior import LARGEST_SPREAD, model_families, out_of_sample_posterior
from tests.service.ranking.hand_made import clusters, full_evidence


def test_the_spread_is_the_deviation_of_the_families_log_odds():
    given, _, noisy = clusters(600, 3, 0.1)
    other = noisy.copy()
    other[0, given[0]], other[1, given[1]] = 0.9, 0.2  # two families that disagree on two samples
    noisy[0, given[0]], noisy[1, given[1]] = 0.3, 0.8
    for family in (noisy, other):
        rest = np.ones_like(family, bool)
        rest[np.arange(600), given] = False
        left = 1 - family[np.arange(600), given]
        family[rest] = np.repeat(left / 2, 2)
    found = out_of_sample_posterior(Evidence(given, 3, [], {"a": noisy, "b": other}), seed=0)
    expected = [np.std(logit([0.7, 0.1])), np.std(logit([0.2, 0.8]))]
    np.testing.assert_allclose(found.spread[:2], expected, atol=2e-3)
    assert found.spread.max() <= LARGEST_SPREAD


def test_one_family_alone_disagrees_with_nobody():
    given, _, noisy = clusters(300, 3, 0.1)
    found = out_of_sample_posterior(Evidence(given, 3, [], {"a": noisy}), seed=0)
    assert (found.spread == 0).all()


def test_shards_count_by_their_replicas_that_left_the_sample_out():
    evidence = full_evidence()
    one, two = evidence.trajectories
    one.in_bag[:3], two.in_bag[:3] = 1, 1
    one.in_bag[0, :3] = 0  # three of one shard, one of the other
    two.in_bag[0, 0] = 0
    two.in_bag[1, 0] = 0  # none of one shard
    pooled = model_families(evidence)["replicas"]
    first, second = one.probs_out_of_bag, two.probs_out_of_bag
    np.testing.assert_allclose(pooled[0], (3 * first[0] + second[0]) / 4, rtol=1e-5)
    np.testing.assert_allclose(pooled[1], second[1], rtol=1e-5)
    assert np.isnan(pooled[2]).all()


def test_the_other_classes_are_most_probable_first():
    given, _, noisy = clusters(400, 4, 0.2)
    found = out_of_sample_posterior(Evidence(given, 4, [], {"a": noisy}), seed=0)
    assert (found.others != given[:, None]).all()
    assert (np.diff(found.others_share, axis=1) <= 0).all()
    assert found.others_share.sum(axis=1) == pytest.approx(1)
    assert (found.margin > 0).mean() == pytest.approx(
        (noisy.argmax(axis=1) != given).mean(), abs=0.05
    )

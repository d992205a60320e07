import numpy as np
import pytest

from service.ranking import signals
from service.ranking.signals import SIGNALS, family_signals, trajectory_signals
from tests.service.ranking.hand_made import full_evidence, trajectory

# Two samples given class 0, three replicas, four epochs. Sample 0 is learned at once; sample 1 is
# never learned by replica 0, learned in the second epoch by replica 1, and forgotten by replica 2.
MARGIN = np.array(
    [
        [[1.0, 2.0, 3.0], [-1.0, -1.0, 1.0]],
        [[1.0, 2.0, 3.0], [-1.0, 1.0, -1.0]],
        [[1.0, 2.0, 3.0], [-1.0, 1.0, 1.0]],
        [[1.0, 2.0, 3.0], [-1.0, 1.0, -1.0]],
    ]
)
LABELS = np.array([0, 0])
IN_BAG = np.array([[1, 0, 2], [0, 1, 0]])


CHANCE = 1 / (1 + np.exp(-MARGIN))  # p_given, (epochs, samples, replicas)


def bits(chance):
    return -(chance * np.log2(chance) + (1 - chance) * np.log2(1 - chance))


@pytest.fixture(name="found")
def found_signals():
    predicted = np.where(MARGIN > 0, 0, 2)
    shard = trajectory(MARGIN, labels=LABELS, in_bag=IN_BAG, n_classes=3, predicted=predicted)
    return trajectory_signals([shard], LABELS, 3)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("aum", [2.0, (-1 + 0.5 + 0.0) / 3]),
        ("aum_out_of_bag", [2.0, (-1 + 0.0) / 2]),
        ("late_margin", [2.0, (-1 + 1 + 0.0) / 3]),
        ("disagreement_out_of_bag", [0.0, 1.0]),
        ("forgetting_events", [0.0, 2 / 3]),
        ("first_learned", [0.0, (1 + 0.25 + 0) / 3]),
        ("spread_margin", [np.std([1, 2, 3]), np.std([-1, 0.5, 0])]),
        ("majority_class", [0, 2]),
        ("majority_share", [1.0, 2 / 3]),
    ],
)
def test_signals_of_a_hand_made_trajectory(found, name, expected):
    np.testing.assert_allclose(found[name], expected, atol=1e-3)


def test_p_given_is_split_by_the_bag(found):
    chance = 1 / (1 + np.exp(-MARGIN.mean(axis=0)[0]))  # sample 0 has constant margins
    assert found["p_given"][0] == pytest.approx(chance.mean(), abs=1e-3)
    assert found["p_given_out_of_bag"][0] == pytest.approx(chance[1], abs=1e-3)
    assert found["memorised"][0] == pytest.approx(chance[[0, 2]].mean() - chance[1], abs=2e-3)


def test_spreads_are_deviations_within_and_across_replicas(found):
    across = CHANCE.mean(axis=0).std(axis=1)
    np.testing.assert_allclose(found["spread_p_given"], across, atol=1e-3)
    within = CHANCE.std(axis=0).mean(axis=1)
    assert within[0] == 0 < 0.1 < within[1]
    np.testing.assert_allclose(found["variability"], within, atol=1e-3)


def test_doubt_is_split_into_what_replicas_share_and_what_more_data_would_settle(found):
    """Only sample 1 has two replicas out of bag, 0 and 2; of four epochs one is late."""
    late = CHANCE[-1, 1, [0, 2]]
    assert found["aleatoric"][1] == pytest.approx(bits(late).mean(), abs=2e-3)
    doubt = bits(late.mean()) - bits(late).mean()
    assert found["epistemic"][1] == pytest.approx(doubt, abs=2e-3)
    assert np.isnan(found["aleatoric"][0])
    assert np.isnan(found["epistemic"][0])


def test_replicas_that_disagree_are_told_apart():
    """Of five replicas two say class 1 in the end, one class 2, two the given class."""
    last = np.array([0, 0, 1, 1, 2])
    predicted = np.broadcast_to(last, (6, 1, 5))
    margin = np.where(predicted == 0, 0.5, -0.5) * np.arange(1, 7)[:, None, None]
    shard = trajectory(
        margin, labels=np.array([0]), in_bag=np.array([[1, 0, 0, 1, 0]]), n_classes=3,
        predicted=predicted,
    )  # fmt: skip
    found = trajectory_signals([shard], np.array([0]), 3)
    assert found["majority_class"] == 0  # the smallest of a tie
    assert found["majority_share"] == pytest.approx(2 / 5)
    assert found["disagreement_out_of_bag"] == pytest.approx(2 / 3)
    assert found["first_learned"] == pytest.approx(3 / 5)
    assert found["late_margin"] == pytest.approx((2 - 3) / 5 * 0.5 * 5, abs=1e-3)
    assert found["spread_margin"] == pytest.approx(1.75 * np.std([1, 1, -1, -1, -1]), abs=1e-3)
    assert found["aum_out_of_bag"] == pytest.approx(-1.75 / 3, abs=1e-3)


def test_families_say_how_probable_the_given_label_is():
    near = np.array([[0.2, 0.7, 0.1], [np.nan, np.nan, np.nan]])
    other = np.array([[0.5, 0.4, 0.1], [0.1, 0.2, 0.7]])
    found = family_signals({"neighbours": near, "logistic": other}, np.array([1, 2]))
    np.testing.assert_allclose(found["p_given_logistic"], [0.4, 0.7])
    np.testing.assert_allclose(found["p_given_neighbours"], [0.7, np.nan])
    np.testing.assert_allclose(found["neighbours_class"], [1, 0])
    np.testing.assert_allclose(found["neighbours_share"], [0.7, 0.0])


def test_a_sample_in_every_bag_has_no_out_of_bag_signals():
    shard = trajectory(
        MARGIN, labels=LABELS, in_bag=np.ones((2, 3)), n_classes=3, predicted=np.zeros_like(MARGIN)
    )
    found = trajectory_signals([shard], LABELS, 3)
    assert np.isnan(found["p_given_out_of_bag"]).all()
    assert np.isnan(found["disagreement_out_of_bag"]).all()
    assert np.isfinite(found["aum"]).all()


def test_shards_weigh_by_their_replicas():
    evidence = full_evidence()
    one, two = (
        trajectory_signals([shard], evidence.labels, 4)["aum"] for shard in evidence.trajectories
    )
    both = trajectory_signals(evidence.trajectories, evidence.labels, 4)["aum"]
    np.testing.assert_allclose(both, (one + two) / 2, atol=1e-5)


def test_small_blocks_give_the_same_signals(monkeypatch):
    evidence = full_evidence(n=101)
    whole = trajectory_signals(evidence.trajectories, evidence.labels, 4)
    monkeypatch.setattr(signals, "BLOCK_VALUES", 64 * 7)
    for name, values in trajectory_signals(evidence.trajectories, evidence.labels, 4).items():
        np.testing.assert_array_equal(values, whole[name], err_msg=name)


def test_every_signal_has_a_value_for_every_sample():
    evidence = full_evidence()
    found = trajectory_signals(evidence.trajectories, evidence.labels, 4)
    assert found.keys() == SIGNALS.keys()
    assert all(values.shape == evidence.labels.shape for values in found.values())

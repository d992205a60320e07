import numpy as np
import pytest
from scipy.special import ndtri
from sklearn.metrics import roc_auc_score

from service.ranking import Evidence, Trajectory, rank_suspects
from service.ranking.signals import trajectory_signals
from service.ranking.trajectory_model import class_groups, fit_trajectory_model, normal_scores
from tests.service.ranking.hand_made import full_evidence, trajectory


def training(
    n: int = 900, n_classes: int = 3, rate: float = 0.15, *, seed: int = 0, hard: float = 0.0
) -> tuple[np.ndarray, np.ndarray, Trajectory]:
    """(given, truth, trajectory) of replicas that learn right labels and never wrong ones.

    `hard` lowers every margin of class 0, as in a class that is hard as a whole.
    """
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, n_classes, n)
    wrong = generator.random(n) < rate
    given = np.where(wrong, (truth + generator.integers(1, n_classes, n)) % n_classes, truth)
    rising = np.linspace(-0.5, 3.0, 8)[:, None, None]
    margin = np.where(wrong[None, :, None], -rising, rising) + generator.normal(size=(8, n, 6))
    margin -= hard * (given == 0)[None, :, None]
    predicted = np.where(margin > 0, given[None, :, None], truth[None, :, None])
    in_bag = generator.poisson(1, (n, 6))
    shard = trajectory(
        margin, labels=given, in_bag=in_bag, n_classes=n_classes, predicted=predicted
    )
    return given, truth, shard


def fitted(given: np.ndarray, shards: list[Trajectory], n_classes: int = 3):
    found = trajectory_signals(shards, given, n_classes)
    return fit_trajectory_model(shards, given, n_classes, found)


def test_labels_that_are_never_learned_are_called_wrong_and_counted():
    given, truth, shard = training()
    model = fitted(given, [shard])
    wrong = given != truth
    assert roc_auc_score(wrong, model.p_wrong) > 0.99
    assert model.p_wrong.mean() == pytest.approx(wrong.mean(), abs=0.04)
    np.testing.assert_allclose(model.rates, 0.15, atol=0.06)


def test_the_true_class_is_the_one_that_replicas_vote_for():
    given, truth, shard = training()
    model = fitted(given, [shard])
    wrong = given != truth
    assert (model.others[wrong, 0] == truth[wrong]).mean() > 0.97
    np.testing.assert_allclose(model.others_share.sum(axis=1), 1)
    assert (model.others != given[:, None]).all()


def test_a_class_that_is_hard_as_a_whole_is_not_called_noisy():
    given, truth, shard = training(hard=1.0)
    model = fitted(given, [shard])
    right = given == truth
    assert model.p_wrong[right & (given == 0)].mean() < 0.1


def test_classes_below_fifty_share_one_group_and_the_others_have_their_own():
    labels = np.repeat([0, 1, 2, 3], [60, 49, 50, 3])
    groups = class_groups(labels, 5)
    assert set(groups[np.isin(labels, [1, 3])]) == {0}
    assert len({*groups[labels == 0], *groups[labels == 2]} - {0}) == 2


def test_normal_scores_are_ranks_within_the_group_and_ties_are_equal():
    values = np.array([5.0, 1.0, 3.0, 7.0, 7.0])
    scores = normal_scores(values, np.array([0, 0, 0, 1, 1]))
    np.testing.assert_allclose(scores[[1, 2, 0]], ndtri(np.array([1, 3, 5]) / 6))
    assert scores[3] == scores[4] == 0


def test_shards_in_either_order_give_the_same_model():
    given, _, one = training(seed=1)
    margin = np.asarray(one.margin, np.float32)[:, :, ::-1] * 0.9
    two = trajectory(
        margin, labels=given, in_bag=one.in_bag, n_classes=3, predicted=one.predicted[:, :, ::-1]
    )
    forth, back = fitted(given, [one, two]), fitted(given, [two, one])
    np.testing.assert_allclose(forth.p_wrong, back.p_wrong, atol=1e-6)


def test_labels_without_any_noise_are_left_alone():
    given, _, shard = training(rate=0.0)
    assert (fitted(given, [shard]).p_wrong > 0.5).mean() < 0.2


@pytest.mark.parametrize("n", [1, 2, 9])
def test_a_handful_of_samples_is_modelled_without_a_fault(n):
    given, _, shard = training(n)
    model = fitted(given, [shard])
    assert np.isfinite(model.p_wrong).all()
    assert np.isfinite(model.others_share).all()


def test_without_a_trajectory_there_is_no_model():
    with pytest.raises(ValueError, match="at least one trajectory"):
        fit_trajectory_model([], np.zeros(3, int), 2, {})


def test_the_ranking_shows_it_as_a_signal_where_there_are_trajectories():
    evidence = full_evidence()
    shown = rank_suspects(evidence).signals["p_wrong_trajectory"]
    assert ((shown > 0) & (shown < 1)).all()
    alone = Evidence(evidence.labels, 4, [], evidence.probabilities)
    assert "p_wrong_trajectory" not in rank_suspects(alone).signals


def test_doubt_is_split_into_what_replicas_share_and_what_they_differ_in():
    chances = np.array([[0.5, 0.5], [0.999, 0.001], [0.999, 0.999], [0.5, 0.5]])
    margin = np.log(chances / (1 - chances))[None]
    labels = np.zeros(4, dtype=int)
    in_bag = np.zeros((4, 2))
    in_bag[3, 0] = 1  # one replica alone cannot disagree with anyone
    shard = trajectory(
        margin, labels=labels, in_bag=in_bag, n_classes=2, predicted=(margin < 0).astype(int)
    )
    found = trajectory_signals([shard], labels, 2)
    np.testing.assert_allclose(found["aleatoric"], [1, 0.01, 0.01, np.nan], atol=0.01)
    np.testing.assert_allclose(found["epistemic"], [0, 0.99, 0.0, np.nan], atol=0.01)

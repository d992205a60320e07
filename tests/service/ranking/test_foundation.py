"""When the order of one model's probabilities may rest on an inverted noise matrix."""

import numpy as np
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score

from service.ranking import Evidence, rank_suspects
from service.ranking.foundation import foundation
from service.ranking.rate import RateClues
from tests.service.ranking.hand_made import clusters

CLUES = RateClues(anchors=0.2, joint=0.2, error=0.3, error_half=0.2, error_fifth=0.2)
PAIRS = 0.8 * np.eye(4) + 0.2 * np.roll(np.eye(4), 1, axis=1)
EVEN = 0.8 * np.eye(4) + 0.2 * (1 - np.eye(4)) / 3


def found(matrix: np.ndarray, *, clues: RateClues = CLUES, shifted: int = 0) -> float:
    predicted = np.repeat(np.arange(4), 50)
    labels = np.where(predicted < shifted, (predicted + 1) % 4, predicted)
    return foundation(matrix, clues, np.linspace(0.5, 0.9, 200), predicted, labels)


def test_noise_from_class_to_class_is_a_foundation():
    assert found(PAIRS) == 1.0


def test_noise_without_a_direction_is_none():
    assert found(EVEN) == 0.0


def test_disagreement_where_the_model_is_unsure_is_none():
    unsure = RateClues(anchors=0.2, joint=0.2, error=0.3, error_half=0.1, error_fifth=0.03)
    assert found(PAIRS, clues=unsure) == 0.0


def test_classes_whose_surest_samples_have_another_label_are_none():
    assert 0.0 < found(PAIRS, shifted=1) < 1.0
    assert found(PAIRS, shifted=2) == 0.0


def test_where_most_labels_are_wrong_lost_anchors_are_to_be_expected():
    noisy = RateClues(anchors=0.5, joint=0.6, error=0.7, error_half=0.5, error_fifth=0.4)
    assert found(PAIRS, clues=noisy, shifted=2) == 1.0


def test_two_classes_have_no_direction():
    matrix = np.array([[0.9, 0.1], [0.3, 0.7]])
    predicted = np.repeat(np.arange(2), 50)
    assert foundation(matrix, CLUES, np.full(100, 0.9), predicted, predicted) == 0.0


def test_without_a_foundation_the_order_is_that_of_the_bare_probabilities():
    given, truth, noisy = clusters(900, 3, 0.1)
    sharp = noisy**3 / (noisy**3).sum(axis=1, keepdims=True)
    ranking = rank_suspects(Evidence(given, 3, [], {"pred_probs": sharp}))
    confidence = sharp[np.arange(900), given]
    assert spearmanr(ranking.p_wrong, -confidence).statistic > 0.98
    wrong = given != truth
    ours = average_precision_score(wrong, ranking.p_wrong)
    assert ours >= average_precision_score(wrong, -confidence) - 0.005

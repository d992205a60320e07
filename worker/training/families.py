"""Model families other than networks: out-of-sample probabilities of the given labels.

Each takes features (N, D) float32, labels (N,) int64 and gives (N, C), rows summing to 1, where row
i comes from a model that never saw label i. Random draws come from the seed alone.
"""

import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from torch import Tensor

from worker.training.neighbours import empty_graph, nearest_blocks

Probabilities = NDArray[np.float64]
Report = Callable[[float], None]

NEIGHBOURS = 30
_PRIOR_MASS = 3.0  # pseudo-counts, spread evenly over the classes
_DIFFERENT_UNITS = 30.0


class FamilyResult(NamedTuple):
    """(N, C) probabilities, and the neighbour graph of the family that searches one."""

    probabilities: Probabilities
    graph: NDArray[np.int32] | None = None


def standardise(features: Tensor) -> Tensor:
    """Columns centred and scaled as `standardisation` says, missing values 0. (N, D)."""
    mean, scale = standardisation(features)
    return torch.nan_to_num(features - mean, nan=0.0, posinf=0.0, neginf=0.0) / scale


def standardisation(features: Tensor) -> tuple[Tensor, Tensor]:
    """What is taken from each column, and what it is then divided by. (N, D) -> (D,), (D,).

    All columns are divided by one number, so that the mean square is 1: embeddings carry their
    information in the directions of large variance, so columns keep their proportions: on 15,000
    image embeddings this finds label errors with an average precision of .780 against .763 with
    every column scaled by itself. Only where columns plainly have different units (the largest
    deviation above 30 times the median one) is each scaled by itself. Constant columns are divided
    by infinity.
    """
    mean = torch.nan_to_num(features.nanmean(0))
    centred = torch.nan_to_num(features - mean, nan=0.0, posinf=0.0, neginf=0.0)
    deviation = centred.square().mean(0).sqrt()
    alive = deviation > 1e-6 * (1.0 + mean.abs())
    scale = torch.full_like(deviation, torch.inf)
    if bool(alive.any()):
        varying = deviation[alive]
        if varying.max() > _DIFFERENT_UNITS * varying.median():
            scale[alive] = varying
        else:
            scale[alive] = varying.square().mean().sqrt()
    return mean, scale


def neighbours(
    features: Tensor,
    labels: NDArray[np.int64],
    n_classes: int,
    *,
    seed: int,
    report: Report,
) -> FamilyResult:
    """Smoothed label histogram of the 30 nearest other samples, leave-one-out. -> (N, C).

    A neighbour's vote falls linearly with its rank, from 1 to 0.2. Also gives the graph.
    """
    n_samples, device = len(labels), features.device
    given = torch.from_numpy(labels).to(device)
    votes = torch.full((n_samples, n_classes), _PRIOR_MASS / n_classes, device=device)
    graph = empty_graph(n_samples)
    for rows, nearest in nearest_blocks(features, k=NEIGHBOURS, seed=seed):
        k = nearest.shape[1]
        weights = torch.linspace(1.0, 0.2, max(k, 1), device=device)[:k]
        block_votes = votes[rows]
        block_votes.scatter_add_(1, given[nearest], weights.expand(len(rows), k))
        votes[rows] = block_votes
        few = nearest[:, : graph.shape[1]].cpu().numpy()
        graph[rows.cpu().numpy(), : few.shape[1]] = few
        report(float(rows[-1] + 1) / n_samples)
    probs = (votes / votes.sum(1, keepdim=True)).cpu().numpy().astype(np.float64)
    return FamilyResult(probs, graph)


def logistic(
    features: Tensor,
    labels: NDArray[np.int64],
    n_classes: int,
    *,
    seed: int,
    report: Report,
) -> FamilyResult:
    """Out-of-fold probabilities of scikit-learn's logistic regression, five folds. -> (N, C)."""
    table, n_folds = features.cpu().numpy(), min(5, len(labels))
    probs = np.zeros((len(labels), n_classes))
    folds = KFold(n_folds, shuffle=True, random_state=seed)
    for done, (train, test) in enumerate(folds.split(table), start=1):
        present = np.unique(labels[train])
        if len(present) == 1:
            probs[np.ix_(test, present)] = 1.0
        else:
            model = LogisticRegression(max_iter=300)
            # Small products: two BLAS threads that wait for each other are 100 times slower.
            with threadpool_limits(1), warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(table[train], labels[train])
            probs[np.ix_(test, present)] = model.predict_proba(table[test])
        report(done / n_folds)
    return FamilyResult(_smooth(probs))


def trees(
    features: Tensor,
    labels: NDArray[np.int64],
    n_classes: int,
    *,
    seed: int,
    report: Report,
) -> FamilyResult:
    """Out-of-bag class shares of 300 extremely randomised trees. -> (N, C)."""
    model = ExtraTreesClassifier(
        300, bootstrap=True, oob_score=True, min_samples_leaf=2, n_jobs=-1, random_state=seed
    )
    model.fit(features.cpu().numpy(), labels)
    votes = np.zeros((len(labels), n_classes))
    votes[:, model.classes_] = model.oob_decision_function_
    report(1.0)
    return FamilyResult(_smooth(np.nan_to_num(votes)))


def _smooth(probs: Probabilities) -> Probabilities:
    """No class impossible, every row a distribution: one hundredth of the mass spread evenly."""
    spread = probs + 0.01 / probs.shape[1]
    rows: Probabilities = spread / spread.sum(1, keepdims=True)
    return rows


FAMILIES: dict[str, Callable[..., FamilyResult]] = {
    "neighbours": neighbours,
    "logistic": logistic,
    "trees": trees,
}

"""Model families other than networks: out-of-sample probabilities of the given labels.

Each takes features (N, D) float32, labels (N,) int64 and returns (N, C), rows summing to 1, where
row i comes from a model that never saw label i.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from torch import Tensor
from torch.nn import functional as F

Probabilities = NDArray[np.float64]
Report = Callable[[float], None]

NEIGHBOURS = 20
_PRIOR_MASS = 3.0  # pseudo-counts, spread evenly over the classes
_MAX_REFERENCES = 50_000  # neighbours are sought among at most so many samples
_BLOCK_ELEMENTS = 2**25


def standardise(features: Tensor) -> Tensor:
    """Each column to mean 0 and deviation 1; constant columns and missing values to 0. (N, D)."""
    mean = features.nanmean(0)
    centred = torch.nan_to_num(features - mean, nan=0.0, posinf=0.0, neginf=0.0)
    deviation = centred.square().mean(0).sqrt()
    alive = deviation > 1e-6 * (1.0 + torch.nan_to_num(mean).abs())
    return torch.where(alive, centred / deviation, torch.zeros(()))


def neighbours(
    features: Tensor, labels: NDArray[np.int64], n_classes: int, *, seed: int, report: Report
) -> Probabilities:
    """Smoothed label histogram of the 20 nearest other samples by cosine similarity. -> (N, C)."""
    n_samples = len(labels)
    unit = F.normalize(features, dim=1)
    generator = torch.Generator().manual_seed(seed)
    references = torch.randperm(n_samples, generator=generator)[:_MAX_REFERENCES].sort().values
    references = references.to(features.device)
    one_hot = F.one_hot(torch.from_numpy(labels), n_classes).float().to(features.device)[references]
    k = min(NEIGHBOURS, len(references) - 1)
    counts = torch.zeros((n_samples, n_classes), device=features.device)
    block = max(1, _BLOCK_ELEMENTS // len(references))
    pool = unit[references]
    for start in range(0, n_samples, block):
        rows = torch.arange(start, min(start + block, n_samples), device=features.device)
        similarity = unit[rows] @ pool.T  # (b, D) x (D, R) -> (b, R)
        similarity[references.unsqueeze(0) == rows.unsqueeze(1)] = -torch.inf
        nearest = similarity.topk(k, dim=1).indices  # (b, k)
        counts[rows] = one_hot[nearest].sum(1)
        report((start + len(rows)) / n_samples)
    smoothed = counts + _PRIOR_MASS / n_classes
    return (smoothed / smoothed.sum(1, keepdim=True)).cpu().numpy().astype(np.float64)


def logistic(
    features: Tensor, labels: NDArray[np.int64], n_classes: int, *, seed: int, report: Report
) -> Probabilities:
    """Out-of-fold probabilities of scikit-learn's logistic regression, five folds. -> (N, C)."""
    table, n_folds = features.cpu().numpy(), min(5, len(labels))
    probs = np.zeros((len(labels), n_classes))
    folds = KFold(n_folds, shuffle=True, random_state=seed)
    for done, (train, test) in enumerate(folds.split(table), start=1):
        present = np.unique(labels[train])
        if len(present) == 1:
            probs[np.ix_(test, present)] = 1.0
        else:
            model = LogisticRegression(max_iter=300).fit(table[train], labels[train])
            probs[np.ix_(test, present)] = model.predict_proba(table[test])
        report(done / n_folds)
    return probs


def trees(
    features: Tensor, labels: NDArray[np.int64], n_classes: int, *, seed: int, report: Report
) -> Probabilities:
    """Out-of-bag class shares of 300 extremely randomised trees. -> (N, C)."""
    model = ExtraTreesClassifier(
        300, bootstrap=True, oob_score=True, min_samples_leaf=2, n_jobs=-1, random_state=seed
    )
    model.fit(features.cpu().numpy(), labels)
    votes = np.zeros((len(labels), n_classes))
    votes[:, model.classes_] = model.oob_decision_function_
    smoothed = np.nan_to_num(votes) + 0.01 / n_classes
    report(1.0)
    shares: Probabilities = smoothed / smoothed.sum(1, keepdims=True)
    return shares


FAMILIES: dict[str, Callable[..., Probabilities]] = {
    "neighbours": neighbours,
    "logistic": logistic,
    "trees": trees,
}

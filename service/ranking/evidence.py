"""What the ranking is given: labels, trajectories, and class probabilities of further families."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from service.ranking.trajectory import Trajectory
from service.votes import Votes

ROW_SUM_TOLERANCE = 0.02  # float16 sources and hand-rounded tables stay inside it


@dataclass(frozen=True)
class Evidence:
    """All that is known about N samples with C classes before they are ranked.

    Attributes
    ----------
    labels : (N,) int
        Given labels, `0 <= label < n_classes`.
    n_classes : int
        C, at least 1. A class may have no sample.
    trajectories : list of Trajectory
        Shards of replicas, all over the same N samples in the same order. May be empty.
    probabilities : dict of (N, C) float
        Out-of-sample class probabilities of further model families by name ("neighbours",
        "logistic", "trees"), or "pred_probs" brought by the user. Rows sum to 1; a row of NaN means
        "not known for this sample". May be empty only where there is a trajectory.
    votes : Votes, optional
        Several annotators' labels of the same samples, in the same classes.
    relabelled : (N, C) float, optional
        The labels that the training's objective ended with, as distributions.

    Raises
    ------
    ValueError
        Shapes do not fit, a label is out of range, a row is no distribution, or nothing was given.
    """

    labels: NDArray[np.integer]
    n_classes: int
    trajectories: list[Trajectory] = field(default_factory=list)
    probabilities: dict[str, NDArray[np.floating]] = field(default_factory=dict)
    votes: Votes | None = None
    relabelled: NDArray[np.floating] | None = None

    def __post_init__(self) -> None:
        _check_labels(self.labels, self.n_classes)
        if not self.trajectories and not self.probabilities:
            raise ValueError("nothing to rank by: give at least one trajectory or one (N, C) array")
        for position, trajectory in enumerate(self.trajectories):
            _check_trajectory(trajectory, position, len(self.labels), self.n_classes)
        for name, probabilities in self.probabilities.items():
            _check_probabilities(probabilities, name, len(self.labels), self.n_classes)
        if self.relabelled is not None:
            _check_probabilities(self.relabelled, "relabelled", len(self.labels), self.n_classes)
        _check_votes(self.votes, len(self.labels), self.n_classes)

    def __len__(self) -> int:
        return len(self.labels)


def _check_labels(labels: NDArray[np.integer], n_classes: int) -> None:
    if n_classes < 1:
        raise ValueError(f"n_classes must be at least 1, not {n_classes}")
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be a vector of integers, not {labels.dtype} {labels.shape}")
    outside = np.flatnonzero((labels < 0) | (labels >= n_classes))
    if outside.size:
        first = int(outside[0])
        raise ValueError(
            f"label {int(labels[first])} of sample {first} is outside 0..{n_classes - 1}"
            f" ({outside.size} such samples)"
        )


def _check_trajectory(trajectory: Trajectory, position: int, n: int, n_classes: int) -> None:
    shape = trajectory.margin.shape
    if len(shape) != 3:
        raise ValueError(f"trajectory {position}: margin must be (E, N, K), not {shape}")
    epochs, _, replicas = shape
    expected: dict[str, tuple[int, ...]] = {
        "margin": (epochs, n, replicas),
        "p_given": (epochs, n, replicas),
        "predicted": (epochs, n, replicas),
        "in_bag": (n, replicas),
        "probs_in_bag": (n, n_classes),
        "probs_out_of_bag": (n, n_classes),
    }
    for name, wanted in expected.items():
        found = getattr(trajectory, name).shape
        if found != wanted:
            raise ValueError(f"trajectory {position}: {name} has shape {found}, expected {wanted}")
    for name in ("probs_in_bag", "probs_out_of_bag"):
        _check_probabilities(
            getattr(trajectory, name), f"trajectory {position}: {name}", n, n_classes
        )


def _check_votes(votes: Votes | None, n: int, n_classes: int) -> None:
    if votes is not None and (votes.n_samples, votes.n_classes) != (n, n_classes):
        found = f"{votes.n_samples} samples and {votes.n_classes} classes"
        raise ValueError(f"votes are on {found}, the labels on {n} and {n_classes}")


def _check_probabilities(
    probabilities: NDArray[np.floating], name: str, n: int, n_classes: int
) -> None:
    if probabilities.shape != (n, n_classes):
        raise ValueError(f"{name} has shape {probabilities.shape}, expected {(n, n_classes)}")
    sums = probabilities.sum(axis=1, dtype=np.float64)
    bad = np.abs(sums - 1.0) > ROW_SUM_TOLERANCE  # NaN compares false: an unknown row may pass
    bad |= np.isinf(sums) | (probabilities < 0).any(axis=1)
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise ValueError(
            f"{name}: row {first} is not a distribution (sums to {sums[first]:.4g};"
            f" {int(bad.sum())} such rows); rows must sum to 1 or be all NaN"
        )

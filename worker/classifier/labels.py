"""The labels that the classifier is trained on and measured by."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelaudit.schemas.model_description import LabelCounts
from service.ranking import TierCode


@dataclass(frozen=True)
class Judgement:
    """What ranking and people said about the N samples of an audit, in sample order."""

    tier: NDArray[np.int8]  # (N,) TierCode
    suggested: NDArray[np.int64]  # (N,) -1 = none
    suggested_confidence: NDArray[np.float64]  # (N,) in [0, 1]
    p_wrong: NDArray[np.float64]  # (N,) in [0, 1], high = bad
    decided: NDArray[np.bool_]  # (N,) a person settled on the label


@dataclass(frozen=True)
class CleanedLabels:
    """`targets` (N,) with their training `weights` (N,) in [0, 1], and the weights `judged` (N,)
    with which a sample counts where predictions are measured."""

    targets: NDArray[np.int64]
    weights: NDArray[np.float32]
    judged: NDArray[np.float64]
    counts: LabelCounts


def clean(
    labels: NDArray[np.integer], judgement: Judgement, class_names: Sequence[str]
) -> CleanedLabels:
    """The given labels (N,), with what is obviously wrong replaced and what is doubtful weighted.

    An obvious suspect gets its suggested label, weighted by the suggestion's confidence, and is
    left out where it has none; a possible one keeps its label with weight 1 - p_wrong; what a
    person decided counts in full. A suggestion trains the model but never measures it: it came from
    models much like this one.
    """
    machine = ~judgement.decided
    obvious = machine & (judgement.tier == TierCode.obvious)
    possible = machine & (judgement.tier == TierCode.possible)
    replaced = obvious & (judgement.suggested >= 0)
    left_out = obvious & (judgement.suggested < 0)
    targets = np.where(replaced, judgement.suggested, labels).astype(np.int64)
    weights = np.where(possible, 1.0 - judgement.p_wrong, 1.0)
    judged = np.where(obvious, 0.0, weights)
    weights = np.where(replaced, judgement.suggested_confidence, weights)
    weights = np.where(left_out, 0.0, weights)
    trained = np.bincount(targets[~left_out], minlength=len(class_names))
    counts = LabelCounts(
        given=int((machine & ~obvious & ~possible).sum()),
        doubtful=int(possible.sum()),
        suggested=int(replaced.sum()),
        decided=int(judgement.decided.sum()),
        left_out=int(left_out.sum()),
        classes=dict(zip(class_names, trained.tolist(), strict=True)),
    )
    return CleanedLabels(targets, weights.astype(np.float32), judged, counts)

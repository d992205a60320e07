"""How good each annotator is, judged by the others' votes."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from service.votes.consensus import Consensus, ModelEvidence
from service.votes.table import Votes

NOTABLE = 0.05  # a confusion rarer than this of a true class is not worth naming


@dataclass(frozen=True)
class AnnotatorQuality:
    """One annotator.

    Attributes
    ----------
    votes : how many
    accuracy : P(says the true class), in [0, 1], low = bad, as Dawid and Skene's model has it
    agreement : share of the votes that hold by the other votes, each vote judged without itself;
        None where nobody else voted on the same samples (and no model did)
    agreement_low, agreement_high : Wilson's interval of it
    checked : votes that the agreement rests on
    confused : (true class, class said, P) of the worst confusion, None where none is notable
    """

    annotator: str
    votes: int
    accuracy: float
    agreement: float | None
    agreement_low: float | None
    agreement_high: float | None
    checked: int
    confused: tuple[int, int, float] | None


def quality(
    votes: Votes, consensus: Consensus, *, models: ModelEvidence | None = None
) -> list[AnnotatorQuality]:
    """Every annotator, those with the most votes first.

    With `models`, a vote on a sample that nobody else voted on is checked too.
    """
    people = len(votes.annotators)
    others = consensus.leave_one_out(votes, models)
    holds = np.take_along_axis(others, votes.label[:, None], axis=1)[:, 0]
    has_check = (votes.totals[votes.sample] > 1) | (models is not None)
    weight = votes.count * has_check
    totals = np.bincount(votes.annotator, weights=votes.count, minlength=people)
    checked = np.bincount(votes.annotator, weights=weight, minlength=people)
    held = np.bincount(votes.annotator, weights=weight * holds, minlength=people)
    table = []
    for person in np.argsort(-totals, kind="stable").tolist():
        n = int(checked[person])
        low, high = _wilson(round(float(held[person])), n) if n else (None, None)
        table.append(
            AnnotatorQuality(
                annotator=votes.annotators[person],
                votes=int(totals[person]),
                accuracy=float(consensus.accuracy[person]),
                agreement=float(held[person]) / n if n else None,
                agreement_low=low,
                agreement_high=high,
                checked=n,
                confused=_worst_confusion(consensus, person),
            )
        )
    return table


def _wilson(hits: int, n: int) -> tuple[float, float]:
    found = binomtest(min(hits, n), n).proportion_ci(method="wilson")
    return float(found.low), float(found.high)


def _worst_confusion(consensus: Consensus, person: int) -> tuple[int, int, float] | None:
    """The true class and the wrong answer that stand for most of this annotator's errors."""
    if consensus.confusion is None or len(consensus.prior) < 2:
        return None
    matrix = consensus.confusion[person]
    errors = matrix * consensus.prior[:, None]
    np.fill_diagonal(errors, 0.0)
    true, said = np.unravel_index(int(errors.argmax()), errors.shape)
    rate = float(matrix[true, said])
    return (int(true), int(said), rate) if rate >= NOTABLE else None

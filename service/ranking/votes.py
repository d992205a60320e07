"""Several annotators' votes as evidence about a given label, beside the models'.

The models' P(true class) is the prior, the votes are the likelihood (`service.votes`). The models
have seen the given label already, as a vote of the crowd's; where annotators voted for it, it
counts as theirs instead, once. How far models and votes can be believed beside each other is fitted
by how well both predict a vote that is left out, which needs no truth.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.ranking.fusion import Fused
from service.ranking.noise import blocks
from service.ranking.rate import Interval
from service.votes import (
    Agreement,
    AnnotatorQuality,
    Consensus,
    ModelEvidence,
    Votes,
    agreement,
    dawid_skene,
    quality,
)

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

ELSEWHERE = 0.02  # of P(wrong) that is left for classes that the models do not name
FIT_SAMPLES = 20_000  # enough for any annotator's matrix; the fit stays independent of N
SMALLEST = 1e-30
UNSURE = 0.002  # models that were fitted to their own labels doubt none; votes may still
Z = 1.96
LIST = 200  # annotators that a summary names


@dataclass(frozen=True)
class VoteSummary:
    """Agreement and quality of the people who voted."""

    samples: int  # that have a vote
    votes: int
    agreement: Agreement
    power: float  # in (0, 1], weight of a vote relative to an independent one
    annotators: list[AnnotatorQuality]

    def to_dict(self, class_names: Any) -> dict[str, Any]:
        """JSON-ready, with class names; the `LIST` annotators with the most votes."""
        found = self.agreement
        return {
            "samples": self.samples,
            "votes": self.votes,
            "annotator_count": len(self.annotators),
            "samples_with_two": found.samples,
            "independence": self.power,
            **{
                name: None if estimate is None else vars(estimate)
                for name, estimate in (
                    ("observed_agreement", found.observed),
                    ("krippendorff_alpha", found.alpha),
                    ("fleiss_kappa", found.kappa),
                )
            },
            "annotators": [annotator_row(row, class_names) for row in self.annotators[:LIST]],
        }


def annotator_row(row: AnnotatorQuality, class_names: Any) -> dict[str, Any]:
    """One annotator, with class names."""
    confused = None
    if row.confused is not None:
        true, said, rate = row.confused
        confused = {"true": class_names[true], "said": class_names[said], "rate": rate}
    return {**vars(row), "confused": confused}


def with_votes(fused: Fused, labels: Integers, votes: Votes) -> tuple[Fused, VoteSummary]:
    """The fused evidence with the votes weighed in, and the annotators' quality.

    Parameters
    ----------
    fused : Fused, over N samples
    labels : (N,) given labels
    votes : Votes over the same N samples and classes
    """
    several = votes.totals.max(initial=0.0) > 1  # one vote each is just the given label
    rows = np.flatnonzero(votes.voted & fused.posterior.known & several)
    ours = votes.of_samples(rows)
    fitted = rows
    if len(rows) > FIT_SAMPLES:
        fitted = np.sort(np.random.default_rng(0).choice(rows, FIT_SAMPLES, replace=False))
    some = votes.of_samples(fitted)
    models = _model_evidence(fused, labels, fitted, some, fused.p_wrong)
    consensus = dawid_skene(some, models=models)
    result = _copied(fused)
    for block in blocks(len(rows), 2 * votes.n_classes):
        part = ours.of_samples(np.arange(block.start, block.stop))
        _weigh(result, fused, labels, rows[block], part, consensus)
    rate = _rate(result, ours, labels[rows]) if len(rows) else fused.noise_rate
    summary = VoteSummary(
        samples=int(votes.voted.sum()),
        votes=int(votes.count.sum()),
        agreement=agreement(votes),
        power=float(consensus.powers(some).mean()) if len(some) else consensus.power,
        annotators=quality(some, consensus, models=models),
    )
    signals = result.signals | _signals(votes, labels)
    return replace(result, noise_rate=rate, signals=signals), summary


def _rate(result: Fused, votes: Votes, labels: Integers) -> Interval:
    """The noise rate: the ends of P(wrong), and no upper end below the share of votes against.

    Of the votes against a given label some are wrong themselves, so that their share is an upper
    bound of the noise of labels that are no worse than a vote; annotators who miss the same samples
    make P(wrong) alone too sure.
    """
    for_given = votes.count * (votes.label == labels[votes.sample])
    same = np.bincount(votes.sample, weights=for_given, minlength=votes.n_samples)
    against = float((1.0 - same / votes.totals).mean()) * votes.n_samples / len(result.p_wrong)
    p = result.p_wrong
    sampling = Z * float(np.sqrt((p * (1.0 - p)).sum())) / len(p)
    high = max(float(result.p_wrong_high.mean()), against)
    low = float(result.p_wrong_low.mean())
    return Interval.ordered(p.mean(), low - sampling, high + sampling)


def _weigh(
    result: Fused, fused: Fused, labels: Integers, rows: Integers, votes: Votes, found: Consensus
) -> None:
    """Write P(wrong), its ends and the likely classes of those rows into `result`."""
    every, given = np.arange(len(rows)), labels[rows]
    for name in ("p_wrong_low", "p_wrong_high", "p_wrong"):
        true = found.posterior(
            votes, _model_evidence(fused, labels, rows, votes, getattr(fused, name))
        )
        getattr(result, name)[rows] = 1.0 - true[every, given]
    posterior = result.posterior
    posterior.predicted[rows] = np.where(
        true.max(axis=1) > 0.5, true.argmax(axis=1), posterior.predicted[rows]
    )
    true[every, given] = -1.0
    order = np.argsort(-true, axis=1, kind="stable")[:, : posterior.others.shape[1]]
    share = np.maximum(true[every[:, None], order], SMALLEST)
    posterior.others[rows] = order
    posterior.others_share[rows] = share / share.sum(axis=1, keepdims=True)


def _model_evidence(
    fused: Fused, labels: Integers, rows: Integers, votes: Votes, p_wrong: Floats
) -> ModelEvidence:
    """The models' probabilities of those rows, at their P(wrong) or an end of it."""
    given, chance = labels[rows], np.clip(p_wrong[rows], UNSURE, 1.0 - UNSURE)
    others, share = fused.posterior.others[rows], fused.posterior.others_share[rows]
    outside = votes.n_classes - 1 - others.shape[1]
    kept = 1.0 - ELSEWHERE if outside > 0 else 1.0
    prior = np.full((len(rows), votes.n_classes), (1.0 - kept) / max(1, outside))
    every = np.arange(len(rows))
    prior[every[:, None], others] = kept * share
    prior *= chance[:, None]
    prior[every, given] = 1.0 - chance
    same = votes.label == given[votes.sample]
    voted = np.bincount(votes.sample, weights=same, minlength=len(rows)) > 0
    return ModelEvidence(prior, np.where(voted, given, -1))


def _copied(fused: Fused) -> Fused:
    """Arrays of its own where votes will be written."""
    own = {name: getattr(fused, name).copy() for name in ("p_wrong", "p_wrong_low", "p_wrong_high")}
    posterior = replace(
        fused.posterior,
        predicted=fused.posterior.predicted.copy(),
        others=fused.posterior.others.copy(),
        others_share=fused.posterior.others_share.copy(),
    )
    return replace(fused, posterior=posterior, **own)


def _signals(votes: Votes, labels: Integers) -> dict[str, NDArray[np.float32]]:
    """How many voted, for the given label, and for the most voted class; NaN where nobody did."""
    totals = np.where(votes.voted, votes.totals, np.nan)
    top, most, same = (np.zeros(votes.n_samples) for _ in range(3))
    for rows in blocks(votes.n_samples, votes.n_classes):
        counts = votes.of_samples(np.arange(rows.start, rows.stop)).counts()
        top[rows], most[rows] = counts.argmax(axis=1), counts.max(axis=1)
        same[rows] = counts[np.arange(len(counts)), labels[rows]]
    values = {
        "votes": totals,
        "votes_for_given": np.where(votes.voted, same, np.nan),
        "votes_class": np.where(votes.voted, top, np.nan),
        "votes_for_class": np.where(votes.voted, most, np.nan),
    }
    return {name: value.astype(np.float32) for name, value in values.items()}

"""Evidence -> Ranking: every stage of this package in order."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from service.core.class_size import SMALL_CLASS
from service.ranking.evidence import Evidence
from service.ranking.fusion import Fused, fuse
from service.ranking.group_bands import group_bands, model_ends
from service.ranking.looks import plan_looks
from service.ranking.posterior import TOP_CLASSES
from service.ranking.rate import Interval
from service.ranking.relabelled import with_relabelled
from service.ranking.result import (
    ClassSummary,
    Ranking,
    Summary,
    VerdictCount,
)
from service.ranking.tiers import (
    Basis,
    Review,
    TierCode,
    assign_tiers,
    cannot_judge,
    promises,
    small_classes,
)
from service.ranking.verdicts import (
    MIN_CONTROLS,
    VERIFIED_CONTROLS,
    Verdicts,
    recalibrate,
)
from service.ranking.votes import with_votes

Floats = NDArray[np.float64]

SEEN = 1e-6  # expected samples below which a true class counts as absent


def rank_suspects(
    evidence: Evidence, *, seed: int = 0, verdicts: Verdicts | None = None
) -> Ranking:
    """Rank all samples by how probably their given label is wrong.

    Parameters
    ----------
    evidence : Evidence
    seed : int
        Draws the rows that calibration is fitted on in datasets above 20,000 samples; smaller ones
        use every row, so the seed changes nothing.
    verdicts : Verdicts, optional
        Reviewers' verdicts so far: they change p_wrong, tiers and summary, but not the order.

    Returns
    -------
    Ranking, arrays in sample order; the same evidence, seed and verdicts give the same bits.
    """
    labels = evidence.labels.astype(np.intp)
    fused, votes = fuse(evidence, seed=seed), None
    has_human_evidence = np.zeros(len(labels), dtype=np.bool_)
    if evidence.votes is not None and len(evidence.votes):
        fused, votes = with_votes(fused, labels, evidence.votes)
        has_human_evidence[evidence.votes.sample] = True
    withheld, tier = _tiers(fused, labels, evidence.n_classes, has_human_evidence)
    review = None
    if verdicts is not None and len(verdicts):
        review = Review(verdicts, strata=tier)
        fused = _reviewed(fused, review)
        has_human_evidence[:] = True
        withheld, tier = _tiers(fused, labels, evidence.n_classes, has_human_evidence)
    if evidence.relabelled is not None:
        fused = replace(fused, posterior=with_relabelled(fused.posterior, evidence, labels))
    suggested, confidence = _suggestions(fused, labels, tier)
    summary = _summary(evidence, fused, labels, tier, withheld, has_human_evidence, review)
    looks = None
    if review is None and not (tier == TierCode.obvious).any():
        disputed = int((fused.posterior.predicted != labels).sum())
        looks = plan_looks(disputed, int((suggested >= 0).sum()))
    order = worst_first(fused)
    low, high = _printed_bands(fused, order, has_human_evidence)
    classes, probabilities = _top(fused, labels, evidence.n_classes)
    return Ranking(
        given=labels,
        p_wrong=fused.p_wrong,
        p_wrong_low=low,
        p_wrong_high=high,
        label_score=1.0 - fused.p_wrong,
        tier=tier,
        predicted_label=fused.posterior.predicted,
        suggested_label=suggested,
        suggested_label_confidence=confidence,
        top_classes=classes,
        top_probabilities=probabilities,
        signals=fused.signals,
        order=order,
        summary=replace(summary, votes=votes, looks=looks),
        replicas=sum(t.replicas for t in evidence.trajectories),
        epochs=max((t.epochs for t in evidence.trajectories), default=0),
    )


def _tiers(
    fused: Fused, labels: NDArray[np.intp], n_classes: int, has_human_evidence: NDArray[np.bool_]
) -> tuple[list[str], NDArray[np.int8]]:
    """What cannot be judged, in words, and the tier of every sample."""
    withheld = cannot_judge(fused, labels, n_classes, has_human_evidence)
    return withheld, assign_tiers(
        fused, labels, n_classes, has_human_evidence, withhold=bool(withheld)
    )


def _reviewed(fused: Fused, review: Review) -> Fused:
    """The same order, its numbers recalibrated by reviewers' verdicts."""
    found = recalibrate(fused.p_wrong, review.strata, review.verdicts, rate=fused.noise_rate)
    known = fused.posterior.known
    return replace(
        fused,
        p_wrong=np.where(known, found.p_wrong, found.noise_rate.estimate),
        p_wrong_low=np.where(known, found.p_wrong_low, 0.0),
        p_wrong_high=np.where(known, found.p_wrong_high, 1.0),
        noise_rate=found.noise_rate,
    )


def worst_first(fused: Fused) -> NDArray[np.intp]:
    """Sample indices by falling p_wrong; ties by the pooled margin, then by sample order."""
    n = len(fused.p_wrong)
    return np.lexsort((np.arange(n), -fused.posterior.margin, -fused.p_wrong))


def _printed_bands(
    fused: Fused, order: NDArray[np.intp], has_human_evidence: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """(N,), (N,) share of wrong labels around each rank; 0 and 1 where no model knows the sample.

    Verdicts and votes bound P(wrong) themselves; without them the noise rate's ends do.
    """
    known = fused.posterior.known
    models = model_ends(fused.p_wrong, fused.noise_rate, models=len(fused.posterior.weights))
    people = (fused.p_wrong_low, fused.p_wrong_high)
    low, high = group_bands(
        fused.p_wrong,
        (
            np.where(has_human_evidence, people[0], models[0]),
            np.where(has_human_evidence, people[1], models[1]),
        ),
        order[known[order]],
    )
    return np.where(known, low, 0.0), np.where(known, high, 1.0)


def _suggestions(
    fused: Fused, labels: NDArray[np.intp], tier: NDArray[np.int8]
) -> tuple[NDArray[np.intp], Floats]:
    """The best other class of each suspect where the models prefer it to the given one; else -1."""
    best, share = fused.posterior.others[:, 0], fused.posterior.others_share[:, 0]
    wanted = (tier > TierCode.none) & (fused.posterior.predicted != labels) & (best != labels)
    confidence = np.where(wanted, fused.p_wrong * share, 0.0)
    return np.where(wanted, best, -1), confidence


def _top(fused: Fused, labels: NDArray[np.intp], n_classes: int) -> tuple[NDArray[np.intp], Floats]:
    """(N, k) most probable true classes and their probabilities, the given one among them."""
    if n_classes == 1:
        return labels[:, None], np.ones((len(labels), 1))
    others = fused.p_wrong[:, None] * fused.posterior.others_share
    classes = np.concatenate([labels[:, None], fused.posterior.others], axis=1)
    probabilities = np.concatenate([1.0 - fused.p_wrong[:, None], others], axis=1)
    kept = min(TOP_CLASSES, n_classes)
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :kept]
    every = np.arange(len(labels))[:, None]
    return classes[every, order], probabilities[every, order]


def _summary(
    evidence: Evidence,
    fused: Fused,
    labels: NDArray[np.intp],
    tier: NDArray[np.int8],
    withheld: list[str],
    has_human_evidence: NDArray[np.bool_],
    review: Review | None,
) -> Summary:
    joint = _joint(fused, labels, evidence.n_classes)
    small = small_classes(labels, evidence.n_classes)
    words = list(withheld)
    if small.size:
        names = ", ".join(f"{{{k}}}" for k in small[:10])
        more = f" and {small.size - 10} more" if small.size > 10 else ""
        words.append(f"too few samples (under {SMALL_CLASS}) to judge these classes: {names}{more}")
    return Summary(
        noise_rate=fused.noise_rate,
        noise_matrix=_row_normalised(joint),
        per_class=_per_class(fused, labels, joint),
        tiers=promises(fused, tier, has_human_evidence, review),
        cannot_judge=words,
        missing=_missing(evidence),
        verdicts=_counts(review),
        basis=_basis(review),
    )


def _counts(review: Review | None) -> dict[str, VerdictCount]:
    """Verdicts by the tier that the models alone gave the sample."""
    if review is None:
        return {code.name: VerdictCount(0, 0) for code in TierCode}
    parts = {code.name: review.verdicts.within(review.strata == code) for code in TierCode}
    return {name: VerdictCount(len(part), int(part.wrong.sum())) for name, part in parts.items()}


def _basis(review: Review | None) -> Basis:
    """The noise rate is verified once enough controls were decided, also outside both tiers."""
    if review is None:
        return Basis.ESTIMATED
    controls = review.verdicts.is_control
    outside = review.verdicts.within(review.strata == TierCode.none).is_control
    enough = controls.sum() >= VERIFIED_CONTROLS and outside.sum() >= MIN_CONTROLS
    return Basis.VERIFIED if enough else Basis.ESTIMATED


def _joint(fused: Fused, labels: NDArray[np.intp], n_classes: int) -> Floats:
    """(C, C) expected number of samples by true class (row) and given class (column)."""
    joint = np.zeros((n_classes, n_classes))
    np.add.at(joint, (labels, labels), 1.0 - fused.p_wrong)
    for place in range(fused.posterior.others.shape[1]):
        weight = fused.p_wrong * fused.posterior.others_share[:, place]
        np.add.at(joint, (fused.posterior.others[:, place], labels), weight)
    return joint


def _row_normalised(joint: Floats) -> Floats:
    totals = joint.sum(axis=1, keepdims=True)
    seen = totals > SEEN
    result: Floats = np.where(seen, joint / np.where(seen, totals, 1.0), np.eye(len(joint)))
    return result


def _per_class(fused: Fused, labels: NDArray[np.intp], joint: Floats) -> list[ClassSummary]:
    n_classes = len(joint)
    counts = np.bincount(labels, minlength=n_classes)
    sums = [
        np.bincount(labels, weights=values, minlength=n_classes)
        for values in (fused.p_wrong, fused.p_wrong_low, fused.p_wrong_high)
    ]
    table = []
    for k in range(n_classes):
        wrong, low, high = (float(total[k]) / max(1, counts[k]) for total in sums)
        wrong_by_class = joint[:, k].copy()
        wrong_by_class[k] = 0.0
        table.append(
            ClassSummary(
                class_index=k,
                given_count=int(counts[k]),
                wrong_count=float(sums[0][k]),
                noise_rate=Interval.ordered(wrong, low, high),
                most_confused_with=int(wrong_by_class.argmax())
                if wrong_by_class.max() > 0
                else None,
            )
        )
    return table


def _missing(evidence: Evidence) -> list[str]:
    words = []
    if not evidence.trajectories:
        words.append(
            "no trajectories: the ranking uses class probabilities only, without training"
            " dynamics and without the spread across replicas"
        )
    if not evidence.probabilities:
        words.append("no second model family: suspects are judged by the replicas alone")
    return words

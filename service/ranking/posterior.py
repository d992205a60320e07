"""What the out-of-sample probabilities of all families say once the noise matrix is undone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from service.ranking.evidence import Evidence
from service.ranking.foundation import foundation
from service.ranking.matrix_shrinkage import shrink_noise_matrix
from service.ranking.noise import (
    anchor_noise_matrix,
    blocks,
    clean_posterior,
    confident_joint_noise_matrix,
    tops,
    true_class_posterior,
)
from service.ranking.pooling import Pool, fit_pool, log_probabilities
from service.ranking.rate import RateClues
from service.ranking.trajectory import Trajectory

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

TOP_CLASSES = 5
RATE_ROWS = 20_000
DOUBT = 0.1  # no class is impossible: so much of the noise rate is spread over all classes
SMALLEST_SHARE = 1e-30  # where every other class underflows they are all alike
SURE_SHARE = 0.20  # of the samples, by the pooled probability of the predicted class
LARGEST_SPREAD = 4.0  # on the logit scale; families clipped at their floor say no more than this


@dataclass(frozen=True)
class Posterior:
    """Per sample, in sample order, unless stated otherwise."""

    p_wrong: Floats  # (N,) high = bad
    margin: Floats  # (N,) log of the best other class over the given one, pooled; high = bad
    spread: Floats  # (N,) standard deviation across families of logit P(not given label)
    known: NDArray[np.bool_]  # (N,) False where no family has a row for the sample
    unanimous: NDArray[np.bool_]  # (N,) every family is for one other class, and surely so
    predicted: Integers  # (N,) most probable true class before the given label is looked at
    others: Integers  # (N, k) classes other than the given one, most probable first
    others_share: Floats  # (N, k) P(true class | given label wrong); rows sum to 1
    matrix: Floats  # (C, C) noise matrix used, rows = true class
    clues: RateClues
    weights: dict[str, float]  # of each family in the pool
    gap: Floats  # (N,) best other class less the given one, pooled; high = bad
    founded: float  # in [0, 1], how far the inversion of one family alone may order


def out_of_sample_posterior(evidence: Evidence, *, seed: int) -> Posterior:
    """Pool the families, estimate the noise matrix, and undo it for every sample."""
    labels, n, n_classes = evidence.labels, len(evidence), evidence.n_classes
    families = model_families(evidence)
    pool = fit_pool(families, labels, seed=seed)
    anchors = anchor_noise_matrix(pool, n, n_classes)
    joint = confident_joint_noise_matrix(pool, labels, n_classes)
    confidence, predicted = tops(pool, n, n_classes)
    matrix = shrink_noise_matrix(anchors, confidence, predicted, labels)
    sureness = confidence / np.diag(matrix)[predicted]  # noisy classes have low probabilities too
    kept = max(1, min(TOP_CLASSES, n_classes - 1))
    clues = RateClues(
        anchors=_rate(pool, anchors, labels, seed),
        joint=_rate(pool, joint, labels, seed),
        **_disagreement(sureness, predicted != labels),
    )
    result = Posterior(
        p_wrong=np.empty(n),
        margin=np.empty(n),
        spread=np.empty(n),
        known=np.empty(n, dtype=np.bool_),
        unanimous=(predicted != labels) & (sureness >= np.quantile(sureness, 1 - SURE_SHARE)),
        predicted=np.empty(n, dtype=np.intp),
        others=np.empty((n, kept), dtype=np.intp),
        others_share=np.empty((n, kept)),
        matrix=matrix,
        clues=clues,
        weights=pool.weights,
        gap=np.empty(n),
        founded=foundation(matrix, clues, confidence, predicted, labels),
    )
    for rows in blocks(n, n_classes):
        _fill(result, rows, pool, labels[rows])
    return result


def model_families(evidence: Evidence) -> dict[str, NDArray[np.floating]]:
    """All out-of-sample (N, C) probabilities by name; the replicas' out-of-bag ones are one."""
    families: dict[str, NDArray[np.floating]] = dict(evidence.probabilities)
    if evidence.trajectories:
        families["replicas"] = _out_of_bag(evidence.trajectories)
    return families


def _out_of_bag(trajectories: list[Trajectory]) -> NDArray[np.float32]:
    """Mean over shards weighted by out-of-bag replicas, (N, C); NaN where no shard has one."""
    if len(trajectories) == 1:
        return trajectories[0].probs_out_of_bag
    sums = np.zeros(trajectories[0].probs_out_of_bag.shape, dtype=np.float32)
    counts = np.zeros((len(sums), 1), dtype=np.float32)
    for trajectory in trajectories:
        outside = (trajectory.in_bag == 0).sum(axis=1, dtype=np.float32)[:, None]
        sums += np.nan_to_num(trajectory.probs_out_of_bag) * outside
        counts += outside
    result: NDArray[np.float32] = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return result


def _fill(result: Posterior, rows: slice, pool: Pool, labels: NDArray[np.integer]) -> None:
    noisy = pool(rows)
    every = np.arange(len(labels))
    clean = clean_posterior(noisy.astype(np.float32), result.matrix)
    doubt = DOUBT * (1.0 - float(np.diag(result.matrix).mean()))
    clean = (1.0 - doubt) * clean + doubt / clean.shape[1]
    true = true_class_posterior(clean, result.matrix, labels)
    result.p_wrong[rows] = 1.0 - true[every, labels]
    result.predicted[rows] = clean.argmax(axis=1)
    result.spread[rows], result.known[rows] = _family_spread(pool, rows, labels)
    for family in pool.families.values():
        result.unanimous[rows] &= family[rows].argmax(axis=1) == noisy.argmax(axis=1)
    given = noisy[every, labels]
    noisy[every, labels] = 0.0
    result.margin[rows] = np.log(np.maximum(noisy.max(axis=1), 1e-12) / np.maximum(given, 1e-12))
    result.gap[rows] = noisy.max(axis=1) - given
    true[every, labels] = -1.0
    order = np.argsort(-true, axis=1, kind="stable")[:, : result.others.shape[1]]
    share = np.maximum(true[every[:, None], order], SMALLEST_SHARE)
    result.others[rows] = order
    result.others_share[rows] = share / share.sum(axis=1, keepdims=True)


def _family_spread(
    pool: Pool, rows: slice, labels: NDArray[np.integer]
) -> tuple[Floats, NDArray[np.bool_]]:
    """(n,) disagreement of the families on logit scale, and whether any family knows the sample."""
    logits, known = [], np.zeros(len(labels), dtype=np.bool_)
    for probabilities in pool.families.values():
        block = probabilities[rows]
        row_known = ~np.isnan(block[:, 0])
        known |= row_known
        given = np.exp(log_probabilities(block)[np.arange(len(labels)), labels])
        logits.append(np.where(row_known, logit(np.clip(1 - given, 1e-4, 1 - 1e-4)), np.nan))
    if len(logits) == 1 or not known.any():
        return np.zeros(len(labels)), known
    stacked = np.ma.masked_invalid(np.stack(logits))
    spread: Floats = stacked.std(axis=0).filled(0.0)
    return np.minimum(spread, LARGEST_SPREAD), known


def _rate(pool: Pool, matrix: Floats, labels: NDArray[np.integer], seed: int) -> float:
    """Mean P(given label wrong) under that noise matrix."""
    rows: slice | Integers = slice(None)
    if len(labels) > RATE_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(len(labels), RATE_ROWS, replace=False))
    drawn = labels[rows]
    true = true_class_posterior(
        clean_posterior(pool(rows).astype(np.float32), matrix), matrix, drawn
    )
    return float(1.0 - true[np.arange(len(drawn)), drawn].mean()) if len(drawn) else 0.0


def _disagreement(sureness: NDArray[np.floating], wrong: NDArray[np.bool_]) -> dict[str, float]:
    """Share of labels that are not the prediction: of all, of the surest half and fifth."""
    half, fifth = np.quantile(sureness, [0.5, 0.8])
    return {
        "error": float(wrong.mean()),
        "error_half": float(wrong[sureness >= half].mean()),
        "error_fifth": float(wrong[sureness >= fifth].mean()),
    }

"""One function per signal: how the replicas treated each sample, a block of samples at a time.

Every signal maps a `Block` of n samples to (n,) float. Epoch arrays are read once per block, so
memory stays bounded and the work is linear in samples, whatever the trajectories' size.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from service.ranking.trajectory import Trajectory

Signal = NDArray[np.float32]

BLOCK_VALUES = 8_000_000  # one epoch array of one block, in values
LATE_SHARE = 3  # the last third of the epochs counts as late


@dataclass(frozen=True)
class Block:
    """Some samples' part of all trajectories (shards), in sample order.

    Epoch arrays are (E, n, K) per shard; E may differ between shards.
    """

    labels: NDArray[np.integer]  # (n,)
    n_classes: int
    margin: list[NDArray[np.float32]]
    p_given: list[NDArray[np.float32]]
    predicted: list[NDArray[Any]]
    in_bag: list[NDArray[np.uint8]]  # (n, K)

    @property
    def replicas(self) -> int:
        return sum(bag.shape[1] for bag in self.in_bag)

    @cached_property
    def mean_margin(self) -> NDArray[np.float32]:
        """(n, K over all shards), mean over epochs."""
        return np.concatenate([margin.mean(axis=0) for margin in self.margin], axis=1)

    @cached_property
    def mean_p_given(self) -> NDArray[np.float32]:
        """(n, K over all shards), mean over epochs."""
        return np.concatenate([p.mean(axis=0) for p in self.p_given], axis=1)

    @cached_property
    def out_of_bag(self) -> NDArray[np.bool_]:
        """(n, K over all shards), True where the replica never trained on the sample."""
        return np.concatenate([bag == 0 for bag in self.in_bag], axis=1)

    @cached_property
    def right(self) -> list[NDArray[np.bool_]]:
        """(E, n, K) per shard, True where the replica predicts the given label."""
        return [predicted == self.labels[None, :, None] for predicted in self.predicted]

    @cached_property
    def votes(self) -> NDArray[np.int32]:
        """(n, C): how many replicas predict each class at their last epoch."""
        counts = np.zeros((len(self.labels), self.n_classes), dtype=np.int32)
        rows = np.arange(len(self.labels))
        for predicted in self.predicted:
            for replica in range(predicted.shape[2]):
                counts[rows, predicted[-1, :, replica]] += 1  # one class per row: no duplicates
        return counts


def aum(block: Block) -> Signal:
    """Mean margin over epochs and replicas (Pleiss et al., NeurIPS 2020). Low = bad."""
    return _signal(block.mean_margin.mean(axis=1))


def p_given(block: Block) -> Signal:
    """Mean probability of the given label over epochs and replicas, in [0, 1]. Low = bad."""
    return _signal(block.mean_p_given.mean(axis=1))


def p_given_out_of_bag(block: Block) -> Signal:
    """The same over replicas that never trained on the sample; NaN where none. Low = bad."""
    return _masked_mean(block.mean_p_given, block.out_of_bag)


def aum_out_of_bag(block: Block) -> Signal:
    """Mean margin over replicas that never trained on the sample; NaN where none. Low = bad."""
    return _masked_mean(block.mean_margin, block.out_of_bag)


def variability(block: Block) -> Signal:
    """Standard deviation of p(given) over epochs, mean over replicas, in [0, .5].

    Neither high nor low is bad by itself: high is ambiguous, low is easy where `p_given` is high
    and hard or wrong where it is low (Swayamdipta et al., Dataset Cartography, EMNLP 2020).
    """
    spreads = [p.std(axis=0) for p in block.p_given]
    return _signal(np.concatenate(spreads, axis=1).mean(axis=1))


def late_margin(block: Block) -> Signal:
    """Mean margin over the second half of the epochs and all replicas. Low = bad."""
    halves = [margin[len(margin) // 2 :].mean(axis=0) for margin in block.margin]
    return _signal(np.concatenate(halves, axis=1).mean(axis=1))


def disagreement_out_of_bag(block: Block) -> Signal:
    """Share of out-of-bag (late epoch, replica) pairs that predict another class. High = bad.

    In [0, 1]; NaN where no replica is out of bag.
    """
    late = [right[-max(1, len(right) // LATE_SHARE) :] for right in block.right]
    wrong = np.concatenate([1.0 - right.mean(axis=0) for right in late], axis=1)
    return _masked_mean(wrong.astype(np.float32), block.out_of_bag)


def forgetting_events(block: Block) -> Signal:
    """Right -> wrong changes between epochs, mean over replicas (Toneva 2019). High = bad."""
    events = [(right[:-1] & ~right[1:]).sum(axis=0) for right in block.right]
    return _signal(np.concatenate(events, axis=1).mean(axis=1))


def first_learned(block: Block) -> Signal:
    """First epoch (0-based) that predicts the given label, as a share of all epochs. High = bad.

    Mean over replicas; 1 = never learned.
    """
    shares = []
    for right in block.right:
        epochs = len(right)
        first = np.where(right.any(axis=0), right.argmax(axis=0), epochs)
        shares.append(first / epochs)
    return _signal(np.concatenate(shares, axis=1).mean(axis=1))


def spread_p_given(block: Block) -> Signal:
    """Standard deviation across replicas of their mean p(given). High = uncertain."""
    return _signal(block.mean_p_given.std(axis=1))


def spread_margin(block: Block) -> Signal:
    """Standard deviation across replicas of their mean margin. High = uncertain."""
    return _signal(block.mean_margin.std(axis=1))


def aleatoric(block: Block) -> Signal:
    """Doubt that the out-of-bag replicas share: mean over them of H(p_k), in bits. High = bad.

    p_k is replica k's mean p(given) over late epochs and H the entropy of "the given label holds or
    not": class probabilities of single replicas are not recorded, so this is the exact part for the
    given label, not for all classes. In [0, 1]; NaN where fewer than two replicas are out of bag.
    """
    chances = _late_out_of_bag(block)
    return _signal(_nan_mean(_binary_entropy(chances)))


def epistemic(block: Block) -> Signal:
    """Doubt that more data would settle: H(mean p_k) minus `aleatoric`, in bits. High = uncertain.

    The mutual information between "the given label holds" and the choice of replica (Depeweg et
    al., ICML 2018); their sum is the predictive entropy. In [0, 1]; NaN as there.
    """
    chances = _late_out_of_bag(block)
    total = _binary_entropy(_nan_mean(chances))
    return _signal(np.maximum(total - _nan_mean(_binary_entropy(chances)), 0.0))


def majority_class(block: Block) -> Signal:
    """Class that most replicas predict at their last epoch (smallest index on a tie)."""
    return _signal(block.votes.argmax(axis=1))


def majority_share(block: Block) -> Signal:
    """Share of replicas behind the majority class, in (0, 1]."""
    return _signal(block.votes.max(axis=1) / block.replicas)


def memorised(block: Block) -> Signal:
    """Mean p(given) in the bag minus out of it; high = fitted only by rote. NaN if undefined."""
    return _masked_mean(block.mean_p_given, ~block.out_of_bag) - p_given_out_of_bag(block)


SIGNALS: dict[str, Callable[[Block], Signal]] = {
    "aum": aum,
    "aum_out_of_bag": aum_out_of_bag,
    "late_margin": late_margin,
    "p_given": p_given,
    "p_given_out_of_bag": p_given_out_of_bag,
    "disagreement_out_of_bag": disagreement_out_of_bag,
    "forgetting_events": forgetting_events,
    "first_learned": first_learned,
    "variability": variability,
    "spread_p_given": spread_p_given,
    "spread_margin": spread_margin,
    "aleatoric": aleatoric,
    "epistemic": epistemic,
    "majority_class": majority_class,
    "majority_share": majority_share,
    "memorised": memorised,
}


def trajectory_signals(
    trajectories: list[Trajectory], labels: NDArray[np.integer], n_classes: int
) -> dict[str, Signal]:
    """Every signal of SIGNALS for all N samples; nothing where there is no trajectory."""
    if not trajectories:
        return {}
    result = {name: np.empty(len(labels), dtype=np.float32) for name in SIGNALS}
    for rows, block in trajectory_blocks(trajectories, labels, n_classes):
        for name, signal in SIGNALS.items():
            result[name][rows] = signal(block)
    return result


def trajectory_blocks(
    trajectories: list[Trajectory], labels: NDArray[np.integer], n_classes: int
) -> Iterator[tuple[slice, Block]]:
    """All samples in order, a bounded block at a time, with the slice each block covers."""
    per_sample = sum(t.margin.shape[0] * t.margin.shape[2] for t in trajectories) + n_classes
    step = max(1, BLOCK_VALUES // per_sample)
    for start in range(0, len(labels), step):
        rows = slice(start, min(len(labels), start + step))
        yield (
            rows,
            Block(
                labels=labels[rows],
                n_classes=n_classes,
                margin=[np.asarray(t.margin[:, rows], dtype=np.float32) for t in trajectories],
                p_given=[np.asarray(t.p_given[:, rows], dtype=np.float32) for t in trajectories],
                predicted=[np.asarray(t.predicted[:, rows]) for t in trajectories],
                in_bag=[np.asarray(t.in_bag[rows]) for t in trajectories],
            ),
        )


def _signal(values: NDArray[Any]) -> Signal:
    result: Signal = values.astype(np.float32)
    return result


def _masked_mean(values: NDArray[np.float32], mask: NDArray[np.bool_]) -> Signal:
    """Mean of (n, K) over the True entries of each row; NaN where there is none."""
    counts = mask.sum(axis=1)
    sums = np.where(mask, values, 0.0).sum(axis=1)
    result: Signal = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).astype(np.float32)
    return result


def _late_out_of_bag(block: Block) -> NDArray[np.float64]:
    """(n, K) p(given), mean over late epochs; NaN in the bag, and where one replica is alone."""
    late = [p[-max(1, len(p) // LATE_SHARE) :].mean(axis=0) for p in block.p_given]
    alone = block.out_of_bag.sum(axis=1, keepdims=True) < 2
    chances = np.concatenate(late, axis=1).astype(np.float64)
    return np.where(block.out_of_bag & ~alone, chances, np.nan)


def _nan_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of each row's numbers; NaN where it has none."""
    known = ~np.isnan(values)
    counts = known.sum(axis=1)
    sums = np.where(known, values, 0.0).sum(axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _binary_entropy(chances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Entropy of yes or no with those chances, in bits; NaN stays."""
    result: NDArray[np.float64] = (entr(chances) + entr(1.0 - chances)) / np.log(2.0)
    return result


def family_signals(
    probabilities: Mapping[str, NDArray[np.floating]], labels: NDArray[np.integer]
) -> dict[str, Signal]:
    """Per family its probability of the given label (low = bad); top class of neighbours too."""
    every = np.arange(len(labels))
    signals = {f"p_given_{name}": _signal(p[every, labels]) for name, p in probabilities.items()}
    if "neighbours" in probabilities:
        votes = np.nan_to_num(probabilities["neighbours"])
        signals["neighbours_class"] = _signal(votes.argmax(axis=1))
        signals["neighbours_share"] = _signal(votes.max(axis=1))
    return signals

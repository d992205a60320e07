"""Groups of samples in which predictions agree with labels far less often than elsewhere."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2, vq
from scipy.stats import binomtest, hypergeom

from service.issues.dataset_checks import Check
from service.issues.geometry import WIDE, project

SMALLEST = 30  # samples; of fewer, an accuracy says little
SHARE = 0.5  # of the samples, at most: beyond it, the others are the group
FAR = 0.1  # below the accuracy elsewhere
CHANCE = 0.01  # that any group at all is named where all are alike
SHOWN, EXAMPLES = 10, 3
PER_CLUSTER, MOST_CLUSTERS = 60, 50
FITTED = 10_000  # samples that place the centres


@dataclass(frozen=True)
class Grouping:
    """N samples in groups.

    Attributes
    ----------
    kind : "split", "column" or "cluster"
    codes : (N,) int, number of each sample's group, -1 = in none
    names : of the groups
    """

    kind: str
    codes: NDArray[np.integer[Any]]
    names: Sequence[str]


@dataclass(frozen=True)
class Group:
    """A group that was named.

    Attributes
    ----------
    size : samples with a prediction, one of each set of near duplicates
    accuracy : share of them whose prediction is the given label; low = bad
    low, high : 95 % interval of the accuracy
    elsewhere : the same share of all other samples
    rows : of a few samples of the group whose prediction is another label
    """

    kind: str
    name: str
    size: int
    accuracy: float
    low: float
    high: float
    elsewhere: float
    rows: list[int]


def underperforming_groups(
    agrees: NDArray[np.bool_], counts: NDArray[np.bool_], groupings: Iterable[Grouping]
) -> list[Group]:
    """The groups, worst first.

    A group is named if its accuracy is at least ten points below the one elsewhere, and if a
    random group of its size would be as bad with a probability (hypergeometric, as in Fisher's
    exact test) below .01 over the number of groups tested.

    Parameters
    ----------
    agrees : (N,) whether the out-of-sample prediction is the given label
    counts : (N,) False for samples that say nothing: without a prediction, or a copy of another
    """
    total, right = int(counts.sum()), int((agrees & counts).sum())
    tested: list[tuple[float, Group]] = []
    for grouping in groupings:
        known = counts & (grouping.codes >= 0)
        sizes = np.bincount(grouping.codes[known], minlength=len(grouping.names))
        hits = np.bincount(grouping.codes[known & agrees], minlength=len(grouping.names))
        for code in np.flatnonzero((sizes >= SMALLEST) & (sizes <= SHARE * total)):
            size, hit = int(sizes[code]), int(hits[code])
            p = float(hypergeom.cdf(hit, total, right, size))
            wrong = np.flatnonzero(known & ~agrees & (grouping.codes == code))
            interval = binomtest(hit, size).proportion_ci(0.95, "wilson")
            tested.append(
                (
                    p,
                    Group(
                        kind=grouping.kind,
                        name=grouping.names[int(code)],
                        size=size,
                        accuracy=hit / size,
                        low=float(interval.low),
                        high=float(interval.high),
                        elsewhere=(right - hit) / (total - size),
                        rows=wrong[:EXAMPLES].tolist(),
                    ),
                )
            )
    bound = CHANCE / max(1, len(tested))
    found = [group for p, group in tested if p < bound and group.accuracy <= group.elsewhere - FAR]
    return sorted(found, key=lambda group: group.accuracy)


def groups_check(found: Sequence[Group], sample_ids: Sequence[Sequence[str]]) -> Check:
    """The groups in a sentence, and each with `sample_ids` of a few of its samples."""
    if not found:
        detail = "In no group do predictions agree with labels far less often than elsewhere."
        return Check("underperforming_group", False, 0, detail)
    worst, more = found[0], len(found) - 1
    detail = (
        f"In {worst.name}, predictions agree with {worst.accuracy:.0%} of {worst.size:,} labels "
        f"(95 % interval {worst.low:.0%} to {worst.high:.0%}); "
        f"elsewhere with {worst.elsewhere:.0%}."
    )
    if more:
        detail += f" {more} other group{'s are' if more > 1 else ' is'} also worse than elsewhere."
    groups = [
        {
            "kind": group.kind,
            "name": group.name,
            "size": group.size,
            "accuracy": round(group.accuracy, 4),
            "accuracy_low": round(group.low, 4),
            "accuracy_high": round(group.high, 4),
            "elsewhere": round(group.elsewhere, 4),
            "sample_ids": list(ids),
        }
        for group, ids in zip(found[:SHOWN], sample_ids, strict=False)
    ]
    return Check("underperforming_group", True, worst.size, detail, groups)


def clusters(
    vectors: NDArray[Any],
    labels: NDArray[np.integer],
    class_names: Sequence[str],
    *,
    seed: int = 0,
) -> Grouping | None:
    """Clusters of the vectors (N, ...), at most 50 of about 60 samples or more; None of too few.

    They are found without the labels, which only name them: so a cluster is not bad by choice.
    """
    number = min(MOST_CLUSTERS, len(vectors) // PER_CLUSTER)
    if number < 2:
        return None
    points = project(vectors)
    if points.shape[1] >= WIDE:
        points = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    generator = np.random.default_rng(seed)
    some = generator.permutation(len(points))[:FITTED]
    centres, _ = kmeans2(points[some], number, minit="++", rng=generator)
    codes, _ = vq(points, centres)
    names = [
        f"cluster {code + 1} (mostly {class_names[_most(labels[codes == code])]})"
        for code in range(number)
    ]
    return Grouping("cluster", codes, names)


def _most(labels: NDArray[np.integer]) -> int:
    return int(np.bincount(labels, minlength=1).argmax())


def only_first(sets: NDArray[np.integer]) -> NDArray[np.bool_]:
    """(N,) True for samples that are in no set of near duplicates, and the first of each set."""
    result = sets < 0
    _, first = np.unique(sets, return_index=True)
    result[first] = True
    return result

"""How often groups are named by chance, how often where they are worse, and what it costs.

    python -m benchmarks.groups [--datasets 200]

Each dataset has 1,000 samples of four classes with random labels, 16 features and five columns of
six values each; predictions are those of the ten nearest others. In the second part, predictions
fail more often for the samples of a single value.
"""

import argparse
import time

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from service.issues.groups import Grouping, clusters, underperforming_groups

SAMPLES, CLASSES, COLUMNS, VALUES = 1000, 4, 5, 6
NAMES = list("abcdef")
ACCURACY = 0.9


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--datasets", type=int, default=200)
    count = parser.parse_args().datasets
    by_chance = sum(_named(np.random.default_rng(seed)) for seed in range(count))
    print(f"named by chance: in {by_chance} of {count} datasets")
    for worse in (0.1, 0.15, 0.2, 0.3):
        found = sum(_found(np.random.default_rng(seed), worse) for seed in range(count))
        print(
            f"accuracy {ACCURACY:.0%}, in one value {worse:.0%} less: found in {found / count:.0%}"
        )
    vectors = np.random.default_rng(0).normal(size=(50_000, 384)).astype(np.float32)
    labels = np.zeros(50_000, np.int64)
    start = time.perf_counter()
    clusters(vectors, labels, ["a"])
    print(f"clusters of 50,000 x 384: {time.perf_counter() - start:.1f} s")


def _columns(generator: np.random.Generator) -> list[Grouping]:
    codes = generator.integers(0, VALUES, (COLUMNS, SAMPLES))
    return [Grouping("column", column, NAMES) for column in codes]


def _named(generator: np.random.Generator) -> bool:
    labels = generator.integers(0, CLASSES, SAMPLES)
    vectors = generator.normal(size=(SAMPLES, 16))
    agrees = _nearest(vectors, labels) == labels
    grouped = clusters(vectors, labels, NAMES)
    assert grouped is not None
    return bool(
        underperforming_groups(agrees, np.ones(SAMPLES, bool), [*_columns(generator), grouped])
    )


def _nearest(vectors: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.intp]:
    near = NearestNeighbors(n_neighbors=10).fit(vectors).kneighbors(return_distance=False)
    votes = np.stack([(labels[near] == one).sum(axis=1) for one in range(CLASSES)])
    result: NDArray[np.intp] = votes.argmax(axis=0)
    return result


def _found(generator: np.random.Generator, worse: float) -> bool:
    columns = _columns(generator)
    rate = np.where(columns[2].codes == 3, ACCURACY - worse, ACCURACY)
    agrees = generator.random(SAMPLES) < rate
    found = underperforming_groups(agrees, np.ones(SAMPLES, bool), columns)
    return any(group.name == NAMES[3] for group in found)


if __name__ == "__main__":
    main()

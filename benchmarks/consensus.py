"""Consensus of votes alone: ours beside the majority and crowd-kit, on sets with known truth.

python -m benchmarks.consensus TABLE    # a Parquet: dataset, worker, item, label, gold
"""

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from crowdkit.aggregation import DawidSkene
from numpy.typing import NDArray

from service.votes import Votes, agreement, dawid_skene

Floats = NDArray[np.float64]
FLOOR = 1e-6


def main() -> None:
    assert __doc__
    parser = argparse.ArgumentParser("benchmarks.consensus", description=__doc__.split("\n")[0])
    parser.add_argument("table", type=Path)
    table = pd.read_parquet(parser.parse_args().table)
    print(f"{'set':<14}{'method':<24}{'accuracy':>9}{'log loss':>9}{'seconds':>9}  alpha")
    losses: dict[str, list[float]] = {}
    for name, rows in table.groupby("dataset"):
        votes = Votes.of(rows.item.tolist(), rows.worker.tolist(), rows.label.tolist())
        truth = _truth(rows)
        found = agreement(votes).alpha
        alpha = "" if found is None else f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
        for method, run in METHODS.items():
            started = time.perf_counter()
            probabilities = run(votes)
            seconds = time.perf_counter() - started
            known = truth >= 0
            chosen, wanted = probabilities[known], truth[known]
            right = float((chosen.argmax(axis=1) == wanted).mean())
            chance = np.maximum(chosen[np.arange(len(wanted)), wanted], FLOOR)
            loss = float(-np.log(chance).mean())
            losses.setdefault(method, []).append(loss)
            print(f"{name:<14}{method:<24}{right:>9.3f}{loss:>9.3f}{seconds:>9.2f}  {alpha}")
    for method, values in losses.items():
        print(f"{'mean':<14}{method:<24}{'':>9}{np.mean(values):>9.3f}")


def _truth(rows: pd.DataFrame) -> NDArray[np.intp]:
    """(n_samples,) class index of the gold label in the order of `Votes.of`; -1 = unknown."""
    classes = {name: k for k, name in enumerate(np.unique(rows.label.astype(str)).tolist())}
    gold = rows.drop_duplicates("item").assign(item=lambda t: t.item.astype(str))
    by_item = gold.set_index("item").gold.astype(str).sort_index()
    return np.array([classes.get(value, -1) for value in by_item], np.intp)


def _shares(votes: Votes) -> Floats:
    return votes.counts() / np.maximum(votes.totals, 1)[:, None]


def _crowd_kit(votes: Votes) -> Floats:
    table = pd.DataFrame({"task": votes.sample, "worker": votes.annotator, "label": votes.label})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = DawidSkene(n_iter=100).fit(table).probas_
    assert found is not None
    order = found.reindex(index=range(votes.n_samples), columns=range(votes.n_classes))
    return np.asarray(order.fillna(0.0), np.float64)


METHODS: dict[str, Callable[[Votes], Floats]] = {
    "shares of votes": _shares,
    "crowd-kit Dawid-Skene": _crowd_kit,
    "ours, no pseudo-votes": lambda votes: (
        dawid_skene(votes, own=0, crowd=0, tempered=False).probabilities
    ),
    "ours": lambda votes: dawid_skene(votes).probabilities,
}


if __name__ == "__main__":
    main()

"""What the whole engine costs beside cleanlab's pipeline on the same vectors and processors.

    python -m benchmarks.speed PACK [--repeats 3] [--threads 1]

The engine is every shard of the plan (replicas, neighbours, ...) and the ranking; the pipeline is
five-fold logistic regression of scikit-learn and `find_label_issues`. Both run in every repeat, one
after the other, and the ratio is that of the medians. On a busy machine two threads that wait for
each other count as work: `--threads 1` counts what each has to compute.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import median

import numpy as np
import torch
from cleanlab.filter import find_label_issues
from sklearn.metrics import average_precision_score
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from benchmarks.cost import Cost, measured
from benchmarks.packs import Pack, read_packs
from benchmarks.peers import logistic_probabilities
from service.options.training import TrainingConfig
from service.ranking import rank_suspects
from worker.training.plan import plan_shards
from worker.training.shard import load_evidence, run_shard

WARM_UP = 300  # samples on which both run once, so that what they import is not counted
Parts = dict[str, Cost]


def main() -> None:
    assert __doc__
    parser = argparse.ArgumentParser("benchmarks.speed", description=__doc__.split("\n")[0])
    parser.add_argument("pack", type=Path, metavar="PACK", help="a folder or an .npz")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, help="of each of the two; else what they take")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as cache, threadpool_limits(options.threads):
        pack = next(iter(read_packs(options.pack, Path(cache))))
        few = pack.rows(np.arange(min(WARM_UP, len(pack.labels))))
        _engine(few, seed=0), _cleanlab(few, seed=0)
        engine, cleanlab = [], []
        for seed in range(options.repeats):
            engine.append(_engine(pack, seed))
            cleanlab.append(_cleanlab(pack, seed))
    totals = [_print("engine", engine), _print("cleanlab", cleanlab)]
    for name in ("wall", "cpu"):
        print(f"ratio of {name} seconds: {getattr(totals[0], name) / getattr(totals[1], name):.2f}")


def _engine(pack: Pack, seed: int) -> Parts:
    assert pack.vectors is not None
    config = TrainingConfig(seed=seed)
    shards = plan_shards(config, shape=pack.vectors.shape, n_classes=pack.n_classes)
    parts: Parts = {}
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / str(shard.number) for shard in shards]
        for shard, path in zip(shards, paths, strict=True):
            with measured() as cost:
                run_shard(shard, pack.vectors, pack.labels, pack.n_classes, path)
            parts[shard.family] = parts.get(shard.family, Cost()) + cost
        with measured() as cost:
            evidence = load_evidence(paths, pack.labels, pack.n_classes)
            ranking = rank_suspects(evidence, seed=seed)
        parts["ranking"] = cost
    known = pack.truth >= 0
    if known.any() and len(known) > WARM_UP:
        wrong = (pack.truth != pack.labels)[known]
        found = average_precision_score(wrong, ranking.p_wrong[known])
        print(f"seed {seed}: average precision {found:.4f}")
    return parts


def _cleanlab(pack: Pack, seed: int) -> Parts:
    assert pack.vectors is not None
    with measured() as fit:
        probabilities = logistic_probabilities(
            pack.vectors, pack.labels, pack.n_classes, seed=seed, strength=1.0
        )
    with measured() as filtering:
        find_label_issues(
            pack.labels, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1
        )
    return {"logistic regression": fit, "find_label_issues": filtering}


def _print(name: str, runs: list[Parts]) -> Cost:
    """Medians over the runs by part, and that of the totals, which is returned."""
    totals = [sum(run.values(), Cost()) for run in runs]
    for part in runs[0]:
        _line(f"{name}: {part}", [run[part] for run in runs])
    return _line(name, totals)


def _line(name: str, costs: list[Cost]) -> Cost:
    middle = Cost(median(cost.wall for cost in costs), median(cost.cpu for cost in costs))
    each = ", ".join(f"{cost.cpu:.1f}" for cost in costs)
    print(f"{name:<32} wall {middle.wall:7.1f}  cpu {middle.cpu:7.1f}  ({each})")
    return middle


if __name__ == "__main__":
    main()

"""How near the noise matrix that each objective learns is to the true one.

    python -m benchmarks.recovery PACK... [--samples 1500 10000] [--seeds 0 1 2]

Each pack's true labels are flipped by a known matrix T: `class`, where each class loses its own
share (.1 to .3) to others in its own proportions, and `pairs`, where each loses .4 to one other.
Every objective then trains as an audit would, with the production plan and its defaults. Distances
are L1: the mean over the rows of sum_j |T_ij - learned_ij|, in [0, 2], low = good. Beside them
stand those of the identity, which says that there is no noise, and of the confident joint on the
out-of-bag probabilities of cross entropy.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.objectives import score
from benchmarks.packs import Pack, read_packs
from service.options.training import TrainingConfig
from service.ranking.trajectory import Trajectory
from worker.objectives.estimation import estimate
from worker.training.families import standardise
from worker.training.plan import plan_shards
from worker.training.shard import ShardRun, learned_noise_matrix, train_network

Matrix = NDArray[np.float64]
METHODS = (
    "forward",
    "forward matrix_source=anchors",
    "forward matrix_source=em",
    "backward",
    "soft_noise",
    "instance_transition",
    "noise_layer",
    "noise_layer form=softmax",
    "dropout_noise_layer",
    "nnaqc",
)
NOISES = ("class", "pairs")
PAIR_SHARE = 0.4


@dataclass(frozen=True)
class Row:
    """One training. `distance` is the L1 of the matrix, low = good; the shares are in [0, 1]."""

    pack: str
    samples: int
    noise: str
    seed: int
    method: str
    distance: float
    ap_margin: float
    ap_out_of_bag: float
    seconds: float


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    rows: list[Row] = []
    for row in run(options):
        rows.append(row)
        print(json.dumps(asdict(row)), flush=True)
    print(table(rows))
    return 0


def run(options: argparse.Namespace) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as cache:
        packs = [pack for path in options.packs for pack in read_packs(path, Path(cache))]
        for pack in packs:
            for samples in options.samples:
                if len(pack.labels) < samples:
                    print(f"{pack.name} has fewer than {samples} samples", file=sys.stderr)
                    continue
                for noise in options.noise:
                    for seed in options.seeds:
                        yield from _case(pack, samples, noise, seed, options)


def true_matrix(noise: str, n_classes: int, generator: np.random.Generator) -> Matrix:
    """(C, C), rows = true class, summing to 1."""
    others = 1 - np.eye(n_classes)
    if noise == "pairs":
        order = generator.permutation(n_classes)
        partner = np.empty(n_classes, np.intp)
        partner[order] = np.roll(order, 1)
        flips = np.eye(n_classes)[partner] * PAIR_SHARE
    else:
        shares = generator.uniform(0.1, 0.3, (n_classes, 1))
        weights = generator.gamma(0.5, size=(n_classes, n_classes)) * others
        flips = shares * weights / weights.sum(1, keepdims=True)
    matrix: Matrix = flips + np.diag(1 - flips.sum(1))
    return matrix


def parsed(method: str) -> tuple[str, dict[str, Any]]:
    """`name option=value ...`"""
    name, *options = method.split()
    given = dict(option.split("=", 1) for option in options)
    return name, {key: _value(text) for key, text in given.items()}


def _value(text: str) -> Any:
    """A number, a flag, or else a word."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def distance(found: Matrix, true: Matrix) -> float:
    return float(np.abs(found - true).sum(1).mean())


def _case(
    pack: Pack, samples: int, noise: str, seed: int, options: argparse.Namespace
) -> Iterator[Row]:
    generator = np.random.default_rng([seed, samples, NOISES.index(noise)])
    true = true_matrix(noise, pack.n_classes, generator)
    kept = np.sort(generator.choice(len(pack.labels), samples, replace=False))
    known = pack.rows(kept)
    truth = np.where(known.truth >= 0, known.truth, known.labels)
    drawn = generator.uniform(size=(samples, 1))
    labels = (drawn > true.cumsum(1)[truth]).sum(1).clip(max=pack.n_classes - 1).astype(np.int64)
    assert known.vectors is not None, f"{pack.name} has no vectors to train on"
    vectors = standardise(torch.from_numpy(np.asarray(known.vectors, np.float32)))

    def row(method: str, found: Matrix, scores: dict[str, float], seconds: float) -> Row:
        ap = scores.get("ap_margin", np.nan), scores.get("ap_out_of_bag", np.nan)
        away = distance(found, true)
        return Row(pack.name, samples, noise, seed, method, away, *ap, seconds)

    yield row("identity", np.eye(pack.n_classes), {}, 0.0)
    trained = _train("cross_entropy", vectors, labels, truth, pack.n_classes, seed)
    yield row("confusion", *trained)
    for method in options.methods:
        yield row(method, *_train(method, vectors, labels, truth, pack.n_classes, seed))


def _train(
    method: str,
    vectors: torch.Tensor,
    labels: NDArray[np.int64],
    truth: NDArray[np.int64],
    n_classes: int,
    seed: int,
) -> tuple[Matrix, dict[str, float], float]:
    """As an audit trains it: the mean matrix of its shards, the scores, processor seconds."""
    name, given = parsed(method)
    config = TrainingConfig(
        objective=name, objective_options=given, seed=seed, families=("network",)
    )
    specs = plan_shards(config, shape=tuple(vectors.shape), n_classes=n_classes)
    started = time.process_time()
    with tempfile.TemporaryDirectory(prefix="recovery-") as folder:
        paths = [Path(folder) / str(spec.number) for spec in specs]
        for spec, path in zip(specs, paths, strict=True):
            run = ShardRun(spec, n_classes, path, torch.device("cpu"), lambda _share: None)
            train_network(run, vectors, torch.from_numpy(labels))
        scores = [score(path, labels, truth) for path in paths]
        matrix = learned_noise_matrix(paths)
        if matrix is None:
            matrix = _confusion(paths, labels)
    mean = {key: float(np.mean([one[key] for one in scores])) for key in scores[0]}
    return matrix, mean, time.process_time() - started


def _confusion(paths: list[Path], labels: NDArray[np.int64]) -> Matrix:
    probs = np.nanmean([Trajectory.load(path).probs_out_of_bag for path in paths], axis=0)
    known = ~np.isnan(probs[:, 0])
    return estimate("confident_joint", probs[known].astype(np.float32), labels[known])


def table(rows: list[Row]) -> str:
    """Mean distances by method over packs and seeds, for each size and noise."""
    cases = sorted({(row.noise, row.samples) for row in rows})
    lines = ["| matrix | " + " | ".join(f"{noise}, {n:,}" for noise, n in cases) + " |"]
    lines.append("|---|" + "--:|" * len(cases))
    for method in dict.fromkeys(row.method for row in rows):
        found = [
            [r.distance for r in rows if (r.method, r.noise, r.samples) == (method, *case)]
            for case in cases
        ]
        cells = [f"{np.mean(values):.3f} ± {np.std(values):.3f}" for values in found]
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    assert __doc__
    parser = argparse.ArgumentParser("benchmarks.recovery", description=__doc__.split("\n")[0])
    parser.add_argument("packs", nargs="+", type=Path, help="packs whose labels are the truth")
    parser.add_argument("--samples", nargs="+", type=int, default=[1500, 10000])
    parser.add_argument("--noise", nargs="+", choices=NOISES, default=list(NOISES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument(
        "--methods", nargs="+", default=METHODS, metavar="METHOD", help="'NAME OPTION=VALUE ...'"
    )
    return parser


if __name__ == "__main__":
    torch.set_num_threads(1)
    raise SystemExit(main())

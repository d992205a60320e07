"""How well the engine finds wrong labels, beside its peers, on packs with known errors.

    python -m benchmarks.detection PACK... [--noise symmetric:0.1] [--seeds 0 1 2] [--json FILE]
                                           [--picture FILE.svg]
    python -m benchmarks.detection PACK... --engine-only --verdicts 100 [--drawn]

With `--verdicts` the truth plays the reviewer (40 % obvious, 40 % possible, 20 % random controls
from outside the tiers), and the engine's line is repeated with what it prints afterwards.

Every method sees the same vectors and labels. Encoding is shared by all and not timed; the engine's
seconds include its training. Only samples whose true label is known are scored.
"""

import argparse
import json
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.found_curves import LOOKS, draw_found
from benchmarks.injection import Injection, inject, is_clean
from benchmarks.packs import Pack, read_packs
from benchmarks.peers import peers
from service.ranking import TIER_NAMES, Evidence, Ranking, Verdicts, rank_suspects
from service.training import TrainingConfig
from worker.engine import load_evidence, run_shard
from worker.plan import plan_shards

Floats = NDArray[np.floating]
ENGINE = "labelaudit"
REVIEW_SEED, SIZE_SEED = 104729, 15485863
BINS = 15


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    records = []
    print(_heading())
    with tempfile.TemporaryDirectory(prefix="detection-") as folder:
        for record in run(options, Path(folder)):
            records.append(record)
            print(_line(record), flush=True)
    for line in _means(records):
        print(line)
    if options.json:
        options.json.write_text(json.dumps(records, indent=1))
    if options.picture:
        draw_found(records, options.picture)
    return 0


def run(options: argparse.Namespace, cache: Path) -> Iterator[dict[str, Any]]:
    """One record for each pack, noise, seed and method."""
    for path in options.packs:
        for pack in read_packs(path, cache):
            for seed in options.seeds:
                for noisy in _variants(_fewer(pack, options.samples, seed), options.noise, seed):
                    yield from _compare(noisy, seed, options)


@contextmanager
def evidence_of(pack: Pack, seed: int) -> Iterator[Evidence]:
    """The product's own road: plan and train every shard."""
    if pack.pred_probs is not None:
        yield Evidence(pack.labels, pack.n_classes, probabilities={"pred_probs": pack.pred_probs})
        return
    assert pack.vectors is not None
    config = TrainingConfig(seed=seed)
    shards = plan_shards(config, shape=pack.vectors.shape, n_classes=pack.n_classes)
    with tempfile.TemporaryDirectory(prefix="shards-") as folder:
        paths = [Path(folder) / str(shard.number) for shard in shards]
        for shard, path in zip(shards, paths, strict=True):
            run_shard(shard, pack.vectors, pack.labels, pack.n_classes, path)
        yield load_evidence(paths, pack.labels, pack.n_classes)


def reviewed(pack: Pack, ranking: Ranking, count: int, seed: int, *, drawn: bool) -> Verdicts:
    """What a reviewer who knows the truth says of `count` samples.

    40 % from the obvious tier (what it lacks is taken from possible), 40 % from possible, worst
    first or, with `drawn`, at random; 20 % at random from outside the tiers.
    """
    generator = np.random.default_rng([REVIEW_SEED, seed, zlib.crc32(pack.name.encode())])
    known = pack.truth >= 0
    sizes = {"none": count - 2 * round(0.4 * count), "obvious": round(0.4 * count)}
    sizes["obvious"] = min(sizes["obvious"], int((known & (ranking.tier_names == "obvious")).sum()))
    sizes["possible"] = count - sizes["none"] - sizes["obvious"]
    rows, at_random = [], []
    for tier, size in sizes.items():
        members = ranking.order[(known & (ranking.tier_names == tier))[ranking.order]]
        random = drawn or tier == "none"
        chosen = generator.permutation(members)[:size] if random else members[:size]
        rows.append(chosen)
        at_random.append(np.full(len(chosen), random))
    every = np.concatenate(rows)
    return Verdicts(every, (pack.truth != pack.labels)[every], np.concatenate(at_random))


def calibration_error(probabilities: Floats, wrong: NDArray[np.bool_]) -> float:
    """Expected calibration error over 15 equal bins of P(wrong), in [0, 1], low = good."""
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    gaps = [
        abs(probabilities[bins == k].mean() - wrong[bins == k].mean()) * (bins == k).mean()
        for k in np.unique(bins)
    ]
    return float(sum(gaps))


def _variants(pack: Pack, noise: list[Injection], seed: int) -> Iterator[Pack]:
    if noise and is_clean(pack):
        for injection in noise:
            yield inject(pack, injection, seed)
    else:
        yield pack


def _fewer(pack: Pack, samples: int | None, seed: int) -> Pack:
    """The pack, or that many of its samples, drawn at random."""
    if samples is None or samples >= len(pack.labels):
        return pack
    generator = np.random.default_rng([SIZE_SEED, seed])
    kept = np.sort(generator.choice(len(pack.labels), samples, replace=False))
    return pack.rows(kept)


def _compare(pack: Pack, seed: int, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    started = time.perf_counter()
    with evidence_of(pack, seed) as evidence:
        ranking = rank_suspects(evidence, seed=seed)
        seconds = time.perf_counter() - started
        yield _engine_record(pack, seed, ENGINE, ranking, seconds)
        if options.verdicts:
            verdicts = reviewed(pack, ranking, options.verdicts, seed, drawn=options.drawn)
            started = time.perf_counter()
            after = rank_suspects(evidence, seed=seed, verdicts=verdicts)
            seconds = time.perf_counter() - started
            method = f"{ENGINE} +{len(verdicts)} verdicts"
            yield _engine_record(pack, seed, method, after, seconds)
    if options.engine_only:
        return
    for method, score in peers().items():
        started = time.perf_counter()
        scores = score(pack, seed)
        seconds = time.perf_counter() - started
        if scores is not None:
            values, probability = scores.values, scores.probability
            yield _record(pack, seed, method, values, seconds, probability=probability)


def _engine_record(
    pack: Pack, seed: int, method: str, ranking: Ranking, seconds: float
) -> dict[str, Any]:
    record = _record(pack, seed, method, ranking.p_wrong, seconds, probability=True)
    record["noise_rate"] |= ranking.summary.noise_rate.to_dict()
    record["tiers"] = {name: _tier(pack, ranking, name) for name in ("obvious", "possible")}
    record["cannot_judge"] = ranking.summary.to_dict(pack.class_names)["cannot_judge"]
    return record


def _record(
    pack: Pack, seed: int, method: str, scores: Floats, seconds: float, *, probability: bool
) -> dict[str, Any]:
    known = pack.truth >= 0
    wrong = (pack.truth != pack.labels)[known]
    scored = np.nan_to_num(np.asarray(scores, dtype=np.float64)[known], nan=0.0)
    both = bool(wrong.any() and not wrong.all())
    order = np.argsort(-scored, kind="stable")
    worst = order[: int(wrong.sum())]
    empty = {"n": None, "precision": None, "expected": None, "low": None}
    return {
        "pack": pack.name,
        "seed": seed,
        "method": method,
        "n": len(pack.labels),
        "classes": pack.n_classes,
        "ap": float(average_precision_score(wrong, scored)) if both else None,
        "auroc": float(roc_auc_score(wrong, scored)) if both else None,
        "found": [int(wrong[order[:looks]].sum()) for looks in LOOKS],
        "precision_at_errors": float(wrong[worst].mean()) if both else None,
        "ece": calibration_error(scored, wrong) if probability and known.any() else None,
        "noise_rate": {
            "true": float(wrong.mean()) if known.any() else None,
            "estimate": None,
            "low": None,
            "high": None,
        },
        "tiers": {"obvious": dict(empty), "possible": dict(empty)},
        "seconds": seconds,
    }


def _tier(pack: Pack, ranking: Ranking, name: str) -> dict[str, Any]:
    promise = ranking.summary.tiers[name]
    chosen = (ranking.tier == TIER_NAMES.index(name)) & (pack.truth >= 0)
    wrong = pack.truth != pack.labels
    return {
        "n": promise.count,
        "precision": float(wrong[chosen].mean()) if chosen.any() else None,
        "expected": promise.expected_precision,
        "low": promise.lower_bound,
    }


def _parser() -> argparse.ArgumentParser:
    assert __doc__
    parser = argparse.ArgumentParser("benchmarks.detection", description=__doc__.split("\n")[0])
    parser.add_argument("packs", nargs="+", type=Path, metavar="PACK", help="a folder or an .npz")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--json", type=Path, help="write the records to this file")
    parser.add_argument("--picture", type=Path, help="draw the errors found in the first looks")
    parser.add_argument(
        "--noise",
        nargs="+",
        action="extend",
        type=Injection.parse,
        default=[],
        help="flips where the truth is clean, as symmetric:0.1 asymmetric:0.2 instance:0.2",
    )
    parser.add_argument("--verdicts", type=int, default=0, help="how many the truth gives")
    parser.add_argument("--drawn", action="store_true", help="draw verdicts at random in each tier")
    parser.add_argument("--samples", type=int, help="take so many samples of each pack at random")
    parser.add_argument("--engine-only", action="store_true", help="leave the peers out")
    return parser


def _heading() -> str:
    columns = f"{'AP':>6}{'AUROC':>7}{'P@err':>7}{'ECE':>6}  {'noise: true':>11} {'estimated':>19}"
    return f"{'pack':<38}{'seed':>4} {'method':<27}{columns}  {'obvious (true >= low)':<24} seconds"


def _line(record: dict[str, Any]) -> str:
    rate, obvious = record["noise_rate"], record["tiers"]["obvious"]
    estimated = f"{_number(rate['estimate'])} [{_number(rate['low'])}, {_number(rate['high'])}]"
    promised = f"{_number(obvious['precision'])} >= {_number(obvious['low'])}"
    tier = "" if obvious["n"] is None else f"{obvious['n']} ({promised})"
    measures = (record["ap"], record["auroc"], record["precision_at_errors"], record["ece"])
    numbers = "".join(
        f"{_number(value):>{w}}" for value, w in zip(measures, (6, 7, 7, 6), strict=True)
    )
    return (
        f"{record['pack'][:37]:<38}{record['seed']:>4} {record['method']:<27}{numbers}"
        f"  {_number(rate['true']):>11} {estimated if rate['low'] is not None else '':>19}"
        f"  {tier:<24} {record['seconds']:.1f}"
    )


def _means(records: list[dict[str, Any]]) -> Iterator[str]:
    """Mean AP of every method over the cases that all methods ran on, packs weighing alike."""
    methods = list(dict.fromkeys(record["method"] for record in records))
    by_pack: dict[str, dict[str, list[float]]] = {}
    for record in records:
        if record["ap"] is not None:
            pack = by_pack.setdefault(record["pack"], {})
            pack.setdefault(record["method"], []).append(record["ap"])
    shared = [pack for pack in by_pack.values() if len(pack) == len(methods)]
    if len(shared) > 1:
        yield f"\nmean AP over {len(shared)} packs that every method ran on"
        for method in methods:
            yield f"  {method:<27}{np.mean([np.mean(pack[method]) for pack in shared]):.3f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}".replace("0.", ".", 1)


if __name__ == "__main__":
    sys.exit(main())

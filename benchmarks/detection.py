"""How well the engine finds wrong labels, beside its peers, on packs with known errors.

    python -m benchmarks.detection PACK... [--noise symmetric:0.1] [--seeds 0 1 2]
                                           [--jsonl FILE] [--cache FOLDER] [--picture FILE.svg]
    python -m benchmarks.detection PACK... --engine-only --verdicts 100 [--half-queue]

With `--jsonl` each case (pack, noise, seed) is written as one line when it ends, and a case that
the file holds already is not run again. With `--cache` encoded samples and what the engine trained
stay in the folder, so that the ranking alone can be tried again. With `--verdicts` the truth plays
the reviewer of controls, drawn as the service draws them (with `--half-queue`, of as many worst
suspects too), and the engine's line is repeated with what it prints afterwards.

Every method sees the same vectors and labels. Encoding is shared by all and not timed; the engine's
seconds include its training. Only samples whose true label is known are scored.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from benchmarks.cost import Cost, measured
from benchmarks.found_curves import draw_found
from benchmarks.injection import Injection, inject, is_clean
from benchmarks.packs import Pack, read_packs
from benchmarks.peers import peers
from benchmarks.records import (
    engine_record,
    heading,
    line,
    means,
    method_record,
)
from service.options.training import TrainingConfig
from service.ranking import (
    Evidence,
    Ranking,
    Verdicts,
    rank_suspects,
)
from service.review.controls import weighted_order
from worker.training.plan import plan_shards
from worker.training.shard import load_evidence, run_shard

ENGINE = "labelaudit"
REVIEW_SEED, SIZE_SEED = 104729, 15485863


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    records = []
    print(heading())
    with tempfile.TemporaryDirectory(prefix="detection-") as folder:
        for record in run(options, options.cache or Path(folder)):
            records.append(record)
            print(line(record), flush=True)
    for text in means(records):
        print(text)
    if options.json:
        options.json.write_text(json.dumps(records, indent=1))
    if options.picture:
        draw_found(records, options.picture)
    return 0


def run(options: argparse.Namespace, cache: Path) -> Iterator[dict[str, Any]]:
    """One record for each pack, noise, seed and method."""
    done = _read_lines(options.jsonl)
    for path in options.packs:
        for pack in read_packs(path, cache):
            for seed in options.seeds:
                for noise in noises(pack, options.noise):
                    case = [pack.name if noise is None else f"{pack.name}+{noise}", seed]
                    case.append(options.samples)
                    if repr(case) not in done:
                        some = fewer(pack, options.samples, seed)
                        noisy = some if noise is None else inject(some, noise, seed)
                        done[repr(case)] = list(_compare(noisy, seed, options))
                        _append_line(options.jsonl, case, done[repr(case)])
                    yield from done[repr(case)]


def _read_lines(path: Path | None) -> dict[str, list[dict[str, Any]]]:
    """The records of each case that the file holds."""
    if path is None or not path.exists():
        return {}
    rows = [json.loads(text) for text in path.read_text().splitlines()]
    return {repr(row["case"]): row["records"] for row in rows}


def _append_line(path: Path | None, case: list[Any], records: list[dict[str, Any]]) -> None:
    if path is not None:
        with path.open("a") as file:
            file.write(json.dumps({"case": case, "records": records}) + "\n")


@contextmanager
def evidence_of(
    pack: Pack, seed: int, keep: Path | None = None, *, replicas: int | None = None
) -> Iterator[tuple[Evidence, Cost]]:
    """The product's own road: plan and train every shard; what it found and what it cost.

    `keep` is a folder where that stays for another time.
    """
    if pack.pred_probs is not None:
        yield (
            Evidence(pack.labels, pack.n_classes, probabilities={"pred_probs": pack.pred_probs}),
            Cost(),
        )
        return
    assert pack.vectors is not None
    config = TrainingConfig(seed=seed, replicas=replicas)
    shards = plan_shards(config, shape=pack.vectors.shape, n_classes=pack.n_classes)
    with tempfile.TemporaryDirectory(prefix="shards-") as temporary:
        folder = keep or Path(temporary)
        paths = [folder / str(shard.number) for shard in shards]
        spent = folder / "cost.json"
        with measured() as cost:
            for shard, path in zip(shards, paths, strict=True):
                run_shard(shard, pack.vectors, pack.labels, pack.n_classes, path)
        if spent.exists():
            cost = Cost(**json.loads(spent.read_text()))
        spent.write_text(json.dumps(vars(cost)))
        yield load_evidence(paths, pack.labels, pack.n_classes), cost


def reviewed(pack: Pack, ranking: Ranking, count: int, seed: int, *, queue: bool) -> Verdicts:
    """What a reviewer who knows the truth says of `count` samples: controls drawn by value, half of
    them replaced by the head of the list with `queue`."""
    known = np.flatnonzero(pack.truth >= 0).tolist()
    head = [row for row in ranking.order if pack.truth[row] >= 0][: count // 2 if queue else 0]
    random = Random(f"{REVIEW_SEED} {seed} {pack.name}")
    order = weighted_order({row: float(ranking.p_wrong[row]) for row in known}, random)
    drawn = [row for row in order if row not in set(head)][: count - len(head)]
    rows = np.array([*head, *drawn], dtype=np.intp)
    at_random = np.arange(len(rows)) >= len(head)
    return Verdicts(rows, (pack.truth != pack.labels)[rows], at_random)


def noises(pack: Pack, wanted: list[Injection]) -> list[Injection | None]:
    """What to inject, one after another; None = the pack as it is."""
    return [*wanted] if wanted and is_clean(pack) else [None]


def fewer(pack: Pack, samples: int | None, seed: int) -> Pack:
    """The pack, or that many of its samples, drawn at random."""
    if samples is None or samples >= len(pack.labels):
        return pack
    generator = np.random.default_rng([SIZE_SEED, seed])
    kept = np.sort(generator.choice(len(pack.labels), samples, replace=False))
    return pack.rows(kept)


def _compare(pack: Pack, seed: int, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    keep = options.cache and options.cache / f"{pack.name}.{len(pack.labels)}.{seed}"
    with evidence_of(pack, seed, keep) as (evidence, training):
        with measured() as cost:
            ranking = rank_suspects(evidence, seed=seed)
        yield engine_record(pack, seed, ENGINE, ranking, training + cost)
        if options.verdicts:
            verdicts = reviewed(pack, ranking, options.verdicts, seed, queue=options.half_queue)
            with measured() as cost:
                after = rank_suspects(evidence, seed=seed, verdicts=verdicts)
            method = f"{ENGINE} +{len(verdicts)} verdicts"
            yield engine_record(pack, seed, method, after, cost)
    if options.engine_only:
        return
    for method, score in peers().items():
        scores = score(pack, seed)
        if scores is not None:
            yield method_record(
                pack, seed, method, scores.values, scores.cost, probability=scores.probability
            )


def _parser() -> argparse.ArgumentParser:
    assert __doc__
    parser = argparse.ArgumentParser("benchmarks.detection", description=__doc__.split("\n")[0])
    parser.add_argument("packs", nargs="+", type=Path, metavar="PACK", help="a folder or an .npz")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--json", type=Path, help="write the records to this file")
    parser.add_argument("--jsonl", type=Path, help="one line a case, as it ends; skip what it has")
    parser.add_argument("--cache", type=Path, help="keep vectors and trained evidence here")
    parser.add_argument("--picture", type=Path, help="draw the errors found in the first looks")
    parser.add_argument(
        "--noise",
        nargs="+",
        action="extend",
        type=Injection.parse,
        default=[],
        help="flips of a clean truth: symmetric:0.1 asymmetric:0.2 instance:0.2 boundary:0.15",
    )
    parser.add_argument("--verdicts", type=int, default=0, help="how many the truth gives")
    parser.add_argument("--half-queue", action="store_true", help="half of them on the worst")
    parser.add_argument("--samples", type=int, help="take so many samples of each pack at random")
    parser.add_argument("--engine-only", action="store_true", help="leave the peers out")
    return parser


if __name__ == "__main__":
    sys.exit(main())

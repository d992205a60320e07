"""How probabilities that users bring are ranked, and whether what is printed beside them holds.

    python -m benchmarks.predictions PACK... --noise symmetric:0.1 boundary:0.15 --samples 1000 \
        --replicas 8 --cache FOLDER --jsonl predictions.jsonl

A pack of probabilities is ranked as it is. Of any other pack every family of the engine, trained
out of sample, is brought as a file of its own; logistic regression and the network also surer of
themselves (cubed) and less sure (to the power of .4) than they are; and all of them together.
Beside the average precision stand those of the given label's probability and of its margin, whether
the noise rate's interval holds, and of how many groups of 50 suspects, among the first 300, the
printed band holds.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from cleanlab.rank import get_label_quality_scores
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from benchmarks.detection import evidence_of, fewer, noises
from benchmarks.injection import Injection, inject
from benchmarks.packs import Pack, read_packs
from service.ranking import Evidence, Ranking, rank_suspects
from service.ranking.group_bands import GROUP
from service.ranking.posterior import model_families

TEMPERED = ("logistic", "replicas")
POWERS = {"": 1.0, " surer": 3.0, " less sure": 0.4}
DEEPEST = 300


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    for path in options.packs:
        for pack in read_packs(path, options.cache):
            for noise in noises(pack, options.noise):
                some = fewer(pack, options.samples, options.seed)
                case = some if noise is None else inject(some, noise, options.seed)
                for record in records(case, options):
                    print(json.dumps(record), flush=True)
                    if options.jsonl:
                        with options.jsonl.open("a") as lines:
                            lines.write(json.dumps(record) + "\n")
    return 0


def records(pack: Pack, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    keep = options.cache / f"{pack.name}.{len(pack.labels)}.{options.seed}.{options.replicas}"
    with evidence_of(pack, options.seed, keep, replicas=options.replicas) as (evidence, _):
        if pack.pred_probs is None:
            yield measured(pack, "pool", rank_suspects(evidence), None)
        for name, given in model_families(evidence).items():
            for suffix, power in POWERS.items():
                if not suffix or name in TEMPERED:
                    probabilities = tempered(given, power)
                    ranking = rank_suspects(
                        Evidence(
                            pack.labels,
                            pack.n_classes,
                            probabilities={"pred_probs": probabilities},
                        )
                    )
                    yield measured(pack, name + suffix, ranking, probabilities)


def tempered(probabilities: NDArray[np.floating], power: float) -> NDArray[np.float64]:
    known = np.nan_to_num(probabilities.astype(np.float64), nan=1.0 / probabilities.shape[1])
    result: NDArray[np.float64] = known**power
    result /= result.sum(axis=1, keepdims=True)
    return result


def measured(
    pack: Pack, name: str, ranking: Ranking, probabilities: NDArray[np.float64] | None
) -> dict[str, Any]:
    known = pack.truth >= 0
    wrong = (pack.truth != pack.labels)[known]
    rate = ranking.summary.noise_rate
    record: dict[str, Any] = {
        "case": pack.name,
        "model": name,
        "true": float(wrong.mean()),
        "noise_rate": rate.to_dict(),
        "holds": bool(rate.low <= wrong.mean() <= rate.high),
        "ap": float(average_precision_score(wrong, ranking.p_wrong[known])),
        **bands(pack, ranking),
    }
    if probabilities is not None:
        for method in ("self_confidence", "normalized_margin"):
            quality = get_label_quality_scores(pack.labels, probabilities, method=method)
            record[method] = float(average_precision_score(wrong, -quality[known]))
    return record


def bands(pack: Pack, ranking: Ranking) -> dict[str, Any]:
    """How many groups there are, how many bands hold, and the width of the first."""
    order = ranking.order[pack.truth[ranking.order] >= 0][:DEEPEST]
    groups = [order[first : first + GROUP] for first in range(0, len(order) - GROUP + 1, GROUP)]
    held = [
        ranking.p_wrong_low[group].mean() - 1e-9
        <= (pack.truth != pack.labels)[group].mean()
        <= ranking.p_wrong_high[group].mean() + 1e-9
        for group in groups
    ]
    head = order[:GROUP]
    return {
        "groups": len(groups),
        "bands_held": int(sum(held)),
        "head": [float(ranking.p_wrong_low[head].mean()), float(ranking.p_wrong_high[head].mean())],
    }


def _parser() -> argparse.ArgumentParser:
    assert __doc__
    parser = argparse.ArgumentParser("benchmarks.predictions", description=__doc__.split("\n")[0])
    parser.add_argument("packs", nargs="+", type=Path, metavar="PACK", help="a folder or an .npz")
    parser.add_argument("--cache", type=Path, required=True, help="keep vectors and evidence here")
    parser.add_argument("--jsonl", type=Path, help="write a line for each model of each case")
    parser.add_argument("--samples", type=int, help="take so many samples of each pack at random")
    parser.add_argument("--replicas", type=int, help="networks to train; as the product by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--noise", nargs="+", action="extend", type=Injection.parse, default=[])
    return parser


if __name__ == "__main__":
    sys.exit(main())

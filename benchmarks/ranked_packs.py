"""Rankings of packs with known errors, computed once, for `benchmarks.certificate`.

    python -m benchmarks.ranked_packs PACK... --noise symmetric:0.1 asymmetric:0.2 instance:0.2 \
        --samples 1500 --cache FOLDER --output FOLDER

What the output folder holds is not run again.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from benchmarks.detection import evidence_of, fewer, noises
from benchmarks.injection import Injection, inject
from benchmarks.packs import Pack, read_packs
from benchmarks.ranked_pack import RankedPack
from service.ranking import rank_suspects


def main(arguments: list[str] | None = None) -> int:
    assert __doc__
    parser = argparse.ArgumentParser("benchmarks.ranked_packs", description=__doc__.split("\n")[0])
    parser.add_argument("packs", nargs="+", type=Path, metavar="PACK", help="a folder or an .npz")
    parser.add_argument("--cache", type=Path, required=True, help="keep vectors and evidence here")
    parser.add_argument("--output", type=Path, required=True, help="one file a ranking")
    parser.add_argument("--samples", type=int, help="take so many samples of each pack at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--noise", nargs="+", action="extend", type=Injection.parse, default=[])
    options = parser.parse_args(arguments)
    for path in options.packs:
        for pack in read_packs(path, options.cache):
            for noise in noises(pack, options.noise):
                name = pack.name if noise is None else f"{pack.name}+{noise}"
                stem = f"{name.replace('/', '.')}.{options.samples}.{options.seed}"
                file = options.output / f"{stem}.npz"
                if not file.exists():
                    some = fewer(pack, options.samples, options.seed)
                    case = some if noise is None else inject(some, noise, options.seed)
                    ranked(case, options.seed, options.cache).save(file)
                print(file, flush=True)
    return 0


def ranked(pack: Pack, seed: int, cache: Path) -> RankedPack:
    keep = cache / f"{pack.name}.{len(pack.labels)}.{seed}"
    with evidence_of(pack, seed, keep) as (evidence, _):
        ranking = rank_suspects(evidence, seed=seed)
    rate = ranking.summary.noise_rate
    return RankedPack(
        given=pack.labels,
        truth=pack.truth,
        order=ranking.order,
        p_wrong=ranking.p_wrong,
        p_wrong_low=ranking.p_wrong_low,
        p_wrong_high=ranking.p_wrong_high,
        tier=ranking.tier,
        predicted=ranking.predicted_label,
        suggested=ranking.suggested_label,
        confidence=ranking.suggested_label_confidence,
        noise_rate=np.array([rate.estimate, rate.low, rate.high]),
    )


if __name__ == "__main__":
    sys.exit(main())

"""What several annotators' votes add to the ranking, beside votes alone and cleanlab's CROWDLAB.

    python -m benchmarks.votes PACK... [--seeds 0 1 2] [--label given_label]

A pack is a folder as for `benchmarks.detection`, with `annotations.parquet` (id, worker, label) or
a column `human_counts` beside it. Truth plays no part in any score; samples of unknown truth are
not scored.
"""

import argparse
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from cleanlab.multiannotator import get_label_quality_multiannotator
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from benchmarks.detection import evidence_of
from benchmarks.packs import Pack, read_packs
from benchmarks.peers import logistic_probabilities
from benchmarks.records import calibration_error
from service.ranking import TierCode, rank_suspects
from service.votes import Votes, dawid_skene

Floats = NDArray[np.floating[Any]]


def main() -> None:
    assert __doc__
    parser = argparse.ArgumentParser("benchmarks.votes", description=__doc__.split("\n")[0])
    parser.add_argument("packs", nargs="+", type=Path)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--label", default="given_label", help="the column that is audited")
    parser.add_argument("--votes", type=int, help="at most so many votes a sample, at random")
    parser.add_argument("--cache", type=Path, help="keep vectors and trained evidence here")
    options = parser.parse_args()
    print(f"{'pack':<28}{'seed':>4} {'method':<30}{'AP':>6}{'ECE':>7}  noise rate, obvious tier")
    with tempfile.TemporaryDirectory(prefix="votes-") as folder:
        for path in options.packs:
            for pack in read_packs(path, options.cache or Path(folder)):
                for seed in options.seeds:
                    relabelled, votes = _read(path, pack, options.label)
                    if options.votes:
                        votes = _thinned(votes, options.votes, seed)
                    for method, scores, words in _methods(relabelled, votes, seed, options.cache):
                        _print(relabelled, seed, method, scores, words)


def _methods(
    pack: Pack, votes: Votes, seed: int, cache: Path | None
) -> Iterator[tuple[str, Floats, str]]:
    keep = cache and cache / f"{pack.name}.{len(pack.labels)}.{seed}"
    with evidence_of(pack, seed, keep) as (evidence, _cost):
        for name, given in (("labelaudit, models alone", None), ("labelaudit, with votes", votes)):
            ranking = rank_suspects(replace(evidence, votes=given), seed=seed)
            rate = ranking.summary.noise_rate
            obvious = ranking.tier == TierCode.obvious
            known = obvious & (pack.truth >= 0)
            precision = (pack.truth != pack.labels)[known].mean() if known.any() else np.nan
            low = ranking.summary.tiers["obvious"].lower_bound
            words = f"{rate.estimate:.3f} [{rate.low:.3f}, {rate.high:.3f}]"
            words += f", {int(obvious.sum())} ({precision:.3f} >= {low if low else np.nan:.3f})"
            yield name, ranking.p_wrong, words
    shares = votes.counts() / np.maximum(votes.totals, 1)[:, None]
    every = np.arange(len(pack.labels))
    yield "share of votes", 1 - shares[every, pack.labels], ""
    alone = dawid_skene(votes).probabilities
    yield "Dawid-Skene, votes alone", 1 - alone[every, pack.labels], ""
    if pack.vectors is not None:
        yield "cleanlab CROWDLAB", _crowdlab(pack, votes, seed), ""


def _crowdlab(pack: Pack, votes: Votes, seed: int) -> Floats:
    """P(the consensus is right) turned into P(the given label is wrong)."""
    assert pack.vectors is not None
    known = votes.voted
    predicted = logistic_probabilities(
        pack.vectors, pack.labels, pack.n_classes, seed=seed, strength=1.0
    )
    table = np.full((len(pack.labels), len(votes.annotators)), np.nan)
    table[votes.sample, votes.annotator] = votes.label
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = get_label_quality_multiannotator(
            pd.DataFrame(table[known]), predicted[known], verbose=False
        )["label_quality"]
    same = found.consensus_label.to_numpy() == pack.labels[known]
    quality = found.consensus_quality_score.to_numpy()
    scores = np.full(len(pack.labels), 0.5)
    scores[known] = np.where(same, 1 - quality, quality)
    return scores


def _read(path: Path, pack: Pack, label: str) -> tuple[Pack, Votes]:
    """The pack with that column's labels, and the votes on its samples."""
    table = pq.read_table(path / "samples.parquet").to_pandas()
    table = table[table.given_label.notna()].reset_index(drop=True)
    place = {name: k for k, name in enumerate(pack.class_names)}
    given = table[label].map(place).to_numpy()
    pack = pack.with_labels(label, given.astype(np.int64), pack.truth)
    if (path / "annotations.parquet").exists():
        rows = pd.read_parquet(path / "annotations.parquet")
        rows["row"] = rows.id.map({name: k for k, name in enumerate(table.sample_id)})
        rows = rows[rows.row.notna()]
        names, annotator = np.unique(rows.worker.astype(str), return_inverse=True)
        return pack, Votes(
            rows.row.to_numpy().astype(np.intp),
            annotator,
            rows.label.map(place).to_numpy(),
            len(table),
            pack.n_classes,
            names.tolist(),
        )
    counts = np.stack(table.human_counts.to_numpy())
    sample, said = np.nonzero(counts)
    amount = counts[sample, said].astype(np.float64)
    zeros = np.zeros_like(sample)
    return pack, Votes(sample, zeros, said, len(table), pack.n_classes, ["all"], amount)


def _thinned(votes: Votes, most: int, seed: int) -> Votes:
    """At most so many of each sample's votes."""
    one_each = np.repeat(np.arange(len(votes)), votes.count.astype(int))
    order = np.random.default_rng(seed).permutation(one_each)
    order = order[np.argsort(votes.sample[order], kind="stable")]
    samples = votes.sample[order]
    first = np.flatnonzero(np.r_[True, samples[1:] != samples[:-1]])
    place = np.arange(len(order)) - np.repeat(first, np.diff(np.r_[first, len(order)]))
    kept = order[place < most]
    return replace(
        votes,
        sample=votes.sample[kept],
        annotator=votes.annotator[kept],
        label=votes.label[kept],
        count=np.ones(len(kept)),
    )


def _print(pack: Pack, seed: int, method: str, scores: Floats, words: str) -> None:
    known = pack.truth >= 0
    wrong = (pack.truth != pack.labels)[known]
    found = average_precision_score(wrong, scores[known])
    error = calibration_error(scores[known], wrong)
    print(
        f"{pack.name[:27]:<28}{seed:>4} {method:<30}{found:>6.3f}{error:>7.3f}  {words}"
        + (f" (truly {wrong.mean():.3f})" if words else ""),
        flush=True,
    )


if __name__ == "__main__":
    started = time.perf_counter()
    main()
    print(f"{time.perf_counter() - started:.0f} s")

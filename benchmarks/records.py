"""What a benchmark of detection writes down of one method on one case, and how it is printed."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.cost import Cost
from benchmarks.found_curves import LOOKS
from benchmarks.packs import Pack
from service.ranking import Ranking, TierCode

Floats = NDArray[np.floating]
BINS = 15


def engine_record(
    pack: Pack, seed: int, method: str, ranking: Ranking, cost: Cost
) -> dict[str, Any]:
    record = method_record(pack, seed, method, ranking.p_wrong, cost, probability=True)
    record["noise_rate"] |= ranking.summary.noise_rate.to_dict()
    record["tiers"] = {name: _tier(pack, ranking, name) for name in ("obvious", "possible")}
    record["cannot_judge"] = ranking.summary.to_dict(pack.class_names)["cannot_judge"]
    return record


def method_record(
    pack: Pack, seed: int, method: str, scores: Floats, cost: Cost, *, probability: bool
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
        "scored": int(known.sum()),
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
        "seconds": cost.wall,
        "cpu_seconds": cost.cpu,
    }


def _tier(pack: Pack, ranking: Ranking, name: str) -> dict[str, Any]:
    promise = ranking.summary.tiers[name]
    chosen = (ranking.tier == TierCode[name]) & (pack.truth >= 0)
    wrong = pack.truth != pack.labels
    return {
        "n": promise.count,
        "precision": float(wrong[chosen].mean()) if chosen.any() else None,
        "expected": promise.expected_precision,
        "low": promise.lower_bound,
    }


def calibration_error(probabilities: Floats, wrong: NDArray[np.bool_]) -> float:
    """Expected calibration error over 15 equal bins of P(wrong), in [0, 1], low = good."""
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    gaps = [
        abs(probabilities[bins == k].mean() - wrong[bins == k].mean()) * (bins == k).mean()
        for k in np.unique(bins)
    ]
    return float(sum(gaps))


def heading() -> str:
    columns = f"{'AP':>6}{'AUROC':>7}{'P@err':>7}{'ECE':>6}  {'noise: true':>11} {'estimated':>19}"
    columns += f"  {'obvious (true >= low)':<24} seconds    cpu"
    return f"{'pack':<38}{'seed':>4} {'method':<27}{columns}"


def line(record: dict[str, Any]) -> str:
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
        f"  {tier:<24} {record['seconds']:>7.1f}{record['cpu_seconds']:>7.1f}"
    )


def means(records: list[dict[str, Any]]) -> Iterator[str]:
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

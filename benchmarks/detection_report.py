"""The tables of `docs/lab/detection.md`, of the lines that `benchmarks.detection --jsonl` wrote.

    python -m benchmarks.detection_report records.jsonl [--picture found.svg]

Means and spreads (largest less smallest) are over the seeds of a case; a mean over cases lets every
case weigh alike. Where the lines were written with `--verdicts`, the table is what these changed.
"""

import argparse
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.found_curves import draw_found

Records = dict[str, dict[str, list[dict[str, Any]]]]  # case -> method -> one record a seed
SHORT = {
    "labelaudit": "engine",
    "cleanlab self_confidence": "self-confidence",
    "cleanlab normalized_margin": "normalised margin",
    "cleanlab find_label_issues": "find_label_issues",
    "aum one network": "AUM",
    "loss clusters (as CTRL)": "loss clusters",
    "nearest neighbours": "neighbours",
}
ENGINE, RECIPE, PIPELINE = "labelaudit", "cleanlab self_confidence", "cleanlab find_label_issues"
FAR_BELOW = 0.01
VERDICTS = "verdicts"  # how the engine's second line of a case ends
CHOSEN_ON = (  # packs that form and constants were chosen on; the others confirmed them
    *("embeddings", "tabular_satellite", "tabular_spam", "trec", "medical_relations_crowdtruth"),
    *("student_grades", "noise0.2_sparsity0.0", "noise0.7_sparsity0.4"),
)
LONG = 10.0  # processor seconds; shorter ones say little


def main() -> None:
    assert __doc__
    parser = argparse.ArgumentParser("benchmarks.detection_report", description=__doc__)
    parser.add_argument("lines", type=Path)
    parser.add_argument("--picture", type=Path, help="draw the errors found in the first looks")
    options = parser.parse_args()
    rows = [json.loads(text) for text in options.lines.read_text().splitlines()]
    records = [record for row in rows for record in row["records"]]
    cases = _by_case(records)
    if any(record["method"].endswith(VERDICTS) for record in records):
        print("\n".join(_verdicts(cases)))
        return
    for part in (_table(cases), _kinds(cases), _marks(cases), _costs(cases)):
        print("\n".join(part), end="\n\n")
    if options.picture:
        draw_found(records, options.picture)


def _by_case(records: list[dict[str, Any]]) -> Records:
    cases: Records = {}
    for record in records:
        cases.setdefault(record["pack"], {}).setdefault(record["method"], []).append(record)
    return cases


def _table(cases: Records) -> Iterator[str]:
    """AP by case and method, the engine's spread and obvious tier, errors found in 100 looks."""
    head = ["pack", "seeds", "wrong", "engine (spread)", *list(SHORT.values())[1:]]
    head += ["obvious: samples, precision, printed", "found in 100: engine / cleanlab"]
    yield "| " + " | ".join(head) + " |"
    yield "|---|" + "--:|" * (len(head) - 1)
    for case, methods in cases.items():
        own = methods[ENGINE]
        precisions = [_ap(own), *(_ap(methods.get(name, [])) for name in list(SHORT)[1:])]
        cells = [_number(value) for value in precisions]
        if len(own) > 1:
            cells[0] += f" ({_number(float(np.ptp([record['ap'] for record in own])))})"
        found = [
            f"{np.mean([record['found'][3] for record in methods[name]]):.0f}"
            for name in (ENGINE, RECIPE)
        ]
        rate = np.mean([record["noise_rate"]["true"] for record in own])
        first = [case, str(len(own)), f"{100 * rate:.0f} %"]
        yield "| " + " | ".join([*first, *cells, _obvious(own), " / ".join(found)]) + " |"


def _obvious(own: list[dict[str, Any]]) -> str:
    filled = [record["tiers"]["obvious"] for record in own if record["tiers"]["obvious"]["n"]]
    if not filled:
        return "none"
    numbers = "/".join(str(tier["n"]) for tier in filled)
    pairs = ["/".join(_number(tier[name]) for tier in filled) for name in ("precision", "low")]
    return f"{numbers}, {pairs[0]}, {pairs[1]}"


def _kinds(cases: Records) -> Iterator[str]:
    """Mean AP over cases by kind of noise; only cases that every method ran on."""
    whole = {case: methods for case, methods in cases.items() if len(methods) == len(SHORT)}
    kinds = {"real": "", "symmetric": "+symmetric", "asymmetric": "+asymmetric"}
    kinds |= {"instance-dependent": "+instance", "all": "all"}
    yield "| noise | cases | " + " | ".join(SHORT.values()) + " |"
    yield "|---|" + "--:|" * (len(SHORT) + 1)
    for kind, mark in kinds.items():
        chosen = [
            methods
            for case, methods in whole.items()
            if mark == "all" or (mark in case if mark else "+" not in case)
        ]
        if chosen:
            means = [np.mean([_ap(methods[name]) for methods in chosen]) for name in SHORT]
            yield (
                f"| {kind} | {len(chosen)} | " + " | ".join(map(_number, map(float, means))) + " |"
            )


def _marks(cases: Records) -> Iterator[str]:
    """What is promised beside what came true, over all cases and seeds."""
    own = [record for methods in cases.values() for record in methods[ENGINE]]
    rates = [record["noise_rate"] for record in own]
    tiers = [record["tiers"]["obvious"] for record in own]
    filled = [tier for tier in tiers if tier["n"]]
    held = [rate["low"] <= rate["true"] <= rate["high"] for rate in rates]
    kept = [tier["low"] <= tier["precision"] for tier in filled]
    yield f"cases and seeds: {len(own)}"
    yield f"mean calibration error: {np.mean([record['ece'] for record in own]):.3f}"
    widths = [rate["high"] - rate["low"] for rate in rates]
    yield f"noise-rate interval holds: {np.mean(held):.3f}, median width {np.median(widths):.3f}"
    yield f"obvious not empty: {len(filled)} of {len(own)}; bound kept: {sum(kept)}"
    for case, methods in cases.items():
        below = _ap(methods[RECIPE]) - _ap(methods[ENGINE]) if RECIPE in methods else 0.0
        if below > FAR_BELOW:
            yield f"below cleanlab's recipe by {below:.3f}: {case}"


def _costs(cases: Records) -> Iterator[str]:
    """Processor seconds of the engine and of cleanlab's pipeline, where there are vectors."""
    for case, methods in cases.items():
        engine, recipe = (
            float(np.mean([record["cpu_seconds"] for record in methods[name]]))
            for name in (ENGINE, PIPELINE)
        )
        if recipe > LONG:
            yield f"{case}: engine {engine:.0f} s, cleanlab {recipe:.0f} s, {engine / recipe:.2f}"


def _verdicts(cases: Records) -> Iterator[str]:
    """What verdicts changed, over cases and seeds, by the halves of the packs."""
    pairs: dict[str, list[tuple[dict[str, Any], dict[str, Any]]]] = {"first half": []}
    pairs |= {"second half": [], "all": []}
    for case, methods in cases.items():
        after = next(rows for name, rows in methods.items() if name.endswith(VERDICTS))
        both = list(zip(methods[ENGINE], after, strict=True))
        half = "first half" if case.startswith(CHOSEN_ON) else "second half"
        for part in (half, "all"):
            pairs[part] += both
    yield "| | " + " | ".join(pairs) + " |"
    yield "|---|" + "--:|" * len(pairs)
    for name, figure in FIGURES.items():
        cells = [figure(*zip(*rows, strict=True)) if rows else "" for rows in pairs.values()]
        yield f"| {name} | " + " | ".join(cells) + " |"


def _before_and_after(figure: Callable[[list[dict[str, Any]]], str]) -> Callable[..., str]:
    return lambda before, after: f"{figure(list(before))}, {figure(list(after))}"


def _mean(values: Iterable[float]) -> str:
    return _number(float(np.mean(list(values))))


def _rate_error(record: dict[str, Any]) -> float:
    return abs(float(record["noise_rate"]["estimate"] - record["noise_rate"]["true"]))


def _width(record: dict[str, Any]) -> float:
    return float(record["noise_rate"]["high"] - record["noise_rate"]["low"])


def _holds(record: dict[str, Any]) -> bool:
    rate = record["noise_rate"]
    return bool(rate["low"] <= rate["true"] <= rate["high"])


def _filled(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    tiers = [record["tiers"]["obvious"] for record in records]
    return [tier for tier in tiers if tier["n"]]


def _kept(records: list[dict[str, Any]]) -> str:
    tiers = _filled(records)
    return f"{len(tiers)}; {sum(tier['low'] <= tier['precision'] for tier in tiers)}"


FIGURES: dict[str, Callable[..., str]] = {
    "cases and seeds": lambda before, _after: str(len(before)),
    "calibration error, before and after": _before_and_after(
        lambda rows: _mean(row["ece"] for row in rows)
    ),
    "error of the noise rate": _before_and_after(lambda rows: _mean(map(_rate_error, rows))),
    "interval holds the truth": _before_and_after(lambda rows: str(sum(map(_holds, rows)))),
    "its median width": _before_and_after(
        lambda rows: _number(float(np.median([_width(row) for row in rows])))
    ),
    "obvious not empty; bound kept": _before_and_after(_kept),
    "samples in it, median": _before_and_after(
        lambda rows: f"{np.median([tier['n'] for tier in _filled(rows)] or [0]):.0f}"
    ),
    "mean AP": _before_and_after(lambda rows: _mean(row["ap"] for row in rows)),
}


def _ap(records: list[dict[str, Any]]) -> float:
    return float(np.mean([record["ap"] for record in records])) if records else float("nan")


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3f}".replace("0.", ".", 1)


if __name__ == "__main__":
    main()

"""The table and the plot of what `benchmarks.objectives` measured."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

BEGIN, END = "<!-- results begin -->", "<!-- results end -->"
MEASURES = {
    "accuracy": "Test accuracy of the last epoch, %",
    "recovery": "Training samples whose true label is recovered, %",
    "ap_margin": "Average precision of finding wrong labels, by mean margin",
    "ap_out_of_bag": "Average precision of finding wrong labels, by out-of-bag probability",
    "seconds": "Seconds of training, several runs sharing the machine",
}
BASELINE = "cross_entropy"

Records = list[dict[str, Any]]
Cell = tuple[float, float, int]  # mean, standard deviation over seeds, seeds


def write_table(records: Records, document: Path, picture: str) -> None:
    """Put the results, and the picture of them, between the document's two markers."""
    text = document.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    document.write_text(f"{before}{BEGIN}\n\n{_tables(records, picture)}\n{END}{after}")


def write_plot(records: Records, path: Path) -> None:
    """One panel a noise: test accuracy and average precision of every method, with the spread."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "objectives"  # the same results give the same file
    from matplotlib import pyplot as plt

    columns, methods = _columns(records), _methods(records)
    figure, axes = plt.subplots(
        2, len(columns), figsize=(2.6 * len(columns) + 1.5, 9), sharey=True, squeeze=False
    )
    for row, measure in enumerate(("accuracy", "ap_margin")):
        cells = summarise(records, measure)
        for column, panel in zip(columns, axes[row], strict=True):
            places = np.arange(len(methods))[::-1]
            values = [cells.get((*column, method), (np.nan, 0.0, 0)) for method in methods]
            means, spreads = [cell[0] for cell in values], [cell[1] for cell in values]
            panel.errorbar(means, places, xerr=spreads, fmt="o", markersize=4, color="#1f4e79")
            baseline = cells.get((*column, BASELINE))
            if baseline:
                panel.axvline(baseline[0], color="#c0504d", linewidth=1)
            panel.set_yticks(places, methods)
            panel.set_title(f"{_title(column)}\n{measure.replace('_', ' ')}", fontsize=9)
            panel.tick_params(labelsize=8)
            panel.grid(axis="x", alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)


def summarise(records: Records, measure: str) -> dict[tuple[str, str, str], Cell]:
    """Mean and standard deviation over seeds by (kind, noise, method)."""
    values: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for record in records:
        values[record["kind"], record["noise"], record["method"]].append(record[measure])
    return {
        key: (float(np.mean(own)), float(np.std(own, ddof=1)) if len(own) > 1 else 0.0, len(own))
        for key, own in values.items()
    }


def _tables(records: Records, picture: str) -> str:
    columns, methods = _columns(records), _methods(records)
    parts = [f"![Test accuracy and average precision of every objective]({picture})\n"]
    for measure, title in MEASURES.items():
        cells = summarise(records, measure)
        lines = [f"### {title}", "", f"| objective | {' | '.join(map(_title, columns))} |"]
        lines.append(f"|---{'|--:' * len(columns)}|")
        best = {column: _best(cells, column, methods) for column in columns}
        for method in methods:
            row = [_cell(cells.get((*column, method)), measure, best[column]) for column in columns]
            lines.append(f"| {method} | {' | '.join(row)} |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _cell(cell: Cell | None, measure: str, best: float) -> str:
    if cell is None:
        return "–"
    mean, spread, seeds = cell
    if measure == "seconds":
        return f"{mean:.1f}"
    factor, digits = (100, 1) if measure in ("accuracy", "recovery") else (1, 3)
    text = f"{factor * mean:.{digits}f}"
    if seeds > 1:
        text += f" ± {factor * spread:.{digits}f}"
    return f"**{text}**" if mean == best else text


def _best(
    cells: dict[tuple[str, str, str], Cell], column: tuple[str, str], methods: list[str]
) -> float:
    return max(cells[*column, method][0] for method in methods if (*column, method) in cells)


def _columns(records: Records) -> list[tuple[str, str]]:
    """(kind, noise), vectors first, in the order of the noises' names and rates."""
    found = {(record["kind"], record["noise"]) for record in records}
    order = ("symmetric:0.2", "symmetric:0.5", "uniform:0.5", "asymmetric:0.4", "human")
    return sorted(found, key=lambda column: (column[0] == "images", order.index(column[1])))


def _title(column: tuple[str, str]) -> str:
    kind, noise = column
    name, _, rate = noise.partition(":")
    share = f" {100 * float(rate):.0f} %" if rate else ""
    return f"{name}{share}, {'embeddings' if kind == 'vectors' else 'images'}"


def _methods(records: Records) -> list[str]:
    """Cross entropy first, then by mean rank of test accuracy over all columns."""
    cells = summarise(records, "accuracy")
    names = sorted({record["method"] for record in records})
    ranks: dict[str, list[int]] = defaultdict(list)
    for column in _columns(records):
        known = [name for name in names if (*column, name) in cells]
        for rank, name in enumerate(sorted(known, key=lambda name: -cells[*column, name][0])):
            ranks[name].append(rank)
    return sorted(names, key=lambda name: (name != BASELINE, float(np.mean(ranks[name]))))

"""Errors found in the first looks, a small picture for each pack, drawn from benchmark records."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt

LOOKS = (10, 25, 50, 100, 150, 200, 300, 400, 500)
COLUMNS = 4
CELL_WIDTH, CELL_HEIGHT = 3.1, 2.4  # inches


def draw_found(records: list[dict[str, Any]], path: Path) -> None:
    """One panel a pack: wrong labels among the first looks, mean over seeds, a line a method."""
    packs = list(dict.fromkeys(record["pack"] for record in records))
    methods = list(dict.fromkeys(record["method"] for record in records))
    rows = -(-len(packs) // COLUMNS)
    with mpl.rc_context({"svg.hashsalt": "found", "font.size": 8}):
        figure, axes = plt.subplots(
            rows, COLUMNS, figsize=(CELL_WIDTH * COLUMNS, CELL_HEIGHT * rows), squeeze=False
        )
        for panel in axes.flat[len(packs) :]:
            panel.axis("off")
        for panel, pack in zip(axes.flat, packs, strict=False):
            own = [record for record in records if record["pack"] == pack]
            _panel(panel, pack, own, methods)
        named: dict[str, Any] = {}
        for panel in axes.flat[: len(packs)]:
            handles, names = panel.get_legend_handles_labels()
            named |= dict(zip(names, handles, strict=True))
        figure.legend([*named.values()], [*named], loc="lower center", ncol=4, frameon=False)
        figure.tight_layout(rect=(0, 0.9 / (CELL_HEIGHT * rows), 1, 1))
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


def _panel(panel: Any, pack: str, records: list[dict[str, Any]], methods: list[str]) -> None:
    looks = [look for look in LOOKS if look <= records[0]["scored"]]
    for place, method in enumerate(methods):
        found = [record["found"][: len(looks)] for record in records if record["method"] == method]
        if found:
            width = 2.0 if place == 0 else 1.0
            mean = np.mean(found, axis=0)
            panel.plot(looks, mean, color=f"C{place}", linewidth=width, label=method)
    rate = np.mean([record["noise_rate"]["true"] or 0.0 for record in records])
    panel.plot(looks, np.multiply(looks, rate), color="grey", linestyle=":", label="chance")
    panel.set_title(pack, fontsize=8)
    panel.set_xlabel("looks")
    panel.set_ylabel("errors found")
    panel.grid(alpha=0.3)

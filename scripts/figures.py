"""The figures of docs/concepts.md, as SVG: `python scripts/figures.py docs/images`.

They illustrate; their numbers are made up.
"""

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
mpl.rcParams |= {
    "svg.fonttype": "none",
    "svg.hashsalt": "figures",  # the same file every time
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402

RED, ORANGE, GREY, GREEN = "#a93b20", "#e0a08f", "#d8d6d0", "#0d6e66"
RANKS = np.arange(1, 201)
P_WRONG = 0.96 / (1 + np.exp((RANKS - 46) / 9)) + 0.01


def tiers(axes: Axes) -> None:
    for start, end, colour, name in (
        (1, 24, RED, "obvious"),
        (24, 56, ORANGE, "possible"),
        (56, 200, GREY, "none"),
    ):
        axes.axvspan(start, end, color=colour, alpha=0.35, linewidth=0)
        axes.text((start + end) / 2, 1.03, name, ha="center")
    axes.plot(RANKS, P_WRONG, color="black")
    axes.set(xlabel="rank (1 = worst)", ylabel="p_wrong", xlim=(1, 200), ylim=(0, 1))


def intervals(axes: Axes) -> None:
    rows = (
        ("models agree, and agree with each other", 0.95, 0.85, 0.99),
        ("models agree, but the noise rate is unknown", 0.75, 0.10, 0.99),
        ("nothing speaks against the label", 0.01, 0.00, 0.05),
    )
    for row, (name, value, low, high) in enumerate(reversed(rows)):
        axes.plot([low, high], [row, row], color=ORANGE, linewidth=6, solid_capstyle="butt")
        axes.plot(value, row, "o", color=RED)
        axes.text(0, row + 0.28, f"{name}: {value:.2f} ({low:.2f} to {high:.2f})")
    axes.set(xlabel="p_wrong", xlim=(0, 1), ylim=(-0.4, 2.7), yticks=[])
    axes.spines["left"].set_visible(False)


def noise_rate(axes: Axes) -> None:
    rows = (
        ("from the models", 0.077, 0.05, 0.10, ORANGE),
        ("after 60 controls (verified)", 0.081, 0.073, 0.09, GREEN),
    )
    for row, (name, value, low, high, colour) in enumerate(reversed(rows)):
        axes.plot([low, high], [row, row], color=colour, linewidth=6, solid_capstyle="butt")
        axes.plot(value, row, "o", color="black")
        axes.text(0.0, row + 0.22, f"{name}: {value:.1%}, between {low:.1%} and {high:.1%}")
    axes.axvline(0.08, color="black", linestyle=":", linewidth=1)
    axes.text(0.081, -0.32, "true rate 8%")
    axes.set(xlabel="share of wrong labels", xlim=(0, 0.15), ylim=(-0.4, 1.6), yticks=[])
    axes.xaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
    axes.spines["left"].set_visible(False)


def controls(axes: Axes) -> None:
    drawn = np.random.default_rng(3).choice(RANKS, 22, replace=False)
    for row, name, chosen, colour in (
        (1, "queue: the worst first", RANKS[:40], RED),
        (0, "controls: drawn at random from the whole list", drawn, GREEN),
    ):
        axes.barh(row + 0.175, 200, height=0.35, left=0.5, color=GREY, linewidth=0)
        axes.vlines(chosen, row, row + 0.35, color=colour, linewidth=2)
        axes.text(1, row + 0.45, name)
    axes.set(xlabel="rank (1 = worst)", xlim=(0, 201), ylim=(-0.1, 1.8), yticks=[])
    axes.spines["left"].set_visible(False)


def verdicts(axes: Axes) -> None:
    rows = (
        ("keep", "the given label", "right"),
        ("accept_suggestion", "the suggested label", "wrong"),
        ("relabel", "a label you choose", "wrong"),
        ("exclude", "the sample is left out", "not counted"),
        ("skip", "the given label; undecided", "not counted"),
    )
    columns = ((0.0, "verdict"), (0.32, "in the export"), (0.72, "for the noise rate, it was"))
    for x, title in columns:
        axes.text(x, 5, title, weight="bold")
    for row, words in enumerate(reversed(rows)):
        axes.axhline(row + 0.65, color=GREY, linewidth=1)
        for (x, _), word in zip(columns, words, strict=True):
            axes.text(x, row, word)
    axes.set(xlim=(0, 1), ylim=(-0.4, 5.6))
    axes.axis("off")


FIGURES = {
    "tiers": (tiers, 2.6),
    "intervals": (intervals, 2.4),
    "noise-rate": (noise_rate, 1.9),
    "controls": (controls, 1.9),
    "verdicts": (verdicts, 2.2),
}


def main(folder: Path) -> None:
    for name, (draw, height) in FIGURES.items():
        figure, axes = plt.subplots(figsize=(6.4, height), layout="constrained")
        draw(axes)
        figure.savefig(folder / f"{name}.svg", facecolor="white", metadata={"Date": None})
        plt.close(figure)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

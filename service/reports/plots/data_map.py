"""Confidence against variability: the density of all samples, and points by tier."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure

from labelaudit.enums import Tier
from service.reports.data_map import AXES, MAX_VARIABILITY, Point
from service.reports.plots.plot_data import PlotData
from service.reports.plots.style import (
    Theme,
    label_axes,
    legend,
    new_figure,
    plain_axes,
)

BOX = (AXES.left, 1 - AXES.top - AXES.height, AXES.width, AXES.height)
SIZE = (6.4, 5.2)
CELLS = (100, 100)
MARKS = {Tier.none: ("o", 7), Tier.possible: ("^", 20), Tier.obvious: ("D", 17)}
WORDS = {Tier.none: "not suspected", Tier.possible: "possible", Tier.obvious: "obvious"}


def draw(plot_data: PlotData, theme: Theme) -> Figure:
    data = plot_data.data_map()
    figure = new_figure(theme, width=SIZE[0], height=SIZE[1])
    axes = plain_axes(figure, theme, BOX)
    if len(data.confidence) > len(data.points):
        counts, _, _ = np.histogram2d(
            data.variability,
            data.confidence,
            bins=CELLS,
            range=[[0, MAX_VARIABILITY], [0, 1]],
        )
        shade = LinearSegmentedColormap.from_list("shade", [theme.line, theme.quiet])
        axes.imshow(
            np.ma.masked_equal(counts.T, 0),
            extent=(0, MAX_VARIABILITY, 0, 1),
            origin="lower",
            aspect="auto",
            cmap=shade,
            norm=LogNorm(1, max(2, counts.max())),
            alpha=0.55,
        )
    for tier, (mark, size) in MARKS.items():
        points = [point for point in data.points if point.tier is tier]
        _scatter(axes, points, mark, size, getattr(theme, tier.value), theme, WORDS[tier])
    axes.set_xlim(0, AXES.x_max)
    axes.set_ylim(0, AXES.y_max)
    label_axes(
        axes,
        theme,
        "variability: standard deviation over epochs",
        "confidence: mean probability of the given label",
    )
    legend(axes, theme, columns=3)
    return figure


def _scatter(
    axes: Axes, points: list[Point], mark: str, size: int, colour: str, theme: Theme, words: str
) -> None:
    axes.scatter(
        [point.variability for point in points],
        [point.confidence for point in points],
        s=size,
        marker=mark,
        color=colour,
        edgecolors=theme.surface,
        linewidths=0.4,
        label=words,
    )

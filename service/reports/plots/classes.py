"""The noise rate of each class with its interval, most wrong labels first."""

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from service.reports.plots.plot_data import PlotData
from service.reports.plots.style import (
    Theme,
    empty_figure,
    label_axes,
    new_figure,
    plain_axes,
    shorten,
)

MOST_CLASSES = 25


def draw(data: PlotData, theme: Theme) -> Figure:
    rows = sorted(
        data.summary.get("per_class") or [],
        key=lambda row: -float(row["estimated_wrong_count"]),
    )[:MOST_CLASSES]
    if not rows:
        return empty_figure(theme, "Not estimated")
    height = 1.0 + 0.28 * max(3, len(rows))
    figure = new_figure(theme, height=height)
    axes = plain_axes(figure, theme, (0.25, 0.6 / height, 0.71, 1 - 0.75 / height))
    axes.grid(visible=False, axis="y")
    for place, row in enumerate(rows):
        rate = row["noise_rate"]
        axes.plot([rate["low"], rate["high"]], [place] * 2, color=theme.obvious, alpha=0.45, lw=4)
        axes.plot(rate["estimate"], place, "o", color=theme.obvious, markersize=6)
    axes.set_yticks(range(len(rows)), [shorten(row["class"], 22) for row in rows])
    axes.tick_params(axis="y", colors=theme.ink)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    label_axes(axes, theme, "noise rate: labels of the class that are wrong", "")
    return figure

"""Errors found by samples reviewed, against what reviewing random samples would have found."""

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from service.reports.plots.plot_data import PlotData
from service.reports.plots.style import (
    Theme,
    label_axes,
    legend,
    new_figure,
    plain_axes,
)

EMPTY = 100  # samples on the axis before any review


def draw(data: PlotData, theme: Theme) -> Figure:
    """The curve follows the verdicts in their order; the dashed line is the noise rate."""
    curve = data.findings.curve
    reviewed = [point[0] for point in curve]
    errors = [point[1] for point in curve]
    end = reviewed[-1] or EMPTY
    figure = new_figure(theme)
    axes = plain_axes(figure, theme, (0.1, 0.14, 0.86, 0.77))
    axes.plot([0, end], [0, end], color=theme.line, linewidth=1.2, label="every sample an error")
    rate = data.summary.get("noise_rate")
    if rate:
        axes.fill_between(
            [0, end],
            [0, rate["low"] * end],
            [0, rate["high"] * end],
            color=theme.none,
            alpha=0.35,
            linewidth=0,
        )
        axes.plot(
            [0, end],
            [0, rate["estimate"] * end],
            color=theme.quiet,
            linewidth=1.4,
            linestyle=(0, (4, 3)),
            label="random samples",
        )
    axes.plot(reviewed, errors, color=theme.accent, linewidth=2.6, label="found so far")
    if reviewed[-1]:
        axes.plot(reviewed[-1:], errors[-1:], "o", color=theme.accent, markersize=6)
    axes.set_xlim(0, end * 1.02)
    axes.set_ylim(0, max(end * 1.02, 1))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    label_axes(axes, theme, "samples reviewed", "errors found")
    legend(axes, theme, columns=3)
    return figure

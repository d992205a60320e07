"""The expected precision of each tier, and the share of errors found so far."""

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from labelaudit.enums import Tier
from service.reports.plots.plot_data import PlotData
from service.reports.plots.style import (
    Theme,
    label_axes,
    legend,
    new_figure,
    plain_axes,
)

WORDS = {Tier.obvious: "obvious", Tier.possible: "possible", Tier.none: "not suspected"}


def draw(data: PlotData, theme: Theme) -> Figure:
    """Share of wrong labels by tier: expected, down to its lower bound, and found, with its 95 %
    interval. A tier without reviews has no second line."""
    promised = data.summary.get("tiers") or {}
    found = {tier.tier: tier for tier in data.findings.tiers}
    figure = new_figure(theme, height=2.7)
    axes = plain_axes(figure, theme, (0.19, 0.2, 0.78, 0.64))
    axes.grid(visible=False, axis="y")
    for place, tier in enumerate(WORDS):
        promise = promised.get(tier.value) or {}
        expected, low = promise.get("expected_precision"), promise.get("lower_bound")
        if expected is not None:
            start = expected if low is None else low
            axes.plot([start, expected], [place - 0.13] * 2, color=theme.quiet, linewidth=2)
            axes.plot(expected, place - 0.13, "D", color=theme.quiet, markersize=6)
        seen = found[tier]
        if seen.reviewed:
            axes.plot([seen.low, seen.high], [place + 0.13] * 2, color=theme.accent, linewidth=2)
            axes.plot(
                seen.wrong / seen.reviewed, place + 0.13, "o", color=theme.accent, markersize=7
            )
    axes.plot([], [], "D-", color=theme.quiet, markersize=6, label="expected, to its lower bound")
    axes.plot([], [], "o-", color=theme.accent, markersize=7, label="found so far, 95% interval")
    axes.set_yticks(range(len(WORDS)), list(WORDS.values()))
    axes.set_ylim(len(WORDS) - 0.5, -0.5)
    axes.set_xlim(-0.02, 1.02)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    label_axes(axes, theme, "labels that are wrong", "")
    legend(axes, theme, columns=2)
    return figure

"""The noise matrix as a heat map: rows are true classes, columns given labels."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from service.reports.plots.plot_data import PlotData
from service.reports.plots.style import (
    Theme,
    empty_figure,
    new_figure,
    shorten,
)

MOST_CLASSES = 24
NUMBERED = 14  # with more classes the cells are too small for numbers
HOTTEST = 0.75  # of the heat's scale: the ink on it keeps its contrast


def draw(data: PlotData, theme: Theme) -> Figure:
    """The share of each true class that was given each label; the diagonal is left blank. If there
    are many classes, only the most confused ones."""
    matrix = np.asarray(data.summary.get("noise_matrix") or [])  # (C, C)
    if not matrix.size:
        return empty_figure(theme, "Not estimated")
    off = matrix * (1 - np.eye(len(matrix)))
    shown = most_confused(off)
    names = [shorten(data.class_names[index]) for index in shown]
    cells = off[np.ix_(shown, shown)]
    longest = max(len(name) for name in names)
    grid, left, top = max(3.0, 0.42 * len(shown)), 0.6 + 0.075 * longest, 0.45 + 0.065 * longest
    width, height = left + grid + 0.35, top + grid + 0.15
    figure = new_figure(theme, width=width, height=height)
    box = (left / width, 0.15 / height, grid / width, grid / height)
    axes = figure.add_axes(box, facecolor=theme.surface)
    scale = float(cells.max()) if cells.max() > 0 else 1.0
    heat = np.sqrt(cells / scale) * HOTTEST  # shares span decades; the root keeps small ones seen
    axes.imshow(heat, cmap=theme.heat(), vmin=0, vmax=1, aspect="equal")
    axes.set_xticks(range(len(names)), names, rotation=55, ha="left", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(colors=theme.ink, length=0, labelsize=9, top=True, labeltop=True)
    axes.tick_params(bottom=False, labelbottom=False)
    axes.set_xticks(np.arange(len(names) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(names) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color=theme.surface, linewidth=2)
    axes.tick_params(which="minor", length=0, top=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    title = "true class, by row; given label, by column"
    figure.text(0.02, 1 - 0.12 / height, title, color=theme.quiet, fontsize=9.5, va="top")
    for index in range(len(names)):
        axes.add_patch(Rectangle((index - 0.5, index - 0.5), 1, 1, color=theme.line, linewidth=0))
    if len(names) <= NUMBERED:
        for (row, column), share in np.ndenumerate(cells):
            if row != column and share >= 0.0005:
                words = f"{share:.1%}" if share < 0.1 else f"{share:.0%}"
                axes.text(
                    column, row, words, ha="center", va="center", color=theme.ink, fontsize=7.5
                )
    return figure


def most_confused(off: np.ndarray) -> list[int]:
    """All classes in order, or, if there are many, those with the largest confusions."""
    if len(off) <= MOST_CLASSES:
        return list(range(len(off)))
    chosen: set[int] = set()
    for flat in np.argsort(off, axis=None)[::-1]:
        pair = {int(index) for index in np.unravel_index(flat, off.shape)}
        if len(chosen | pair) > MOST_CLASSES:
            break
        chosen |= pair
    return sorted(chosen)

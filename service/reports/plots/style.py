"""The common style of all plots: colours, type and margins.

The colours are the page's. Tiers differ in lightness and marker as well as in hue, so that they can
be told apart without seeing colour.
"""

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

DPI = 144
# Readers without the font that the plot was measured with get a similar one.
FONT, FONTS = b"'DejaVu Sans'", b"'DejaVu Sans', Verdana, system-ui, sans-serif"
# Text stays text, so that the reader's fonts can draw names in every script. The same plot always
# has the same bytes.
matplotlib.rcParams["svg.fonttype"] = "none"
matplotlib.rcParams["svg.hashsalt"] = "labelaudit"
matplotlib.rcParams["font.family"] = ["DejaVu Sans"]
matplotlib.rcParams["text.parse_math"] = False  # a class may be called $x$

_one_at_a_time = threading.Lock()  # the font cache and the backends are not thread-safe


@dataclass(frozen=True)
class Theme:
    surface: str
    ink: str
    quiet: str
    line: str
    accent: str
    obvious: str
    possible: str
    none: str

    def heat(self) -> LinearSegmentedColormap:
        """From the surface colour to the strongest one."""
        return LinearSegmentedColormap.from_list("heat", [self.surface, self.obvious])


COLOURS = {  # (light, dark)
    "surface": ("#ffffff", "#1e2022"),
    "ink": ("#1d1c1a", "#eae8e4"),
    "quiet": ("#64605a", "#a5a29c"),
    "line": ("#e2dfd9", "#3a3d40"),
    "accent": ("#0b6e66", "#5cc9bb"),
    "obvious": ("#a63d1e", "#f0906f"),
    "possible": ("#c98a1b", "#e3c169"),
    "none": ("#a9bcd0", "#7890a8"),
}
THEMES = {
    "light": Theme(**{name: light for name, (light, _) in COLOURS.items()}),
    "dark": Theme(**{name: dark for name, (_, dark) in COLOURS.items()}),
}


@contextmanager
def drawing() -> Iterator[None]:
    with _one_at_a_time, warnings.catch_warnings():
        # A PNG cannot use the reader's fonts; glyphs that ours lack are drawn as boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def new_figure(theme: Theme, *, width: float = 6.4, height: float = 4.4) -> Figure:
    return Figure(figsize=(width, height), facecolor=theme.surface)


def empty_figure(theme: Theme, words: str) -> Figure:
    """A plot that says why it is empty."""
    figure = new_figure(theme, height=1.6)
    figure.text(0.5, 0.5, words, color=theme.quiet, fontsize=10, ha="center", va="center")
    return figure


def plain_axes(figure: Figure, theme: Theme, box: tuple[float, float, float, float]) -> Axes:
    """Axes with a light grid and no frame; `box` is left, bottom, width, height as shares."""
    axes: Axes = figure.add_axes(box, facecolor=theme.surface)
    axes.grid(True, color=theme.line, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=theme.quiet, length=0, labelsize=9)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes


def label_axes(axes: Axes, theme: Theme, x: str, y: str) -> None:
    axes.set_xlabel(x, color=theme.quiet, fontsize=9.5, labelpad=6)
    axes.set_ylabel(y, color=theme.quiet, fontsize=9.5, labelpad=6)


def legend(axes: Axes, theme: Theme, *, columns: int) -> None:
    """Above the axes, at their right end."""
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=columns,
        frameon=False,
        labelcolor=theme.ink,
        fontsize=9,
        handlelength=1.6,
        markerscale=1.3,
        borderaxespad=0.2,
    )


def save(figure: Figure, format: str) -> bytes:
    target = io.BytesIO()
    if format == "svg":
        FigureCanvasSVG(figure)
        figure.savefig(target, format="svg", metadata={"Date": None})
        return target.getvalue().replace(FONT, FONTS)
    FigureCanvasAgg(figure)
    figure.savefig(target, format="png", dpi=DPI)
    return target.getvalue()


def shorten(name: str, length: int = 18) -> str:
    return name if len(name) <= length else f"{name[: length - 1]}…"

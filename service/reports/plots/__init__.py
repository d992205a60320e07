"""The overview's plots, drawn on the server: by name, as SVG or PNG, light or dark."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from service.reports.plots.plot_data import PlotData

if TYPE_CHECKING:
    from service.reports.plots.style import Theme

NAMES = ("data_map", "noise_matrix", "findings", "tiers", "classes")


def draw(name: str, data: PlotData, *, format: str, theme: str) -> bytes:
    """One of NAMES as the bytes of an SVG or a PNG. The plotting library is loaded at first use."""
    from service.reports.plots import (
        classes,
        data_map,
        findings,
        noise_matrix,
        style,
        tiers,
    )

    drawers: dict[str, Callable[[PlotData, Theme], Any]] = {
        "data_map": data_map.draw,
        "noise_matrix": noise_matrix.draw,
        "findings": findings.draw,
        "tiers": tiers.draw,
        "classes": classes.draw,
    }
    with style.drawing():
        figure = drawers[name](data, style.THEMES[theme])
        return style.save(figure, format)

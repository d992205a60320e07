"""The overview's pictures, drawn on the server: by name, as SVG or PNG, light or dark."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from service.reports.data_map import DataMap
from service.reports.findings import Findings

if TYPE_CHECKING:
    from service.reports.plots.style import Theme


@dataclass(frozen=True)
class Subject:
    """What pictures are drawn of. `data_map` is asked for only by the picture that needs it."""

    summary: dict[str, Any]
    class_names: list[str]
    findings: Findings
    data_map: Callable[[], DataMap]


NAMES = ("data_map", "noise_matrix", "findings", "tiers", "classes")


def draw(name: str, subject: Subject, *, format: str, theme: str) -> bytes:
    """One of NAMES as the bytes of an SVG or a PNG. The plotting library is loaded at first use."""
    from service.reports.plots import (
        classes,
        data_map,
        findings,
        noise_matrix,
        style,
        tiers,
    )

    drawers: dict[str, Callable[[Subject, Theme], Any]] = {
        "data_map": data_map.draw,
        "noise_matrix": noise_matrix.draw,
        "findings": findings.draw,
        "tiers": tiers.draw,
        "classes": classes.draw,
    }
    with style.drawing():
        figure = drawers[name](subject, style.THEMES[theme])
        return style.save(figure, format)

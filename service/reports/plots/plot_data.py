"""The data of the overview's plots."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from service.reports.data_map import DataMap
from service.reports.findings import Findings


@dataclass(frozen=True)
class PlotData:
    """What the plots show. `data_map` is called only by the plot that draws it."""

    summary: dict[str, Any]
    class_names: list[str]
    findings: Findings
    data_map: Callable[[], DataMap]

"""What the overview's pictures are drawn of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from service.reports.data_map import DataMap
from service.reports.findings import Findings


@dataclass(frozen=True)
class Subject:
    """What pictures are drawn of. `data_map` is asked for only by the picture that needs it."""

    summary: dict[str, Any]
    class_names: list[str]
    findings: Findings
    data_map: Callable[[], DataMap]

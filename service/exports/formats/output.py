"""Where an export is written and how."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Output:
    """The file that a writer of an export creates."""

    target: Path
    on_progress: Progress = lambda _: None
    escape_formulas: bool = False  # for CSV and TSV

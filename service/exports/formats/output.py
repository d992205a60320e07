"""Where an export is written and how."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from service.exports.formats.corrections import Correction

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Output:
    """The file that a writer of an export creates."""

    target: Path
    on_progress: Progress = lambda _: None
    escape_formulas: bool = False  # for CSV and TSV
    # Pictures that no table lists and that were corrected: a row is added for each.
    unlisted: Mapping[str, Correction] = field(default_factory=dict)

"""The decisions an export applies."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Correction:
    """What people decided about one sample.

    `corrected_label` None leaves the given label as it is; `excluded` leaves the sample out.
    """

    corrected_label: str | None
    verdict: str
    annotator: str | None = None
    corrected_at: datetime | None = None
    excluded: bool = False


# By position, and only for samples that somebody decided.
CorrectedLabels = Mapping[int, Correction]

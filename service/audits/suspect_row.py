"""A suspect as a ranking writes it."""

from typing import NamedTuple

from labelaudit.enums import ReviewState


class SuspectRow(NamedTuple):
    """A row of the suspect table without its ranking, in the table's column order."""

    rank: int  # 1 = worst
    position: int
    sample_id: str
    given_label: int
    predicted_label: int
    suggested_label: int | None
    suggested_label_confidence: float | None
    p_wrong: float  # high = bad
    p_wrong_low: float
    p_wrong_high: float
    tier: str
    reason: str
    state: str = ReviewState.open.value
    issues: int = 0
    ambiguous_score: float | None = None  # low = bad, as the next two
    near_duplicate_score: float | None = None
    outlier_score: float | None = None
    duplicate_set: int | None = None
    # of pictures; low = bad
    dark_score: float | None = None
    light_score: float | None = None
    blurry_score: float | None = None
    low_information_score: float | None = None
    odd_aspect_ratio_score: float | None = None
    odd_size_score: float | None = None
    grayscale_score: float | None = None

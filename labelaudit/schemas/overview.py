"""The overview of an audit."""

from datetime import datetime

from pydantic import Field

from labelaudit.enums import Tier
from labelaudit.schemas.base import Estimate, Person, Schema


class PairRead(Schema):
    given_label: str
    predicted_label: str
    open: int = Field(description="Suspects without a verdict.")
    total: int


class CurvePoint(Schema):
    reviewed: int
    errors: int


class TierFound(Schema):
    tier: Tier
    reviewed: int
    wrong: int
    share: Estimate | None = Field(
        description="Share of wrong labels (Wilson); null before any review."
    )


class PersonFound(Person):
    reviewed: int
    errors: int
    last_at: datetime


class FindingsRead(Schema):
    reviewed: int = Field(description="Samples with a verdict, without skipped and reverted ones.")
    errors: int = Field(description="Labels found wrong, including excluded samples.")
    noise_rate: Estimate | None = Field(
        description="The share of errors that reviewing random samples would find."
    )
    curve: list[CurvePoint] = Field(description="In the order of review, without controls.")
    tiers: list[TierFound]
    people: list[PersonFound] = Field(description="Most reviewed samples first.")


class PlotAxes(Schema):
    """Where the axes of a plot are, as shares of its width and height from the top left, and the
    values at their ends. Both axes start at 0."""

    left: float
    top: float
    width: float
    height: float
    x_max: float
    y_max: float


class DataMapRead(Schema):
    """Columns of equal length with one entry per point, worst first."""

    total: int = Field(
        description="Number of samples in the ranking; the plot shows their density."
    )
    axes: PlotAxes = Field(description="Of the plot `data_map`, to place its points.")
    rank: list[int]
    sample_id: list[str]
    given_label: list[str]
    tier: list[Tier]
    p_wrong: list[float] = Field(description="High = bad.")
    confidence: list[float] = Field(description="Mean probability of the given label; low = bad.")
    variability: list[float] = Field(
        description="Standard deviation of the confidence over epochs, 0 to 0.5."
    )

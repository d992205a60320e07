"""What the overview of an audit shows."""

from datetime import datetime

from pydantic import Field

from labelaudit.enums import Tier
from labelaudit.schemas.base import Schema


class PairRead(Schema):
    given_label: str
    predicted_label: str
    open: int = Field(description="Suspects that nobody has decided.")
    total: int


class Pairs(Schema):
    pairs: list[PairRead]


class RateRead(Schema):
    estimate: float
    low: float
    high: float


class CurvePoint(Schema):
    looks: int
    errors: int


class TierFound(Schema):
    tier: Tier
    looked: int
    wrong: int
    low: float = Field(description="Of the share of wrong labels; Wilson's interval at 95 %.")
    high: float


class PersonFound(Schema):
    annotator_id: str
    annotator: str
    looks: int
    errors: int
    last_at: datetime


class FindingsRead(Schema):
    looks: int = Field(description="Decided samples; skipped and reverted ones are none.")
    errors: int = Field(description="Labels found wrong, excluded samples among them.")
    chance: RateRead | None = Field(description="The noise rate: what a random look finds.")
    curve: list[CurvePoint] = Field(description="In the order of looking; random controls not.")
    tiers: list[TierFound]
    people: list[PersonFound] = Field(description="Those with the most looks first.")


class DataMapRead(Schema):
    """Columns of equal length, one entry a point, worst first."""

    total: int = Field(description="Samples of the ranking; the picture shows their density.")
    rank: list[int]
    sample_id: list[str]
    given_label: list[str]
    tier: list[Tier]
    p_wrong: list[float] = Field(description="High = bad.")
    confidence: list[float] = Field(description="Mean probability of the given label; low = bad.")
    variability: list[float] = Field(description="Its standard deviation over epochs, 0 to .5.")

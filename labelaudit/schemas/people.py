"""Who reviews what, what they did, and the story of a sample."""

from datetime import datetime

from pydantic import Field

from labelaudit.enums import Role, Tier, Verdict
from labelaudit.schemas.base import (
    Moment,
    Request,
    Schema,
    Words,
)
from labelaudit.schemas.review import CorrectionRead


class ReviewSettings(Request):
    opinions: int = Field(default=1, ge=1, le=9, description="Wanted of each sample not yet begun.")
    adjudicators: list[Words] = Field(
        default=[], max_length=100, description="Key ids, besides everybody who leads."
    )


class ReviewSettingsRead(Schema):
    opinions: int
    adjudicators: list[str]


class Person(Schema):
    id: str = Field(description="The id of their key.")
    name: str
    role: Role


class AssignmentCreate(Request):
    name: Words = Field(max_length=200)
    people: list[Words] = Field(min_length=1, max_length=100, description="Key ids.")
    tier: list[Tier] = Field(default=[Tier.obvious, Tier.possible], min_length=1)
    given_label: Words | None = None
    predicted_label: Words | None = None
    split: bool = Field(default=False, description="Each of the people gets an equal share.")
    reserved: bool = Field(default=False, description="Nobody else is served these samples.")


class Assignee(Schema):
    id: str
    name: str


class AssignmentRead(Schema):
    id: str
    name: str
    people: list[Assignee]
    tier: list[Tier]
    given_label: str | None
    predicted_label: str | None
    split: bool
    reserved: bool
    created_by: str
    created_at: datetime


class Share(Schema):
    estimate: float
    low: float = Field(description="Lower end of a 95 % interval (Wilson).")
    high: float
    n: int = Field(description="What it rests on.")


class TeamMember(Schema):
    id: str
    name: str
    decisions: int
    skips: int
    undone: int = Field(description="Of the decisions, how many were taken back.")
    adjudications: int
    controls: int = Field(description="Of the decisions, how many were made blind.")
    first_at: datetime | None
    last_at: datetime | None
    per_hour: float | None = Field(description="While at work: gaps over 5 minutes are pauses.")
    seconds_per_decision: float | None = Field(description="The median.")
    agreement: Share | None = Field(description="With others' opinions of the same samples.")
    upheld: Share | None = Field(
        description="Own opinions that are what was decided, where several people judged."
    )


class Team(Schema):
    members: list[TeamMember] = Field(description="The busiest first.")


class RevertWork(Request):
    since: Moment | None = Field(default=None, description="Only what was decided from then on.")


class UndoneRead(Schema):
    batch_id: str | None = Field(description="Revert this batch to have it all back.")
    reverted: int
    dataset_version: int


class CommentCreate(Request):
    sample_id: Words
    text: Words = Field(min_length=1, max_length=4000)


class CommentRead(Schema):
    id: str
    sample_id: str
    text: str
    author: str
    author_id: str
    created_at: datetime


class AuditRank(Schema):
    """Where one audit of the dataset has the sample."""

    audit_id: str
    rank: int
    tier: Tier
    p_wrong: float = Field(description="Probability that the given label is wrong; high = bad.")
    predicted_label: str
    suggested_label: str | None
    created_at: datetime


class Story(Schema):
    sample_id: str
    given_label: str | None
    state: str
    wanted: int = Field(description="How many opinions it wants.")
    verdict: Verdict | None
    corrected_label: str | None
    ranks: list[AuditRank] = Field(description="Newest audit first.")
    corrections: list[CorrectionRead] = Field(
        description="Oldest first, of every audit of the dataset. While others are still to judge, "
        "annotators see only their own."
    )
    comments: list[CommentRead] = Field(description="Oldest first, under the same rule.")
    hidden: bool = Field(description="Whether something is kept back under that rule.")

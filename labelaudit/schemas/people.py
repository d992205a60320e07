"""Review settings, assignments, the team, reverts and the history of a sample."""

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
    opinions: int = Field(
        default=1,
        ge=1,
        le=9,
        description="Opinions wanted of each sample that nobody has reviewed yet.",
    )
    adjudicators: list[Words] = Field(
        default=[], max_length=100, description="Key ids, in addition to everybody who leads."
    )


class ReviewSettingsRead(Schema):
    opinions: int
    adjudicators: list[str]


class Person(Schema):
    id: str = Field(description="The id of the person's key.")
    name: str
    role: Role


class AssignmentCreate(Request):
    name: Words = Field(max_length=200)
    people: list[Words] = Field(min_length=1, max_length=100, description="Key ids.")
    tier: list[Tier] = Field(default=[Tier.obvious, Tier.possible], min_length=1)
    given_label: Words | None = None
    predicted_label: Words | None = None
    split: bool = Field(default=False, description="Each person gets an equal share.")
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
    low: float = Field(description="Lower end of the 95 % interval (Wilson).")
    high: float
    n: int = Field(description="Number of comparisons.")


class TeamMember(Schema):
    id: str
    name: str
    verdicts: int = Field(description="Without skips.")
    skips: int
    reverted: int = Field(description="Verdicts and skips that were reverted.")
    adjudications: int
    controls: int = Field(description="Samples drawn at random and reviewed blind.")
    first_at: datetime | None
    last_at: datetime | None
    per_hour: float | None = Field(description="Verdicts per hour; gaps over 5 minutes are pauses.")
    seconds_per_verdict: float | None = Field(description="Median.")
    agreement: Share | None = Field(
        description="Agreement with others' opinions on the same samples."
    )
    upheld: Share | None = Field(
        description="Opinions that match the outcome, on samples that several people reviewed."
    )


class Team(Schema):
    members: list[TeamMember] = Field(description="Most verdicts first.")


class RevertWork(Request):
    since: Moment | None = Field(default=None, description="Only verdicts from this time on.")


class RevertedRead(Schema):
    batch_id: str | None = Field(
        description="Revert this batch to restore everything; null if nothing was reverted."
    )
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
    """The sample's rank in one audit of the dataset."""

    audit_id: str
    rank: int
    tier: Tier
    p_wrong: float = Field(description="Probability that the given label is wrong; high = bad.")
    predicted_label: str
    suggested_label: str | None
    created_at: datetime


class SampleHistory(Schema):
    sample_id: str
    given_label: str | None
    state: str
    wanted: int = Field(description="Number of opinions wanted.")
    verdict: Verdict | None
    corrected_label: str | None
    ranks: list[AuditRank] = Field(description="Newest audit first.")
    corrections: list[CorrectionRead] = Field(
        description="Corrections in every audit of the dataset, oldest first. Until the sample has "
        "all its opinions, annotators see only their own."
    )
    comments: list[CommentRead] = Field(description="Oldest first; visible under the same rule.")
    hidden: bool = Field(description="Whether this rule hides something.")

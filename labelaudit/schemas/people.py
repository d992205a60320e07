"""Review settings, assignments, the team, reverts and the history of a sample."""

from datetime import datetime

from pydantic import Field, model_validator

from labelaudit.enums import Tier, Verdict
from labelaudit.schemas.audits import CommentRead
from labelaudit.schemas.base import (
    Estimate,
    Moment,
    Person,
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
    adjudicators: list[Person] = Field(description="In addition to everybody who leads.")


class AssignmentCreate(Request):
    name: Words = Field(max_length=200)
    people: list[Words] = Field(min_length=1, max_length=100, description="Key ids.")
    tier: list[Tier] = Field(default=[Tier.obvious, Tier.possible], min_length=1)
    given_label: Words | None = None
    predicted_label: Words | None = None
    split: bool = Field(default=False, description="Each person gets an equal share.")
    reserved: bool = Field(default=False, description="Only they get these samples.")


class AssignmentRead(Schema):
    id: str
    name: str
    people: list[Person]
    tier: list[Tier]
    given_label: str | None
    predicted_label: str | None
    split: bool
    reserved: bool
    created_by: Person
    created_at: datetime


class Share(Estimate):
    n: int = Field(description="Number of comparisons.")


class TeamMember(Person):
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


class RevertCreate(Request):
    """Reverts one correction, the batch of one request, or a person's verdicts."""

    correction_id: Words | None = None
    batch_id: Words | None = None
    person_id: Words | None = None
    since: Moment | None = Field(
        default=None, description="With `person_id`: only their verdicts from this time on."
    )

    @model_validator(mode="after")
    def _one_of_three(self) -> "RevertCreate":
        given = [self.correction_id, self.batch_id, self.person_id]
        if sum(one is not None for one in given) != 1:
            raise ValueError("send one of `correction_id`, `batch_id` and `person_id`")
        if self.since is not None and self.person_id is None:
            raise ValueError("`since` belongs to `person_id`")
        return self


class RevertRead(Schema):
    id: str = Field(description="A batch id: revert that batch to restore everything.")
    audit_id: str
    reverted: int = Field(description="Verdicts and reverts that are no longer in force.")
    dataset_version: int = Field(description="After this revert.")
    created_by: Person
    created_at: datetime


class CommentCreate(Request):
    text: Words = Field(min_length=1, max_length=4000)


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

"""The queue and the corrections."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field, model_validator

from labelaudit.enums import (
    Issue,
    JobStatus,
    ReviewState,
    Standing,
    Tier,
    Verdict,
)
from labelaudit.schemas.alike import SEARCH, SIMILAR_TO
from labelaudit.schemas.audits import INCLUDE, Heavy, SuspectDetail
from labelaudit.schemas.base import Page, Person, Request, Schema, Words


class QueueNext(Request):
    purpose: Literal["review", "control", "adjudicate"] = Field(
        default="review",
        description="`control` serves random samples and hides the model's opinion; `adjudicate` "
        "serves samples whose opinions differ.",
    )
    count: int = Field(default=1, ge=1, le=20)
    tier: list[Tier] = Field(default=[Tier.obvious, Tier.possible])
    given_label: Words | None = None
    predicted_label: Words | None = None
    issue: Issue | None = Field(
        default=None,
        description="Only samples with this issue; of all tiers unless `tier` is given.",
    )
    p_wrong_from: float | None = Field(
        default=None, ge=0, le=1, description="Only samples at least this likely to be wrong."
    )
    p_wrong_to: float | None = Field(
        default=None, ge=0, le=1, description="Only samples at most this likely to be wrong."
    )
    search: Words | None = Field(default=None, max_length=200, description=SEARCH)
    similar_to: Words | None = Field(default=None, description=SIMILAR_TO)
    state: Literal["open", "skipped"] = "open"
    assigned: Literal["first", "only", "ignore"] = Field(
        default="first",
        description="Whether the caller's assignments come first, come alone or are ignored. Any "
        "filter (`tier`, `given_label`, `predicted_label`, `issue`, `p_wrong_from`, `p_wrong_to`, "
        "`search`, `similar_to`, `state`) ignores them.",
    )
    assignment_id: Words | None = Field(default=None, description="Serve this assignment only.")
    include: list[Heavy] = Field(default=[], max_length=2, description=INCLUDE)


class Lease(Schema):
    lease_id: str
    expires_in_seconds: float


class LeaseRequest(Request):
    sample_id: Words
    lease_id: Words


class LeasedSuspect(SuspectDetail):
    lease: Lease


class Control(Schema):
    """A sample to review blind: its content and given label, without rank, tier or suggestion."""

    sample_id: str
    position: int
    given_label: str
    state: ReviewState
    content: dict[str, Any]
    media_url: str | None
    lease: Lease


class QueuePage(Page[LeasedSuspect | Control]):
    """The samples that you hold now, on one page. Ask again for more; empty if nothing is left."""


class CorrectionCreate(Request):
    sample_id: Words
    verdict: Verdict
    corrected_label: Words | None = Field(
        default=None, description="A class name; only with `relabel`."
    )
    lease_id: Words | None = None
    supersedes: Words | None = Field(
        default=None,
        description="The id of the correction that this one replaces, if the sample is decided.",
    )
    note: Words | None = Field(default=None, max_length=2000)

    @model_validator(mode="after")
    def _label_belongs_to_relabel(self) -> "CorrectionCreate":
        if (self.verdict is Verdict.relabel) != (self.corrected_label is not None):
            raise ValueError(
                "`corrected_label` is required with the verdict `relabel` and not allowed otherwise"
            )
        return self


class CorrectionsCreate(Request):
    corrections: list[CorrectionCreate] = Field(min_length=1, max_length=1000)


class CorrectionRead(Schema):
    id: str
    seq: int = Field(description="The dataset's version after this correction.")
    audit_id: str
    sample_id: str
    verdict: Verdict | None = Field(description="Null in a revert.")
    given_label: str
    corrected_label: str | None
    reverts: str | None = Field(
        description="The id of the correction or revert that this row reverts."
    )
    batch_id: str | None = Field(
        description="Shared by all rows of one request; a batch can be reverted together."
    )
    adjudication: bool = Field(description="Chooses between several opinions or overrules them.")
    note: str | None
    annotator: Person
    control: bool = Field(description="The sample was drawn at random and reviewed blind.")
    certificate_id: str | None = Field(
        description="The certificate that it rests on, if nobody looked at the sample."
    )
    created_at: datetime


class OwnDecision(CorrectionRead):
    """A decision of the caller, with the sample that it is about."""

    standing: Standing = Field(
        description="`current` if it counts for you, `replaced` if you decided again later, or "
        "`undone`."
    )
    content: dict[str, Any] = Field(description="`text`, `row`, `file` or `dimensions`.")
    media_url: str | None


class RankingRead(Schema):
    number: int = Field(
        description="0 is by the models alone; later rankings include the verdicts."
    )
    status: JobStatus
    ranking_id: str | None = Field(description="Null until the ranking is completed.")
    verdicts: dict[str, Any] | None = Field(
        description="The verdicts it is based on: n, wrong, by_tier."
    )
    problem: dict[str, Any] | None
    created_at: datetime
    finished_at: datetime | None


class CorrectionBatch(Page[CorrectionRead]):
    """All corrections of one request, on one page."""

    batch_id: str
    dataset_version: int = Field(description="After these corrections.")

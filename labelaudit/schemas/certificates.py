"""Certificates: what may be fixed at once after a few blind verdicts."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from labelaudit.enums import Goal, Issue, Tier
from labelaudit.schemas.base import Person, Request, Schema, Words
from labelaudit.schemas.review import Control

LEVELS = (0.8, 0.9, 0.95)


def _known(level: float) -> float:
    if level not in LEVELS:
        raise ValueError(f"must be one of {', '.join(map(str, LEVELS))}")
    return level


Level = Annotated[float, AfterValidator(_known), Field(examples=list(LEVELS))]


class CertificateCreate(Request):
    goal: Goal = Field(
        default=Goal.suggestion_right,
        description="`suggestion_right`: the suggested label is right, and applying relabels. "
        "`label_wrong`: the given label is wrong, and applying excludes the sample.",
    )
    level: Level = Field(
        default=0.9,
        description="The share of right samples that the order of judging aims at. The other "
        "levels are reported too.",
    )
    tier: list[Tier] | None = Field(
        default=None, min_length=1, description="Only samples of these tiers; all by default."
    )
    given_label: Words | None = None
    predicted_label: Words | None = None
    issue: Issue | None = None


class CertificateLevel(Schema):
    """With 95% confidence, at least `right_at_least` of the first `size` samples, without those
    judged wrong, are right."""

    level: float = Field(description="The promised share of right samples.")
    size: int = Field(description="The number of samples it is about; 0 if nothing is certified.")
    right: int = Field(description="How many of them people judged right.")
    wrong: int = Field(description="How many people judged wrong; these are left out.")
    unjudged: int = Field(description="How many can be fixed at once.")
    right_at_least: int = Field(description="Right ones among those judged right and unjudged.")
    unjudged_right_at_least: int = Field(description="Right ones among the unjudged alone.")


class CertificateRead(Schema):
    id: str
    audit_id: str
    goal: Goal
    level: float
    tier: list[Tier] = Field(description="Empty: all tiers.")
    given_label: str | None
    predicted_label: str | None
    issue: Issue | None
    created_by: Person
    created_at: datetime
    listed: int = Field(description="The largest number of samples that can be certified.")
    judged: int = Field(description="Verdicts on listed samples.")
    right: int = Field(description="How many of these say that the goal is met.")
    promises: list[CertificateLevel] = Field(description="The promises that hold now, by level.")
    batch_id: str | None = Field(description="The batch that was applied and is in force.")
    applied: int = Field(description="Corrections of that batch that are in force.")


class CertificateNext(Request):
    count: int = Field(default=1, ge=1, le=20)


class CertificateSamples(Schema):
    items: list[Control] = Field(
        description="In no order that says anything. Empty if the caller can judge no more."
    )


class CertificateApply(Request):
    level: Level

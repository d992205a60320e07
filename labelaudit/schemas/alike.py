"""Samples that resemble one, and samples that are typical of their class."""

from typing import Any

from pydantic import Field

from labelaudit.enums import ReviewState
from labelaudit.schemas.base import Schema

SEARCH = (
    "Only samples that contain all these words: in the text, the table row, the name of the "
    "picture or the sample id. Case does not matter, and a word may be part of a longer one. More "
    "than 5,000 samples are refused."
)
SIMILAR_TO = "Only this sample and those nearest to it; see `/suspects/{sample_id}/neighbours`."


class Neighbour(Schema):
    sample_id: str
    given_label: str
    corrected_label: str | None = Field(description="The label that was decided since, if any.")
    state: ReviewState
    content: dict[str, Any]
    media_url: str | None


class TypicalSample(Schema):
    sample_id: str
    given_label: str
    p_wrong: float = Field(description="High = bad.")
    content: dict[str, Any]
    media_url: str | None

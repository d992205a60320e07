"""The choices for an audit: objectives and encoders."""

from typing import Literal

from pydantic import Field

from labelaudit.enums import DatasetKind
from labelaudit.schemas.base import Schema


class OptionRead(Schema):
    """A setting of an objective."""

    name: str
    default: float | int | bool | str | list[list[float]] | None
    meaning: str
    origin: Literal["paper", "authors' code", "ours"] = Field(description="Of the default.")
    low: float | None = Field(description="The smallest value; null without a limit.")
    high: float | None = Field(description="The largest value; null without a limit.")
    choices: list[str] = Field(description="The only values of a text option; else empty.")


class ObjectiveRead(Schema):
    """A noise-robust training objective."""

    name: str = Field(description="For the option `objective` of an audit.")
    title: str
    paper: str
    use_when: str
    options: list[OptionRead]


class EncoderRead(Schema):
    """An encoder turns samples into vectors."""

    name: str = Field(description="For the option `encoder` of an audit.")
    kind: DatasetKind
    description: str
    licence: str
    version: int
    needs_network: bool = Field(description="Its weights are downloaded at the first use.")
    extra: str | None = Field(description="The package extra that it needs.")

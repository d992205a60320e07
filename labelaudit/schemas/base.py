"""What every answer and request shares."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
)

from labelaudit.enums import Basis, Role

Item = TypeVar("Item")


def _storable(value: str) -> str:
    if "\x00" in value:
        raise ValueError("must not contain the NUL character")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("must not contain half of a surrogate pair") from None
    return value


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("must lie between the years 1 and 9999 in UTC") from None


def written_moment(value: Any) -> Any:
    """A moment as text, whatever else pydantic would take for one."""
    # pydantic would read a number as seconds since 1970
    number = isinstance(value, str) and re.fullmatch(r"\s*[-+]?[\d_]*\.?[\d_]*\s*", value)
    if number or not isinstance(value, str | datetime):
        raise ValueError("must be a moment as ISO 8601 writes it, such as 2030-01-31T12:00:00Z")
    return value


Words = Annotated[str, AfterValidator(_storable)]


Moment = Annotated[AwareDatetime, BeforeValidator(written_moment), AfterValidator(_in_utc)]


class Schema(BaseModel):
    """What is answered."""

    model_config = ConfigDict(from_attributes=True)


class Request(BaseModel):
    """What is asked; unknown fields are refused by name."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class ToolRequest(BaseModel):
    """What another program asks in its own words; fields that nobody reads here are ignored."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"additionalProperties": True})


class Page(Schema, Generic[Item]):
    """One page of a list; ask again with `cursor=next_cursor` until it is null."""

    items: list[Item]
    next_cursor: str | None


class Person(Schema):
    """Somebody, by the key they call with or sign in by."""

    id: str | None = Field(description="Of their key; null in records older than the id.")
    name: str


class PersonWithRole(Person):
    role: Role


class Estimate(Schema):
    """A figure with its 95% interval."""

    value: float
    low: float | None = Field(description="Null where only the other end is known.")
    high: float | None
    basis: Basis = Field(
        description="`estimated` by models, `verified` by models and enough verdicts, or "
        "`counted`: the share of what was counted."
    )


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(examples=["/problems/invalid-dataset"])
    title: str
    status: int
    detail: str
    instance: str | None = None
    request_id: str | None = None
    errors: list[dict[str, Any]] = Field(
        default_factory=list,
        description="Each has a `detail` and a place. The place is a `pointer` (RFC 6901) into the "
        "body, a query or path `parameter`, a `header`, or a `row`, `column` or `file`.",
    )

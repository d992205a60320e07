"""What the overview of an audit shows."""

from pydantic import Field

from service.schemas.base import Schema


class PairRead(Schema):
    given_label: str
    predicted_label: str
    open: int = Field(description="Suspects that nobody has decided.")
    total: int


class Pairs(Schema):
    pairs: list[PairRead]

"""Arrays of numbers as text that is short and needs no library to read."""

import base64
import sys
from array import array
from typing import Literal

from pydantic import Field

from labelaudit.schemas.base import Schema

TYPE_CODES = {"uint16": "H", "int32": "i"}


class PackedArray(Schema):
    """A matrix of numbers: each is an integer of `data` times `scale`."""

    shape: list[int] = Field(min_length=2, max_length=2, description="Rows and columns.")
    dtype: Literal["uint16", "int32"] = Field(description="Of the integers; little-endian.")
    scale: float = Field(description="The value of one step of the integers.")
    data: str = Field(description="The integers row by row, as base64.")

    def values(self) -> list[list[float]]:
        """The numbers, row by row."""
        integers = array(TYPE_CODES[self.dtype])
        integers.frombytes(base64.b64decode(self.data))
        if sys.byteorder == "big":
            integers.byteswap()
        rows, columns = self.shape
        return [
            [integer * self.scale for integer in integers[row * columns : (row + 1) * columns]]
            for row in range(rows)
        ]

"""Measures of pictures as columns of `samples.parquet`."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from service.pictures.measures import NAMES, Measures

PREFIX = "picture."
TYPES = {"width": pa.int32(), "height": pa.int32(), "coloured": pa.bool_()}


def measured_columns(found: Sequence[Measures | None]) -> dict[str, Any]:
    """One column for each measure; null where there is no picture."""
    return {
        PREFIX + name: pa.array(
            [None if one is None else getattr(one, name) for one in found],
            TYPES.get(name, pa.float32()),
        )
        for name in NAMES
    }

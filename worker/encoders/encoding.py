"""What an encoder gives, and the file it is written to."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.storage.atomic import replacing
from service.storage.memmap import new_array
from worker.encoders.samples import Positions

Batch = tuple[Positions, NDArray[Any]]


@dataclass(frozen=True)
class Encoding:
    """The shape of one encoded sample, its dtype, and (rows, values) until every row was given."""

    shape: tuple[int, ...]
    dtype: type[np.generic]
    batches: Iterator[Batch]


@contextmanager
def writing_array(
    destination: Path, shape: tuple[int, ...], dtype: type[np.generic]
) -> Generator[NDArray[Any]]:
    """An .npy file on disk to fill; it gets its name only when the block ends well."""
    with replacing(destination) as temporary:
        array = new_array(temporary, dtype=dtype, shape=shape)
        yield array
        array.flush()

"""Arrays that live in files: their room on the disk is taken at once."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


def new_array(path: Path, *, dtype: DTypeLike, shape: tuple[int, ...]) -> "np.memmap[Any, Any]":
    """An .npy file of zeros to fill. Raises OSError where the disk has no room for it."""
    array: np.memmap[Any, Any] = np.lib.format.open_memmap(
        path, mode="w+", dtype=dtype, shape=shape
    )
    with path.open("r+b") as file:
        take_room(file.fileno(), path.stat().st_size)
    return array


def take_room(descriptor: int, size: int) -> None:
    """Without it, writing to a page of a mapped file that the disk has no room for is SIGBUS, which
    ends the process."""
    if size and hasattr(os, "posix_fallocate"):  # not on macOS
        os.posix_fallocate(descriptor, 0, size)


def nameless_array(file: Any, *, dtype: DTypeLike, shape: tuple[int, ...]) -> NDArray[Any]:
    """An array in an open temporary file, which goes with it."""
    array: NDArray[Any] = np.memmap(file, dtype, "w+", shape=shape)
    take_room(file.fileno(), array.nbytes)
    return array

"""NPZ files that are written while they are sent: no array is ever whole in memory."""

import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

EPOCH = (1980, 1, 1, 0, 0, 0)  # the same arrays give the same bytes


@dataclass(frozen=True)
class StreamedArray:
    """An array whose rows, along its first axis, come in blocks."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    blocks: Iterable[NDArray[Any]]
    is_text: bool = False  # padded to the longest: worth compressing

    @classmethod
    def of(cls, name: str, array: NDArray[Any]) -> "StreamedArray":
        return cls(name, array.dtype, array.shape, (array,), array.dtype.kind == "U")


def stream_npz(arrays: Iterable[StreamedArray]) -> Iterator[bytes]:
    """The bytes of a file that `numpy.load` reads without pickles."""
    target = _Sent()
    with zipfile.ZipFile(target, "w") as archive:  # type: ignore[call-overload]
        for array in arrays:
            entry = zipfile.ZipInfo(f"{array.name}.npy", EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED if array.is_text else zipfile.ZIP_STORED
            with archive.open(entry, "w", force_zip64=True) as member:
                described = {
                    "descr": npy.dtype_to_descr(array.dtype),
                    "fortran_order": False,
                    "shape": array.shape,
                }
                npy.write_array_header_2_0(member, described)
                for block in array.blocks:
                    member.write(np.ascontiguousarray(block, array.dtype).tobytes())
                    yield target.take()
    yield target.take()


class _Sent:
    """A file that cannot seek; what was written is taken from it."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken

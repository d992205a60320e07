"""All processes of an API process that decode pictures, and the budget that they share."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.core import errors
from service.core.errors import BadInput, ServiceError
from service.pictures.budget import Budget
from service.pictures.decoder import Decoder
from service.pictures.image_files import BadImage

FREE_BYTES = 12 * 2**20  # what needs no more only waits for a slot
WAITING = 100  # pictures of one organisation
DECODE_SECONDS = 30.0


@dataclass(frozen=True)
class Place:
    """Where a picture lies in a file: as `image_files.read_media` takes it."""

    path: Path
    offset: int
    compressed: int
    size: int
    method: int


class Decoders:
    """Decodes in processes of their own: what that takes is bounded, and the API stays small.

    Raises
    ------
    TooManyRequests, Unavailable
        As `Budget.admitted` and `Decoder.ask` do.
    BadInput
        As `image_files` does; also `image-needs-too-much-memory`.
    """

    def __init__(self, *, slots: int, total_bytes: int, wait_seconds: float) -> None:
        self.budget = Budget(
            slots=slots,
            total_bytes=total_bytes,
            free_bytes=FREE_BYTES,
            waiting=WAITING,
            seconds=wait_seconds,
        )
        self._all = [
            Decoder(memory_bytes=total_bytes, seconds=DECODE_SECONDS) for _ in range(slots)
        ]
        self._idle = list(self._all)

    async def thumbnail(self, place: Place, *, size: int, organisation: str) -> bytes:
        """A PNG with no edge longer than `size`."""
        return await self._decode(place, size, organisation)

    async def verify(self, place: Place, *, organisation: str) -> None:
        """Decode the picture to its last byte."""
        await self._decode(place, None, organisation)

    async def close(self) -> None:
        for decoder in self._all:
            await decoder.close()

    async def _decode(self, place: Place, size: int | None, organisation: str) -> bytes:
        """Most pictures need little. What a larger one needs is told by its header, and then
        waited for."""
        needed, until = max(FREE_BYTES, place.compressed + place.size), self.budget.deadline()
        while True:
            if needed > self.budget.total_bytes:
                raise _too_much(needed, self.budget.total_bytes)
            async with self._decoder(organisation, needed, until) as decoder:
                answer, content = await decoder.ask(_request(place, size, needed))
            if "needed" not in answer:
                break
            needed = answer["needed"]
        if "outgrown" in answer:
            raise _too_much(None, self.budget.total_bytes)
        if "refused" in answer:
            raise _refusal(answer["refused"])
        return content

    @asynccontextmanager
    async def _decoder(
        self, organisation: str, needed: int, until: float
    ) -> AsyncGenerator[Decoder]:
        async with self.budget.admitted(organisation, needed, until=until):
            decoder = self._idle.pop()  # the one used last, so that spare ones are never started
            try:
                yield decoder
            finally:
                self._idle.append(decoder)


def _request(place: Place, size: int | None, allowed: int) -> dict[str, Any]:
    where = [place.offset, place.compressed, place.size, place.method]
    return {"path": str(place.path), "place": where, "size": size, "allowed": allowed}


def _refusal(found: dict[str, Any]) -> ServiceError:
    kind: type[ServiceError] = getattr(errors, found["class"], BadImage)
    return kind(found["detail"], type=found["type"], errors=found["errors"])


def _too_much(needed: int | None, limit: int) -> BadInput:
    what = f"{needed / 2**20:,.0f} MiB" if needed is not None else "more"
    return BadInput(
        f"Decoding the picture needs {what} of memory; the limit is {limit / 2**20:,.0f} MiB. "
        "Scale the picture down, save it as JPEG, or raise LABELAUDIT_PICTURE_BYTES.",
        type="image-needs-too-much-memory",
    )

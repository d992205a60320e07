"""Pictures of samples as they are shown: kept ones first, else decoded once for all who ask."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool

from service.audits import predictions
from service.core.errors import BadInput, Unavailable
from service.datasets import records as datasets
from service.datasets import thumbnails
from service.db.engine import Database
from service.db.tables import Dataset
from service.pictures.decoders import Decoders, Place
from service.pictures.image_files import BadImage
from service.storage.local import Storage

VERIFY_SECONDS = 60.0  # for all images of a request
RETRY_SECONDS = 2


@dataclass
class Pictures:
    database: Database
    storage: Storage
    decoders: Decoders
    _under_way: dict[str, asyncio.Task[bytes]] = field(default_factory=dict)

    async def thumbnail(self, dataset: Dataset, picture: datasets.Picture, *, size: int) -> bytes:
        """A re-encoded PNG with no edge longer than `size`. Uploaded bytes are never served.

        No session and no thread is held while the picture waits and is decoded. Raises as
        `Decoders.thumbnail` does.
        """
        key = thumbnails.key(dataset, picture.place.offset, size)
        kept = await run_in_threadpool(thumbnails.find, self.storage, key)
        if kept is not None:
            return kept
        if key not in self._under_way:
            task = asyncio.create_task(self._make(dataset, picture, key, size))
            self._under_way[key] = task
            task.add_done_callback(lambda _: self._under_way.pop(key))
        return await asyncio.shield(self._under_way[key])

    async def _make(
        self, dataset: Dataset, picture: datasets.Picture, key: str, size: int
    ) -> bytes:
        try:
            made = await self.decoders.thumbnail(
                picture.place, size=size, organisation=dataset.tenant_id
            )
        except BadImage as error:
            raise BadImage(
                f"The image {picture.file!r} cannot be decoded: {error.detail}", type=error.type
            ) from error
        await run_in_threadpool(thumbnails.keep, self.database, self.storage, dataset.id, key, made)
        return made

    async def verify(self, places: Sequence[Place], *, organisation: str) -> None:
        """Decode every image of a request; raises BadInput that points to the first bad one, and
        as `Decoders.verify` does."""
        try:
            async with asyncio.timeout(VERIFY_SECONDS):
                for index, place in enumerate(places):
                    try:
                        await self.decoders.verify(place, organisation=organisation)
                    except BadInput as error:
                        raise predictions.bad_image(index, error) from error
        except TimeoutError:
            raise Unavailable(
                f"The images could not be checked within {VERIFY_SECONDS:g} s. Send fewer, or "
                "smaller ones.",
                type="pictures-busy",
                retry_after=RETRY_SECONDS,
            ) from None

    async def close(self) -> None:
        for task in list(self._under_way.values()):
            task.cancel()
        await self.decoders.close()

"""Real decoder processes: how many at once, whose turn it is, and what a bad picture breaks."""

import asyncio
import io
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from service.core.errors import BadDataset, BadInput, NotFound, Unavailable
from service.pictures import decoder
from service.pictures.decoder import Decoder
from service.pictures.decoders import Decoders, Place
from service.pictures.image_files import STORED, BadImage
from tests.service.pictures.test_image_files import encode
from tests.support import decoding
from tests.support.awaiting import awaited

MEBIBYTE = 2**20


def place(path: Path, data: bytes) -> Place:
    path.write_bytes(data)
    return Place(path, 0, len(data), len(data), STORED)


def with_decoders(
    act: Callable[[Decoders], Coroutine[Any, Any, None]], *, slots: int = 1, mebibytes: int = 64
) -> None:
    async def run() -> None:
        decoders = Decoders(slots=slots, total_bytes=mebibytes * MEBIBYTE, wait_seconds=60)
        try:
            await act(decoders)
        finally:
            await decoders.close()

    awaited(run())


def test_no_more_are_decoded_at_once_than_there_are_decoders(monkeypatch, tmp_path):
    gate = decoding.gate(monkeypatch, tmp_path / "gate")
    picture = place(tmp_path / "a", encode(Image.new("RGB", (300, 300))))

    async def act(decoders):
        many = [decoders.thumbnail(picture, size=100 + n, organisation="many") for n in range(6)]
        tasks = [asyncio.create_task(one) for one in many]
        await asyncio.to_thread(gate.begun, 2)
        tasks.append(asyncio.create_task(decoders.thumbnail(picture, size=50, organisation="few")))
        await asyncio.to_thread(gate.begun, 3)  # while all of the others still wait
        assert decoders.budget.running == 3
        gate.open()
        await asyncio.gather(*tasks)

    with_decoders(act, slots=3)
    assert len(gate.events()) == 2 * 7
    assert gate.most_at_once() == 3
    assert gate.events()[2] == ("begin", 50)


def test_large_pictures_are_decoded_one_after_the_other(monkeypatch, tmp_path):
    gate = decoding.gate(monkeypatch, tmp_path / "gate")
    gate.open()
    picture = place(tmp_path / "a", encode(Image.new("L", (6000, 6000))))  # 36 of 64 MB

    async def act(decoders):
        names = ("a", "b", "c")
        await asyncio.gather(
            *(decoders.thumbnail(picture, size=64, organisation=name) for name in names)
        )

    with_decoders(act, slots=3)
    assert gate.most_at_once() == 1


def test_what_does_not_fit_at_all_is_refused_without_decoding(tmp_path):
    picture = place(tmp_path / "a", encode(Image.new("RGB", (5000, 5000))))

    async def act(decoders):
        with pytest.raises(BadInput, match="LABELAUDIT_PICTURE_BYTES") as caught:
            await decoders.thumbnail(picture, size=64, organisation="a")
        assert caught.value.type == "image-needs-too-much-memory"

    with_decoders(act)


def test_a_picture_that_needs_more_than_it_says_is_stopped(monkeypatch, tmp_path):
    script = (
        "from service.pictures import image_files, process\n"
        "image_files.thumbnail_bytes = lambda data, *, size: 0\n"
        "process.main()\n"
    )
    monkeypatch.setattr(decoder, "COMMAND", [sys.executable, "-c", script])
    picture = place(tmp_path / "a", encode(Image.new("RGB", (6000, 6000))))

    async def act(decoders):
        with pytest.raises(BadInput) as caught:
            await decoders.thumbnail(picture, size=64, organisation="a")
        assert caught.value.type == "image-needs-too-much-memory"

    with_decoders(act)


def test_refusals_come_through_and_the_same_process_goes_on(tmp_path):
    sound = place(tmp_path / "sound", encode(Image.new("RGB", (40, 20), "red")))
    none = place(tmp_path / "none", b"no picture")
    flood = place(tmp_path / "flood", encode(Image.new("1", (10_000, 5_001))))
    cut = Place(sound.path, 0, sound.compressed + 9, sound.size + 9, STORED)
    gone = Place(tmp_path / "gone", 0, 9, 9, STORED)

    async def act(decoders):
        for picture, kind in (
            (none, BadImage),
            (flood, BadDataset),
            (cut, BadDataset),
            (gone, NotFound),
        ):
            with pytest.raises(kind):
                await decoders.thumbnail(picture, size=64, organisation="a")
            with pytest.raises(kind):
                await decoders.verify(picture, organisation="a")
        (pid,) = {one.pid for one in decoders._all}
        assert pid is not None
        shown = await decoders.thumbnail(sound, size=16, organisation="a")
        assert Image.open(io.BytesIO(shown)).size == (16, 8)
        await decoders.verify(sound, organisation="a")
        assert {one.pid for one in decoders._all} == {pid}

    with_decoders(act)


@pytest.mark.parametrize(
    ("number", "kind"), [(signal.SIGSEGV, BadImage), (signal.SIGKILL, Unavailable)]
)
def test_a_process_that_ends_takes_its_picture_along_and_nothing_else(
    monkeypatch, tmp_path, number, kind
):
    gate = decoding.gate(monkeypatch, tmp_path / "gate")
    picture = place(tmp_path / "a", encode(Image.new("RGB", (40, 20))))

    async def act(decoders):
        task = asyncio.create_task(decoders.thumbnail(picture, size=16, organisation="a"))
        await asyncio.to_thread(gate.begun, 1)
        os.kill(decoders._all[0].pid, number)
        with pytest.raises(kind):
            await task
        gate.open()
        assert await decoders.thumbnail(picture, size=17, organisation="a")

    with_decoders(act)


def test_a_picture_that_takes_too_long_is_stopped(monkeypatch, tmp_path):
    decoding.gate(monkeypatch, tmp_path / "gate")
    picture = place(tmp_path / "a", encode(Image.new("RGB", (40, 20))))
    request = {"path": str(picture.path), "place": [0, picture.size, picture.size, STORED]}

    async def act() -> None:
        slow = Decoder(memory_bytes=2**26, seconds=1.0)
        with pytest.raises(BadImage) as caught:
            await slow.ask({**request, "size": 16, "allowed": 2**26})
        assert caught.value.type == "image-too-slow"
        assert slow.pid is None

    awaited(act())

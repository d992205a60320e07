"""Many callers of one organisation who ask for huge pictures at once, while another one works.

The drill and the benchmark share it. It reads `/proc`, so it needs Linux.
"""

import asyncio
import contextlib
import io
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from PIL import Image

DECODER = b"service.pictures.process"
PAUSE_SECONDS = 0.05  # between two pages of a person


def huge_pictures(count: int, *, edge: int) -> bytes:
    """A zip of pictures of edge x edge pixels, PNG and JPEG by turns, in two classes: few bytes,
    since neighbouring pixels are alike."""
    ramp = np.linspace(0, 255, edge, dtype=np.uint8)
    image = Image.merge("RGB", [Image.fromarray(np.tile(ramp, (edge, 1)))] * 3)
    kinds = {}
    for suffix, options in (("png", {"compress_level": 1}), ("jpg", {"quality": 50})):
        target = io.BytesIO()
        image.save(target, {"png": "PNG", "jpg": "JPEG"}[suffix], **options)
        kinds[suffix] = target.getvalue()
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for number in range(count):
            suffix = ("png", "jpg")[number // 2 % 2]
            archive.writestr(f"{'ab'[number % 2]}/{number:03d}.{suffix}", kinds[suffix])
    return whole.getvalue()


def names_in(archive: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return opened.namelist()


@dataclass
class Storm:
    """What came of it. Latencies are in seconds."""

    before: list[float] = field(default_factory=list)  # of the other organisation's pages
    during: list[float] = field(default_factory=list)
    page_failures: Counter[int] = field(default_factory=Counter)
    answers: Counter[int] = field(default_factory=Counter)  # statuses of the pictures
    broken: int = 0  # connections that ended without an answer
    seconds: float = 0.0  # until every picture had been shown

    @staticmethod
    def percentile(latencies: Sequence[float], share: float) -> float:
        """Milliseconds."""
        return float(np.percentile(latencies, share)) * 1000


async def storm(
    url: str,
    *,
    asking: str,
    pictures: Sequence[str],
    working: str,
    page: str,
    people: int,
    calm_seconds: float,
) -> Storm:
    """Everybody with the token `asking` wants one of the pictures (paths) at the same moment, and
    asks again when told to; people with the token `working` go on reading the page."""
    found = Storm()
    async with _client(url, working, people) as reader, _client(url, asking, len(pictures)) as all_:
        await _read(reader, page, people, found, found.before, seconds=calm_seconds)
        over = asyncio.Event()
        reading = asyncio.create_task(_read(reader, page, people, found, found.during, over=over))
        began = time.perf_counter()
        await asyncio.gather(*(_see(all_, path, found) for path in pictures))
        found.seconds = time.perf_counter() - began
        over.set()
        await reading
    return found


def _client(url: str, token: str, connections: int) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        base_url=url,
        headers={"Authorization": f"Bearer {token}"},
        timeout=120,
        limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
    )


async def _see(client: httpx2.AsyncClient, path: str, found: Storm) -> None:
    while True:
        try:
            answer = await client.get(path)
        except (httpx2.RemoteProtocolError, httpx2.ReadError):
            found.broken += 1  # an idle connection that the server closed in this moment
            continue
        found.answers[answer.status_code] += 1
        if answer.status_code not in (429, 503):
            return
        await asyncio.sleep(float(answer.headers["retry-after"]))


async def _read(
    client: httpx2.AsyncClient,
    page: str,
    people: int,
    found: Storm,
    latencies: list[float],
    *,
    seconds: float = float("inf"),
    over: asyncio.Event | None = None,
) -> None:
    end = time.perf_counter() + seconds

    async def person() -> None:
        while time.perf_counter() < end and not (over is not None and over.is_set()):
            began = time.perf_counter()
            answer = await client.get(page)
            latencies.append(time.perf_counter() - began)
            if answer.status_code != 200:
                found.page_failures[answer.status_code] += 1
            await asyncio.sleep(PAUSE_SECONDS)

    await asyncio.gather(*(person() for _ in range(people)))


@dataclass
class Peak:
    """The most memory, in MiB: resident of the API, and with the shares of its decoders."""

    api: float = 0.0
    together: float = 0.0
    decoders: int = 0


@contextlib.contextmanager
def watching(pid: int) -> Iterator[Peak]:
    """Look at the API process and its decoders, twenty times a second."""
    peak, over = Peak(), threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            decoders = [one for one in _children(pid) if _is_decoder(one)]
            shares = [_mebibytes(one, "smaps_rollup", "Pss") for one in (pid, *decoders)]
            peak.together = max(peak.together, sum(shares))
            peak.decoders = max(peak.decoders, len(decoders))
            peak.api = _mebibytes(pid, "status", "VmHWM")

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, path.read_text().split())
    return found


def _is_decoder(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return DECODER in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _mebibytes(pid: int, file: str, name: str) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) / 1024
    return 0.0


def media_paths(dataset_id: str, names: Sequence[str]) -> list[str]:
    return [f"/v1/datasets/{dataset_id}/samples/{one.replace('/', '%2F')}/media" for one in names]


def described(found: Storm, peak: Peak) -> dict[str, Any]:
    """The figures in one line's worth."""
    return {
        "pages before, median and 99 % (ms)": [
            round(found.percentile(found.before, share), 1) for share in (50, 99)
        ],
        "pages during": [round(found.percentile(found.during, share), 1) for share in (50, 99)],
        "pages read": [len(found.before), len(found.during)],
        "pages refused": dict(found.page_failures),
        "picture answers": dict(found.answers),
        "connections broken": found.broken,
        "seconds until all were shown": round(found.seconds, 1),
        "peak of the API (MiB)": round(peak.api),
        "with its decoders": round(peak.together),
        "decoders": peak.decoders,
    }

"""One process that decodes, as the event loop sees it."""

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from typing import Any

import structlog

from service.core.errors import ServiceError, Unavailable
from service.pictures.image_files import BadImage

log = structlog.get_logger()

# When this is imported, the API has not confined itself to one core yet.
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
COMMAND = [sys.executable, "-P", "-s", "-m", "service.pictures.process"]
KEPT_ENVIRONMENT = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")
MAX_LINE = 2**16
MAX_CONTENT = 2**24  # the largest thumbnail has 13 million bytes
RETRY_SECONDS = 2


class Decoder:
    """Started with its first request, and again after it was ended. One request at a time."""

    def __init__(self, *, memory_bytes: int, seconds: float) -> None:
        self.memory_bytes, self.seconds = memory_bytes, seconds
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    async def ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """The answer and its content.

        Raises
        ------
        BadImage
            The picture crashed the process, or was not decoded in time.
        Unavailable
            The process was killed from outside.
        """
        try:
            async with asyncio.timeout(self.seconds):
                process = await self._started()
                return await _exchange(process, request)
        except (asyncio.IncompleteReadError, BrokenPipeError, ConnectionResetError):
            raise await self._ended() from None
        except BaseException as error:
            await self.close()  # it may still answer, which would be taken for the next one's
            if isinstance(error, TimeoutError):
                raise BadImage(
                    f"The picture was not decoded within {self.seconds:g} s. Save it in a simpler "
                    "format.",
                    type="image-too-slow",
                ) from None
            raise

    async def close(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()

    async def _started(self) -> asyncio.subprocess.Process:
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                *COMMAND,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env={name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ},
                limit=MAX_LINE,
            )
            _write(self._process, {"memory": self.memory_bytes, "cores": CORES})
        return self._process

    async def _ended(self) -> ServiceError:
        """Why the process ended by itself, or was ended by somebody else."""
        process, self._process = self._process, None
        status = await process.wait() if process is not None else None
        log.warning("picture_decoder_ended", status=status)
        if status == -signal.SIGKILL:
            return Unavailable(
                "The process that decodes pictures was killed. Ask for the picture again.",
                type="pictures-busy",
                retry_after=RETRY_SECONDS,
            )
        return BadImage("The picture crashed its decoder. It is damaged or malicious.")


async def _exchange(
    process: asyncio.subprocess.Process, request: dict[str, Any]
) -> tuple[dict[str, Any], bytes]:
    assert process.stdin is not None
    assert process.stdout is not None
    _write(process, request)
    await process.stdin.drain()
    answer: dict[str, Any] = json.loads(await process.stdout.readuntil(b"\n"))
    if not 0 <= answer["bytes"] <= MAX_CONTENT:
        raise ValueError("The decoder gave more than a thumbnail.")
    return answer, await process.stdout.readexactly(answer["bytes"])


def _write(process: asyncio.subprocess.Process, message: dict[str, Any]) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(message).encode() + b"\n")

"""Reads an untrusted file in a separate process, with limits and without a network."""

import errno
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from service.core import errors
from service.ingest.faults import refuse
from service.ingest.report import (
    ColumnRoles,
    Columns,
    IngestReport,
    SeenColumn,
)

GIB = 1 << 30
POLL_SECONDS = 0.5
# Ends that the file brought about. SIGKILL and SIGTERM come from outside: the job is tried again.
CRASHES = (
    *(signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE),
    *(signal.SIGXCPU, signal.SIGSYS, signal.SIGTRAP),
)
THREADS = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "4"}
KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "OMP_NUM_THREADS", "SYSTEMROOT")


@dataclass(frozen=True)
class Allowance:
    """The limits for reading one file."""

    memory_bytes: int = 4 * GIB
    seconds: float = 3600.0


class ReaderLost(Exception):
    """The reading process ended without a result, probably not because of the file."""


def ingest_confined(
    upload: Path,
    *,
    filename: str,
    roles: ColumnRoles,
    destination: Path,
    allowance: Allowance,
    on_progress: Callable[[float], None],
    on_columns: Callable[[list[SeenColumn]], None],
) -> IngestReport:
    """`ingest` in a process with limits and without a network.

    `on_progress` is called at least every half second or so; what it raises ends the process.

    Raises
    ------
    BadDataset, UnsupportedMediaType
        As `ingest` does; also if the file crashed its reader or asked for more than it may.
    ReaderLost
        The process was killed from outside.
    OSError
        The disk is full.
    """
    request = {
        "upload": str(upload),
        "filename": filename,
        "roles": asdict(roles),
        "destination": str(destination),
        "limits": {
            "memory": allowance.memory_bytes,
            "seconds": int(allowance.seconds),
            "file": 100 * upload.stat().st_size + GIB,
        },
    }
    share = 0.0
    deadline = time.monotonic() + allowance.seconds
    with _child(request) as (process, messages):
        while True:
            if time.monotonic() > deadline:
                raise refuse("reading-too-long", _too_much("time"))
            try:
                message = messages.get(timeout=POLL_SECONDS)
            except queue.Empty:
                on_progress(share)
                continue
            if message is None:
                raise _ended(process.wait())
            if "progress" in message:
                share = message["progress"]
                on_progress(share)
            elif "columns" in message:
                on_columns([SeenColumn(**column) for column in message["columns"]])
            else:
                return _outcome(message)


def _outcome(message: dict[str, Any]) -> IngestReport:
    if "report" in message:
        report = message["report"]
        return IngestReport(**{**report, "columns": Columns(**report["columns"])})
    if "refused" in message:
        found = message["refused"]
        kind: type[errors.ServiceError] = getattr(errors, found["class"], errors.BadDataset)
        raise kind(found["detail"], type=found["type"], errors=found["errors"])
    if "full" in message:
        raise OSError(errno.ENOSPC, "the reader found the disk full")
    if "outgrown" in message:
        raise refuse("reading-too-much", _too_much(message["outgrown"]))
    raise RuntimeError(f"The reader failed:\n{message['error']}")


def _too_much(what: str) -> str:
    return (
        f"Reading the file exceeded the {what} limit. The file may be damaged or malicious; if it "
        "really is that large, split it."
    )


def _ended(status: int) -> Exception:
    if status == -signal.SIGXCPU:
        return refuse("reading-too-long", _too_much("time"))
    if -status in CRASHES:
        return refuse(
            "reader-crashed",
            "The file crashed the program that reads it "
            f"({signal.Signals(-status).name}). It is damaged or malicious. Create it again with "
            "another program.",
        )
    return ReaderLost(f"The reader ended with status {status} and no message.")


@contextmanager
def _child(
    request: dict[str, Any],
) -> Iterator[tuple["subprocess.Popen[str]", "queue.Queue[dict[str, Any] | None]"]]:
    process = subprocess.Popen(
        [sys.executable, "-I", "-m", "service.ingest.process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=THREADS | {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ},
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    messages: queue.Queue[dict[str, Any] | None] = queue.Queue(maxsize=100)
    reader = threading.Thread(target=_listen, args=(process.stdout, messages), daemon=True)
    try:
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        reader.start()
        yield process, messages
    finally:
        process.kill()
        process.wait()
        while reader.is_alive():  # it may wait for room
            _drain(messages)
            reader.join(0.01)
        process.stdin.close()
        process.stdout.close()


def _listen(stream: IO[str], messages: "queue.Queue[dict[str, Any] | None]") -> None:
    for line in stream:
        try:
            messages.put(json.loads(line))
        except ValueError:
            break  # the process was killed in the middle of a line
    messages.put(None)


def _drain(messages: "queue.Queue[dict[str, Any] | None]") -> None:
    try:
        while True:
            messages.get_nowait()
    except queue.Empty:
        return

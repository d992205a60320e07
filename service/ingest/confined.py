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
from functools import cache
from pathlib import Path
from typing import IO, Any

import structlog

from service.core import errors
from service.core.sandbox import Confinement, can_change_user
from service.ingest.faults import refuse
from service.ingest.reading_place import Place, reading_place
from service.ingest.report import (
    ColumnRoles,
    Columns,
    IngestReport,
    SeenColumn,
)

log = structlog.get_logger()

GIB = 1 << 30
POLL_SECONDS = 0.5
PROBE_SECONDS = 30.0
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
    needs_no_network: bool = False  # refuse to read where the reader could reach the network


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
    Unavailable
        The process can reach the network, and the allowance does not permit that.
    ReaderLost
        The process was killed from outside.
    OSError
        The disk is full.
    """
    request = {
        "probe": False,
        "needs_no_network": allowance.needs_no_network,
        "filename": filename,
        "roles": asdict(roles),
        "limits": {
            "memory": allowance.memory_bytes,
            "seconds": int(allowance.seconds),
            "file": 100 * upload.stat().st_size + GIB,
        },
    }
    with reading_place(upload, destination) as place, _child(request, place) as (process, messages):
        return _follow(process, messages, allowance, on_progress, on_columns)


def _follow(
    process: "subprocess.Popen[str]",
    messages: "queue.Queue[dict[str, Any] | None]",
    allowance: Allowance,
    on_progress: Callable[[float], None],
    on_columns: Callable[[list[SeenColumn]], None],
) -> IngestReport:
    share = 0.0
    deadline = time.monotonic() + allowance.seconds
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
        elif "confined" in message:
            _check(Confinement(**message["confined"]), allowance)
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


def _check(found: Confinement, allowance: Allowance) -> None:
    """Say in the log how the reader is confined. If it could reach the network, raise Unavailable
    where the allowance does not permit that."""
    if not found.has_network:
        log.info("reader_confined", network=found.network, user=found.user)
        return
    log.warning("reader_has_network", refused=allowance.needs_no_network)
    if allowance.needs_no_network:
        raise errors.Unavailable(
            "The upload was not read: the process that reads it could not be cut off the network. "
            "Ask the operator to allow user namespaces or seccomp for the workers, then upload the "
            "file again.",
            type="reader-not-confined",
        )


@cache
def probe() -> Confinement:
    """How a reader that this process starts is confined; found out once, by starting one."""
    user = "other" if can_change_user() else "own"
    place = Place(user, Path("/"), "", "")
    with _child({"probe": True, "needs_no_network": False}, place) as (process, messages):
        try:
            message = messages.get(timeout=PROBE_SECONDS)
        except queue.Empty:
            message = None
        if message is None:
            raise ReaderLost(f"The reader did not start; its status is {process.poll()}.")
        return Confinement(**message["confined"])


@contextmanager
def _child(
    request: dict[str, Any], place: Place
) -> Iterator[tuple["subprocess.Popen[str]", "queue.Queue[dict[str, Any] | None]"]]:
    process = subprocess.Popen(
        [sys.executable, "-I", "-m", "service.ingest.process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=THREADS | {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ},
        text=True,
        pass_fds=place.files,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    messages: queue.Queue[dict[str, Any] | None] = queue.Queue(maxsize=100)
    reader = threading.Thread(target=_listen, args=(process.stdout, messages), daemon=True)
    try:
        told = {"user": place.user, "folder": str(place.folder)}
        told |= {"upload": place.upload, "destination": place.destination}
        process.stdin.write(json.dumps(request | told) + "\n")
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

"""The process that reads an untrusted file. It takes its request from standard input.

It writes progress and the result to standard output, one JSON object per line. It ends when
standard input is closed, so it never outlives the worker that started it.
"""

import ctypes
import errno
import json
import os
import resource
import sys
import threading
import traceback
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
OPEN_FILES = 256


def main() -> None:
    request = json.loads(sys.stdin.readline())
    _leave_the_network()  # while there is one thread: what is imported next starts more
    sys.meta_path.insert(0, _NoPandas())
    import service.ingest  # noqa: F401 (its size is not the file's)

    threading.Thread(target=_follow_parent, daemon=True).start()
    _limit(request["limits"])
    _say(_read(request))


class _NoPandas:
    """Arrow would import it with its first array and then do nothing with it for half a second."""

    @staticmethod
    def find_spec(name: str, *_: Any) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _read(request: dict[str, Any]) -> dict[str, Any]:
    from service.core.disk_full import is_disk_full
    from service.core.errors import ServiceError
    from service.ingest import ColumnRoles, Limits, ingest

    roles = request["roles"]
    for name in ("features", "ignored"):
        if roles.get(name) is not None:
            roles[name] = tuple(roles[name])
    try:
        report = ingest(
            Path(request["upload"]),
            filename=request["filename"],
            roles=ColumnRoles(**roles),
            destination=Path(request["destination"]),
            limits=Limits(),
            on_progress=lambda share: _say({"progress": share}),
            on_columns=lambda columns: _say({"columns": [asdict(one) for one in columns]}),
        )
    except ServiceError as error:
        found = {"detail": error.detail, "type": error.type, "errors": error.errors}
        return {"refused": {"class": type(error).__name__, **found}}
    except MemoryError:  # Arrow's is one too
        return {"outgrown": "memory"}
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.EFBIG:
            return {"outgrown": "disk"}
        if is_disk_full(error):
            return {"full": True}
        return {"error": traceback.format_exc()}
    return {"report": report.as_dict()}


def _limit(limits: dict[str, int]) -> None:
    for name, value, more in (
        ("RLIMIT_AS", limits["memory"] + _address_space(), 0),
        ("RLIMIT_CPU", limits["seconds"], 2),  # at the hard limit SIGKILL would hide the reason
        ("RLIMIT_FSIZE", limits["file"], 0),
        ("RLIMIT_NOFILE", OPEN_FILES, 0),
        ("RLIMIT_CORE", 0, 0),
    ):
        with suppress(ValueError, OSError):  # macOS has no limit of the address space
            resource.setrlimit(getattr(resource, name), (value, value + more))


def _address_space() -> int:
    """What the libraries take before anything is read: it grows with the machine's cores."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return 0
    return pages * resource.getpagesize()


def _leave_the_network() -> None:
    """A network of its own, with nothing in it, where the system lets us (Linux)."""
    if sys.platform != "linux":
        return
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None)
    if libc.unshare(CLONE_NEWNET) == 0 or libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
        return
    with suppress(OSError):
        Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _follow_parent() -> None:
    while os.read(0, 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()

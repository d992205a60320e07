"""The process that reads an untrusted file. It takes its request from standard input.

It writes progress and the result to standard output, one JSON object per line. It ends when
standard input is closed, so it never outlives the worker that started it.
"""

import errno
import json
import os
import sys
import threading
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any

from service.core import sandbox


def main() -> None:
    request = json.loads(sys.stdin.readline())
    network = sandbox.leave_network()  # while there is one thread: others would start outside
    sys.meta_path.insert(0, _NoPandas())
    os.chdir(request["folder"])
    if request["user"] == "other":
        sandbox.become_reader()
    _say({"confined": asdict(sandbox.Confinement(network, request["user"]))})
    if request["probe"] or (network == "available" and request["needs_no_network"]):
        return
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
    memory = limits["memory"] + sandbox.address_space()
    seconds = limits["seconds"]
    sandbox.limit(
        {
            "RLIMIT_AS": (memory, memory),
            # at the hard limit SIGKILL would hide the reason
            "RLIMIT_CPU": (seconds, seconds + 2),
            "RLIMIT_FSIZE": (limits["file"], limits["file"]),
        }
    )


def _follow_parent() -> None:
    while os.read(0, 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()

"""The process that decodes pictures: one request per line of standard input, one answer each.

An answer is a line of JSON, followed by as many bytes as it says. What a picture breaks is this
process alone: it has limits and no network, and yields the processor to whoever else wants it.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from service.core import sandbox
from service.core.errors import NotFound, ServiceError

NICENESS = 5  # enough for requests to go first, and not starved by a training


def main() -> None:
    given = json.loads(sys.stdin.buffer.readline())
    sandbox.leave_network()
    _use_cores(given["cores"])
    os.nice(NICENESS)
    from PIL import Image

    from service.pictures import image_files  # noqa: F401 (its size is not a picture's)

    Image.init()
    memory = given["memory"] + sandbox.address_space()
    sandbox.limit({"RLIMIT_AS": (memory, memory), "RLIMIT_FSIZE": (0, 0)})
    for line in sys.stdin.buffer:
        answer, content = _answer(json.loads(line))
        sys.stdout.buffer.write(json.dumps({**answer, "bytes": len(content)}).encode() + b"\n")
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()


def _use_cores(cores: list[int]) -> None:
    """Not only the one core that the API may have confined itself to."""
    if cores:
        os.sched_setaffinity(0, cores)


def _answer(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    try:
        return _decode(request)
    except ServiceError as error:
        found = {"detail": error.detail, "type": error.type, "errors": error.errors}
        return {"refused": {"class": type(error).__name__, **found}}, b""
    except MemoryError:
        return {"outgrown": True}, b""


def _decode(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """The thumbnail, where one of `size` is wanted; what it would need, if that is more than
    `allowed`."""
    from service.pictures import image_files

    try:
        data = image_files.read_media(Path(request["path"]), *request["place"])
    except FileNotFoundError:
        raise NotFound("The file that contains the picture was deleted.") from None
    size = request["size"]
    if size is None:
        needed = image_files.verifying_bytes(data)
    else:
        needed = image_files.thumbnail_bytes(data, size=size)
    needed += len(data)
    if needed > request["allowed"]:
        return {"needed": needed}, b""
    if size is None:
        width, height = image_files.verify_image(data)
        return {"width": width, "height": height}, b""
    return {}, image_files.thumbnail(data, size=size)


if __name__ == "__main__":
    main()

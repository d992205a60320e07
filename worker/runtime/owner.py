"""Names the process that holds a job, so that others on its machine can see when it is dead.

The name is `host/boot/namespace:start:pid`. A process id has a meaning only within one boot and one
process namespace; the start time distinguishes it from a later process with the same id.
"""

import os
import socket
from functools import cache
from pathlib import Path

PROC = Path("/proc")


def own_name() -> str:
    """This process's name, at most 200 characters."""
    pid = os.getpid()
    return f"{_realm()}:{_started(pid) or 0}:{pid}"


def is_dead(owner: str) -> bool:
    """Whether the owner is known to be dead; False if this process cannot know."""
    realm, _, rest = owner.partition(":")
    started, _, pid = rest.partition(":")
    if realm != _realm() or not _realm_is_exact() or not pid.isdigit():
        return False
    try:
        return _started(int(pid)) != int(started)
    except OSError:  # out of descriptors, say
        return False


@cache
def _realm() -> str:
    host = socket.gethostname().replace(":", "-")[:100]
    return f"{host}/{_boot()}/{_namespace()}" if _realm_is_exact() else host


@cache
def _realm_is_exact() -> bool:
    return bool(_boot() and _namespace())


@cache
def _boot() -> str:
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()[:8]
    except OSError:  # not Linux: only leases decide
        return ""


@cache
def _namespace() -> int:
    try:
        return (PROC / "self/ns/pid").stat().st_ino
    except OSError:
        return 0


def _started(pid: int) -> int | None:
    """When the process started, in ticks since the boot; None if it does not exist or is a zombie.
    Raises OSError if the kernel cannot say."""
    try:
        state, *fields = (PROC / f"{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state in "ZX" else int(fields[18])

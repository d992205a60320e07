"""Who holds a job: a name by which others on the same machine can tell that the holder is dead.

`host/boot/namespace:start:pid`. Only within one boot and one process namespace does a process id
mean anything; its start time tells it from a later process of the same number.
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


def is_gone(owner: str) -> bool:
    """Whether the owner is known to be dead. False where that cannot be told from here."""
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
    except OSError:  # not Linux: leases alone decide
        return ""


@cache
def _namespace() -> int:
    try:
        return (PROC / "self/ns/pid").stat().st_ino
    except OSError:
        return 0


def _started(pid: int) -> int | None:
    """When the process started, in ticks since the boot; None if there is none, or only its shell
    waits to be collected. Raises OSError where the kernel would not say."""
    try:
        state, *fields = (PROC / f"{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state in "ZX" else int(fields[18])

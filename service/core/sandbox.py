"""What a process gives up before it reads a file that nobody can trust.

Resources: limits that the system enforces. The network: a network namespace of its own, with
nothing in it; where the system allows none (in most containers), a seccomp filter that refuses to
make sockets. The user: root becomes a user who owns nothing; others cannot change theirs. Each step
tells how far it came.
"""

import ctypes
import os
import platform
import resource
import struct
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
OPEN_FILES = 256
READER_ID = 65_534  # `nobody` and its group
PR_SET_NO_NEW_PRIVS = 38
SET_MODE_FILTER, ALL_THREADS = 1, 1
EPERM = 1

# seccomp: `struct sock_filter` is (code, jump if true, jump if false, operand)
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | EPERM
NUMBER, ARCHITECTURE = 0, 4  # where `struct seccomp_data` has them
OTHER_ABI = 0x40000000  # system calls of x32
IO_URING_SETUP = 425


@dataclass(frozen=True)
class _Machine:
    audit: int
    socket: int
    seccomp: int


MACHINES = {
    "x86_64": _Machine(0xC000003E, socket=41, seccomp=317),
    "aarch64": _Machine(0xC00000B7, socket=198, seccomp=277),
}


@dataclass(frozen=True)
class Confinement:
    """How a reader is confined: `network` is `namespace`, `filter` or `available`; `user` is
    `other` or `own`."""

    network: str
    user: str

    @property
    def has_network(self) -> bool:
        return self.network == "available"


def leave_network() -> str:
    """Cut this process off the network; call it before there are other threads. Returns how."""
    if sys.platform != "linux":
        return "available"
    if _enter_namespace():
        return "namespace"
    return "filter" if _refuse_sockets() else "available"


def _enter_namespace() -> bool:
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None)
    if libc.unshare(CLONE_NEWNET) == 0:
        return True
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
        return False
    with suppress(OSError):
        Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    return True


def _refuse_sockets() -> bool:
    """No thread of this process, and nothing it starts, can make a socket from now on."""
    machine = MACHINES.get(platform.machine())
    if machine is None:
        return False
    steps = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 0, 5, machine.audit),  # to the refusal, as the jumps below
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 3, 0, OTHER_ABI),
        (EQUAL, 2, 0, machine.socket),
        (EQUAL, 1, 0, IO_URING_SETUP),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, REFUSE),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = struct.pack("@HP", len(steps), ctypes.addressof(code))
    libc = ctypes.CDLL(None)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    done: int = libc.syscall(machine.seccomp, SET_MODE_FILTER, ALL_THREADS, program)
    return done == 0


def can_change_user() -> bool:
    """Whether this process may run its reader as another user: root, whose code and temporary
    folder the other may use."""
    return sys.platform == "linux" and os.geteuid() == 0 and _is_usable_by_reader()


def _is_usable_by_reader() -> bool:
    code = [Path(sys.executable), Path(__file__), Path(os.__file__)]
    with suppress(OSError):
        return all(map(_is_readable, code)) and _is_open(Path(tempfile.gettempdir()), 0o003)
    return False


def _is_readable(path: Path) -> bool:
    return _is_open(path, 0o004) and all(_is_open(one, 0o001) for one in path.parents)


def _is_open(path: Path, bits: int) -> bool:
    """Whether everybody has these permissions."""
    return path.stat().st_mode & bits == bits


def become_reader() -> None:
    """Give up being root for good."""
    os.setgroups([])
    os.setresgid(READER_ID, READER_ID, READER_ID)
    os.setresuid(READER_ID, READER_ID, READER_ID)


def limit(limits: Mapping[str, tuple[int, int]]) -> None:
    """Set resource limits by name, each a soft and a hard one; there is never a core dump."""
    fixed = {"RLIMIT_NOFILE": (OPEN_FILES, OPEN_FILES), "RLIMIT_CORE": (0, 0)}
    for name, values in {**limits, **fixed}.items():
        with suppress(ValueError, OSError):  # macOS has no limit of the address space
            resource.setrlimit(getattr(resource, name), values)


def address_space() -> int:
    """What the libraries take before anything is read: it grows with the machine's cores."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return 0
    return pages * resource.getpagesize()

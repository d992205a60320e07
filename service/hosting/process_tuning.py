"""Process tuning at startup: freeze long-lived objects, and run on one core."""

import gc
import os
import random
import socket
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

import structlog

log = structlog.get_logger()

NAME = "labelaudit-core"  # prefix of the abstract sockets that mark cores as taken


def freeze() -> None:
    """Exempt the objects created at startup from garbage collection. Scanning them took 190 ms,
    several times a second under load, during which no request was served."""
    gc.collect()
    gc.freeze()


@contextmanager
def one_core() -> Generator[int | None]:
    """Pin this thread, and those it starts, to a core that no other serving process here uses.

    Python runs one thread at a time. With threads on several cores, the interpreter lock moves
    between cores with every statement, which took longer than the statement. Yields the core, or
    None if there is only one, all are taken, or the system does not support pinning.
    """
    with ExitStack() as stack:
        core = _free_core(stack) if hasattr(os, "sched_setaffinity") else None
        if core is not None:
            before = os.sched_getaffinity(0)
            try:
                os.sched_setaffinity(0, {core})
            except OSError as error:
                log.warning("core_pinning_failed", error=str(error))
                core = None
            else:
                stack.callback(os.sched_setaffinity, 0, before)
                log.info("pinned_to_core", core=core)
        yield core


def _free_core(stack: ExitStack) -> int | None:
    cores = list(os.sched_getaffinity(0))
    if len(cores) == 1:
        return None
    random.shuffle(cores)  # containers cannot see each other's sockets
    for core in cores:
        taken = stack.enter_context(socket.socket(socket.AF_UNIX))
        try:
            taken.bind(f"\0{NAME}-{core}")  # the system closes it when the process ends
        except OSError:
            continue
        return core
    return None

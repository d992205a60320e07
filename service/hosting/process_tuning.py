"""What a process that serves does at its start to be left in peace: by the collector of garbage,
and by the other cores."""

import gc
import os
import random
import socket
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

import structlog

log = structlog.get_logger()

NAME = "labelaudit-core"  # of the socket that says a core is taken; it has no file


def freeze() -> None:
    """What lives since the start is never garbage: to look through it took 190 ms several times a
    second under load, in which nobody was answered."""
    gc.collect()
    gc.freeze()


@contextmanager
def one_core() -> Generator[int | None]:
    """Keep this thread, and those it starts, to one core that no other serving process here has.

    Python runs one thread at a time. Where its threads lie on several cores, the turn goes from one
    core to another with every statement, which took longer than the statement. Yields the core;
    None where there is a single one, where all are taken, or where the system has no such thing.
    """
    with ExitStack() as stack:
        core = _free_core(stack) if hasattr(os, "sched_setaffinity") else None
        if core is not None:
            before = os.sched_getaffinity(0)
            try:
                os.sched_setaffinity(0, {core})
            except OSError as error:
                log.warning("not_kept_to_one_core", error=str(error))
                core = None
            else:
                stack.callback(os.sched_setaffinity, 0, before)
                log.info("kept_to_one_core", core=core)
        yield core


def _free_core(stack: ExitStack) -> int | None:
    cores = list(os.sched_getaffinity(0))
    if len(cores) == 1:
        return None
    random.shuffle(cores)  # containers do not see each other's
    for core in cores:
        taken = stack.enter_context(socket.socket(socket.AF_UNIX))
        try:
            taken.bind(f"\0{NAME}-{core}")  # goes with the process, however that ends
        except OSError:
            continue
        return core
    return None

"""A process that serves is left in peace: it keeps to a core of its own, and freezes what lives."""

import gc
import os
import subprocess
import sys
from contextlib import ExitStack

import pytest

from service.running import calm

CORES = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else set()
HOLDS = """
import os, sys
from service.observability import logs
from service.running import calm
logs.configure()
with calm.one_core() as core:
    print(core, sorted(os.sched_getaffinity(0)), flush=True)
    sys.stdin.read()
print(sorted(os.sched_getaffinity(0)), flush=True)
"""

needs_cores = pytest.mark.skipif(len(CORES) < 2, reason="Linux with more than one core")


def holder() -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", HOLDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@needs_cores
def test_each_process_has_a_core_of_its_own_while_there_are_some() -> None:
    with ExitStack() as stack:
        processes = [stack.enter_context(holder()) for _ in CORES]
        found = [said(process) for process in processes]
        assert sorted(found) == sorted(f"{core} [{core}]" for core in CORES)
        one_more = stack.enter_context(holder())
        assert said(one_more) == f"None {sorted(CORES)}"
        processes[0].kill()
        processes[0].wait()
        heir = stack.enter_context(holder())
        assert said(heir) == found[0]  # what was killed keeps nothing
        for process in (*processes[1:], one_more, heir):
            told, _ = process.communicate("")
            assert told.strip() == f"{sorted(CORES)}"


def test_where_a_core_cannot_be_had_the_process_serves_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", refuse, raising=False)
    with calm.one_core() as core:
        assert core is None


def test_what_lives_is_not_looked_through_again() -> None:
    try:
        calm.freeze()
        assert gc.get_freeze_count() > 10_000
    finally:
        gc.unfreeze()

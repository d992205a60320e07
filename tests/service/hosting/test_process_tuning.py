"""A process that serves is left in peace: it keeps to a core of its own, and freezes what lives."""

import gc
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from service.core.config import Settings
from service.hosting import embedded, process_tuning
from tests.support.live import free_port

CORES = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else set()
HOLDS = """
import os, sys
from service.observability import logs
from service.hosting import process_tuning
logs.configure()
process_tuning.NAME = sys.argv[1]  # services that run beside the tests have cores too
with process_tuning.one_core() as core:
    print(core, sorted(os.sched_getaffinity(0)), flush=True)
    sys.stdin.read()
print(sorted(os.sched_getaffinity(0)), flush=True)
"""

needs_cores = pytest.mark.skipif(len(CORES) < 2, reason="Linux with more than one core")


def holder(name: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", HOLDS, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@needs_cores
def test_each_process_has_a_core_of_its_own_while_there_are_some() -> None:
    name = uuid4().hex
    with ExitStack() as stack:
        processes = [stack.enter_context(holder(name)) for _ in CORES]
        found = [said(process) for process in processes]
        assert sorted(found) == sorted(f"{core} [{core}]" for core in CORES)
        one_more = stack.enter_context(holder(name))
        assert said(one_more) == f"None {sorted(CORES)}"
        processes[0].kill()
        processes[0].wait()
        heir = stack.enter_context(holder(name))
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
    with process_tuning.one_core() as core:
        assert core is None


def test_what_lives_is_not_looked_through_again() -> None:
    try:
        process_tuning.freeze()
        assert gc.get_freeze_count() > 10_000
    finally:
        gc.unfreeze()


@needs_cores
@pytest.mark.parametrize("one_core", [True, False])
def test_serving_http_alone_is_done_on_one_core_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, one_core: bool
) -> None:
    core, found = min(CORES), []
    monkeypatch.setattr(process_tuning, "_free_core", lambda _stack: core)
    monkeypatch.setattr(embedded, "create_app", lambda _settings: None)
    monkeypatch.setattr(
        embedded, "_serve_http", lambda *_, **__: found.append(os.sched_getaffinity(0))
    )
    settings = Settings(
        data_dir=tmp_path,
        database_url="postgresql://u@127.0.0.1/none",
        port=free_port(),
        one_core=one_core,
    )
    embedded.serve_only_http(settings)
    assert found == [{core} if one_core else CORES]
    assert os.sched_getaffinity(0) == CORES

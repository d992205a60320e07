"""Pytest sessions in forked processes: one that maps lines to tests, and two that try mutants.

Most mutants lie in a function. They are tried in a fork of a session that has already collected
its tests, by giving the function other code. What ran while modules were imported cannot be changed
that way: such mutants are tried in a fork that has imported third-party packages only.
"""

import contextlib
import gc
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import coverage
import pytest

from tests.mutation.areas import Area
from tests.mutation.mutants import Mutant

WARM = "tests/mutation/warm.py"
OPTIONS = ["-q", "--capture=no", "-p", "no:randomly"]
OPTIONS += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # plugins that are imported already
OPTIONS += ["-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-seed=0"]
WAITING_SECONDS = 120.0  # a test that takes so long waits for what never comes
FIXTURE = "fixture "
CACHING = type(lru_cache(len))
PROJECT = {"labelaudit", "service", "worker"}
MISSING = "required"  # as in "missing 1 required keyword-only argument"

Verdict = tuple[
    str, str
]  # caught, survived, timed out, stillborn or unswappable; and by which test


def main(area: Area, plugin: object) -> int:
    """Run an area's tests in this process, whose working folder is the copy of the tree."""
    return run([WARM, *area.tests, "-m", area.marks], plugin)


def run(arguments: Sequence[str], plugin: object) -> int:
    """Run pytest in this process."""
    for name in [name for name in sys.modules if name.split(".")[0] == "tests"]:
        del sys.modules[name]  # they are those of the work tree
    return int(pytest.main([*OPTIONS, *arguments], plugins=[plugin]))


class Session:
    """What all sessions share: a test that runs on both databases runs on SQLite alone."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        names = {item.nodeid for item in items}
        items[:] = [item for item in items if not _has_twin(item.nodeid, names)]


def _has_twin(name: str, names: set[str]) -> bool:
    return "postgres" in name and name.replace("postgres", "sqlite") in names


class Mapping(Session):
    """Which tests run which line, the processor time of each, and which lines run at import."""

    def __init__(self, files: Sequence[str]) -> None:
        self.files = [str(Path(file).absolute()) for file in files]
        self.coverage = coverage.Coverage(data_file=None, config_file=False, include=self.files)
        self.seconds: dict[str, float] = {}
        self.context = ""
        self.users: dict[str, set[str]] = {}  # of each fixture that several tests share
        self.failed: list[str] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Function) -> Generator[None, Any, Any]:
        for cached in self.caches:  # else only the first test would seem to run what they keep
            cached.cache_clear()
        self._switch(item.nodeid)
        for definitions in item._fixtureinfo.name2fixturedefs.values():
            for definition in definitions:
                self.users.setdefault(_context(definition), set()).add(item.nodeid)
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        """What a shared fixture runs is run for every test that asks for it."""
        before = self.context
        if fixturedef.scope != "function":
            self._switch(_context(fixturedef))
        try:
            return (yield)
        finally:
            self._switch(before)

    def _switch(self, context: str) -> None:
        self.context = context
        self.coverage.switch_context(context)

    @cached_property
    def caches(self) -> list[Any]:
        """The functions of the project that keep their results."""
        found = [one for one in gc.get_objects() if type(one) is CACHING]
        return [one for one in found if one.__module__.split(".")[0] in PROJECT]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        began = time.process_time()
        outcome = yield
        self.seconds[item.nodeid] = time.process_time() - began
        return outcome

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)

    def result(self, root: Path) -> dict[str, Any]:
        data = self.coverage.get_data()
        lines = {
            str(Path(file).relative_to(root)): {
                line: sorted({test for context in contexts for test in self._tests(context)})
                for line, contexts in data.contexts_by_lineno(file).items()
            }
            for file in self.files
        }
        return {"seconds": self.seconds, "failed": self.failed, "lines": lines}

    def _tests(self, context: str) -> set[str]:
        return self.users.get(context, set()) if context.startswith(FIXTURE) else {context}


def _context(fixture: pytest.FixtureDef[Any]) -> str:
    return f"{FIXTURE}{fixture.baseid}:{fixture.argname}"


class Watch(Session):
    """Stops at the first test that fails, and ends the process if a test takes far too long."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = seconds
        self.caught: Verdict | None = None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, 5.0 + 8.0 * self.seconds.get(item.nodeid, 10.0))
        signal.setitimer(signal.ITIMER_REAL, WAITING_SECONDS)
        outcome = yield
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        return outcome

    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        error = call.excinfo
        if self.caught or error is None or error.errisinstance(pytest.skip.Exception):
            return
        missing = error.errisinstance(TypeError) and MISSING in str(error.value)
        self.caught = ("stillborn" if missing else "caught", item.nodeid)


class Fresh(Watch):
    """The tests of one mutant, in order, in a session of their own."""

    def __init__(self, tests: Sequence[str], seconds: dict[str, float]) -> None:
        super().__init__(seconds)
        self.tests = tests

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        found = {item.nodeid: item for item in items}
        items[:] = [found[test] for test in self.tests if test in found]

    def verdict(self, status: int) -> Verdict:
        if self.caught:
            return self.caught
        return ("survived", "") if status == 0 else ("caught", f"pytest exits with {status}")


class Swapping(Watch):
    """Tries each mutant in a fork of this session."""

    def __init__(
        self,
        mutants: Sequence[tuple[Mutant, list[str]]],
        seconds: dict[str, float],
        attempt: Callable[[Mutant, Callable[[], Verdict]], Verdict],
        report: Callable[[Mutant, Verdict], None],
    ) -> None:
        super().__init__(seconds)
        self.mutants = mutants
        self.attempt = attempt
        self.report = report

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        warm = [item for item in session.items if item.nodeid.startswith(WARM)]
        _run(warm)
        for mutant, tests in self.mutants:
            chosen = [items[test] for test in tests if test in items]

            def act(mutant: Mutant = mutant, chosen: list[pytest.Item] = chosen) -> Verdict:
                if not swap(mutant):
                    return "unswappable", ""
                session._setupstate.teardown_exact(chosen[0])
                for _ in _stepwise(chosen):
                    if self.caught:
                        return self.caught
                return "survived", ""

            verdict = self.attempt(mutant, act)
            if verdict[0] == "timed out":
                _run(warm)  # empties the tables that the test left behind
            self.report(mutant, verdict)
        return True


def _run(items: list[pytest.Item]) -> None:
    for _ in _stepwise(items):
        pass


def _stepwise(items: list[pytest.Item]) -> Iterator[None]:
    """Run the items; what the session made for all of them stays."""
    for item, following in zip(items, [*items[1:], items[-1]], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        yield


def swap(mutant: Mutant) -> bool:
    """Give the function the code that is on the disk now; False if that cannot be done."""
    path = str(Path(mutant.path).absolute())
    changed = _codes(compile(Path(path).read_bytes(), path, "exec"))
    swapped = False
    for function in gc.get_objects():
        if type(function) is not FunctionType or function.__code__.co_filename != path:
            continue
        place = function.__code__.co_qualname, function.__code__.co_firstlineno
        within = place[0] == mutant.function or mutant.function.startswith(f"{place[0]}.<locals>.")
        if within and place in changed:
            try:
                function.__code__ = changed[place]
            except ValueError:  # the change uses other variables of the function around it
                return False
            swapped = True
    return swapped


def _codes(code: CodeType) -> dict[tuple[str, int], CodeType]:
    """Every function's code within this one, by qualified name and first line."""
    found = {}
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            found[inner.co_qualname, inner.co_firstlineno] = inner
            found |= _codes(inner)
    return found


def forked(act: Callable[[], Verdict]) -> Verdict:
    """What `act` finds in a forked process, which is ended with all that it started."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pid = os.fork()
    if pid == 0:
        _be_child(act, writing)
    os.close(writing)
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGALRM, signal.SIGPROF):
        return "timed out", ""
    verdict, _, test = text.partition("\n")
    return (verdict, test) if verdict else ("caught", "the process died")


def _be_child(act: Callable[[], Verdict], writing: int) -> None:
    try:
        os.setpgid(0, 0)
        os.set_inheritable(writing, False)
        silent = os.open(os.devnull, os.O_RDWR)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        verdict = act()
        os.write(writing, "\n".join(verdict).encode())
    except BaseException as error:
        os.write(writing, f"error\n{error!r}".encode())
    finally:
        os._exit(0)

"""A mutation run of one area: copy the tree, map its tests, sample mutants and try each."""

import contextlib
import functools
import hashlib
import importlib
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.mutation import session
from tests.mutation.areas import AREAS
from tests.mutation.mutants import Mutant, equivalent, files, mutants_of
from tests.mutation.session import Verdict

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "build" / "mutation"
# Imported once; the project's own modules are imported anew by each session.
HEAVY = ["numpy", "pyarrow.parquet", "sqlalchemy.orm", "psycopg", "fastapi.testclient", "alembic"]
HEAVY += ["celery", "redis", "hypothesis", "structlog", "torch", "httpx", "typer", "boto3"]
BUDGET_SECONDS = 20.0  # of processor time for one mutant's tests, the quickest first
NO_TEST = "no test runs it"


@dataclass(frozen=True)
class Result:
    mutant: Mutant
    status: str
    by: str

    @property
    def is_caught(self) -> bool:
        return self.status in {"caught", "timed out"}


Told = Callable[[Result], None]


def run(area: str, *, sample: int | None, seed: int, half: int | None, told: Told) -> list[Result]:
    """Try a sample of the area's mutants; results of an earlier, interrupted run are kept."""
    with _copy_of_the_tree() as copy, _server():
        for name in HEAVY:
            importlib.import_module(name)
        digest = _digest(copy, area)
        mapped = _mapped(area, copy, digest)
        chosen = choose(copy, area, sample=sample, seed=seed, half=half)
        path = RESULTS / f"{area}-{sample or 'all'}-{seed}-{half or 'both'}.jsonl"
        known = _known(path, digest)
        with path.open("a" if known else "w") as log:
            if not known:
                log.write(json.dumps(digest) + "\n")

            def note(mutant: Mutant, verdict: Verdict) -> None:
                if verdict[0] == "error":
                    raise RuntimeError(f"{mutant} could not be tried: {verdict[1]}")
                known[mutant.key] = verdict
                log.write(json.dumps([mutant.key, *verdict]) + "\n")
                log.flush()
                told(Result(mutant, *verdict))

            _try([mutant for mutant in chosen if mutant.key not in known], area, mapped, note)
    return [Result(mutant, *known[mutant.key]) for mutant in chosen]


def choose(
    root: Path, area: str, *, sample: int | None, seed: int, half: int | None
) -> list[Mutant]:
    """A sample of the area's mutants without those that are known to be equivalent."""
    known = equivalent()
    found = [
        mutant
        for file in files(root, AREAS[area].sources)
        for mutant in mutants_of(root, file)
        if mutant.key not in known and half in (None, mutant.half)
    ]
    if sample is None or sample >= len(found):
        return found
    return sorted(random.Random(seed).sample(found, sample), key=lambda m: (m.path, m.start))


def _try(
    mutants: Sequence[Mutant],
    area: str,
    mapped: dict[str, Any],
    note: Callable[[Mutant, Verdict], None],
) -> None:
    seconds: dict[str, float] = mapped["seconds"]
    in_functions, at_import = [], []
    for mutant in mutants:
        lines = mapped["lines"][mutant.path]
        running = {test for line in mutant.lines for test in lines.get(str(line), [])}
        tests = _within_budget(running - {""}, seconds)
        if "" in running:  # whatever imports the file may notice, those that run it first
            rest = _within_budget(seconds.keys() - set(tests), seconds)
            at_import.append((mutant, [*tests, *rest]))
        elif tests:
            in_functions.append((mutant, tests))
        else:
            note(mutant, ("survived", NO_TEST))
    if in_functions:
        at_import += _swapped(in_functions, area, seconds, note)
    for mutant, tests in at_import:
        note(mutant, _attempt(mutant, functools.partial(_afresh, tests, seconds)))


def _within_budget(tests: Set[str], seconds: dict[str, float]) -> list[str]:
    """The quickest of the tests, as many as fit."""
    ordered = sorted(tests & seconds.keys(), key=lambda test: (seconds[test], test))
    ends = itertools.accumulate(seconds[test] for test in ordered)
    return [test for test, end in zip(ordered, ends, strict=True) if end <= BUDGET_SECONDS]


def _afresh(tests: list[str], seconds: dict[str, float]) -> Verdict:
    """Try the mutant in a session of its own."""
    plugin = session.Fresh(tests, seconds)
    paths = sorted({test.partition("::")[0] for test in tests})
    return plugin.verdict(session.run(paths, plugin))


def _swapped(
    mutants: list[tuple[Mutant, list[str]]],
    area: str,
    seconds: dict[str, float],
    note: Callable[[Mutant, Verdict], None],
) -> list[tuple[Mutant, list[str]]]:
    """Try mutants in forks of one session; returns those that need a session of their own."""
    by_key = {mutant.key: (mutant, tests) for mutant, tests in mutants}
    left = []
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _serve(mutants, area, seconds, writing)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        for line in pipe:
            key, *verdict = json.loads(line)
            mutant, tests = by_key.pop(key)
            if verdict[0] == "unswappable":
                left.append((mutant, tests))
            else:
                note(mutant, (verdict[0], verdict[1]))
    os.waitpid(pid, 0)
    if by_key:
        raise SystemExit(f"The session ended with {len(by_key)} mutants untried.")
    return left


def _serve(
    mutants: list[tuple[Mutant, list[str]]], area: str, seconds: dict[str, float], writing: int
) -> None:
    def report(mutant: Mutant, verdict: Verdict) -> None:
        os.write(writing, (json.dumps([mutant.key, *verdict]) + "\n").encode())

    try:
        _write_into(f"{area}.log")
        plugin = session.Swapping(mutants, seconds, _attempt, report)
        session.main(AREAS[area], plugin)
    except BaseException:
        traceback.print_exc()
    finally:
        _leave()


def _attempt(mutant: Mutant, act: Callable[[], Verdict]) -> Verdict:
    """Try one mutant while its file is changed on the disk, too: tests start processes."""
    path = Path(mutant.path)
    source, stat = path.read_bytes(), path.stat()
    path.write_bytes(mutant.apply(source))
    try:
        return session.forked(act)
    finally:
        path.write_bytes(source)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def _mapped(area: str, copy: Path, digest: str) -> dict[str, Any]:
    """Which tests run which lines; measured once for each state of the tree."""
    path = RESULTS / f"{area}-map.json"
    if path.exists():
        known: dict[str, Any] = json.loads(path.read_text())
        if known["digest"] == digest:
            return known
    sys.stderr.write(f"{area}: running its tests once, to see which lines each runs ...\n")
    sources = files(copy, AREAS[area].sources)
    pid = os.fork()
    if pid == 0:
        try:
            _write_into(f"{area}-map.log")
            plugin = session.Mapping(sources)
            with plugin.coverage.collect():
                session.main(AREAS[area], plugin)
            path.write_text(json.dumps({"digest": digest, **plugin.result(copy)}))
        except BaseException:
            traceback.print_exc()
        finally:
            _leave()
    os.waitpid(pid, 0)
    if not path.exists():
        raise SystemExit(f"The tests could not be run: see {RESULTS / area}-map.log")
    mapped: dict[str, Any] = json.loads(path.read_text())
    if mapped.get("digest") != digest or mapped["failed"]:
        path.unlink()
        raise SystemExit(f"These tests must pass first: {mapped['failed']}")
    return mapped


def _known(path: Path, digest: str) -> dict[str, Verdict]:
    if not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    if not lines or lines[0] != digest:
        return {}
    return {key: (status, by) for key, status, by in lines[1:]}


def _digest(copy: Path, area: str) -> str:
    """Of the code and the tests: results of another state are worth nothing."""
    digest = hashlib.sha256(repr(AREAS[area]).encode())
    for folder in ("labelaudit", "service", "worker", "migrations", "tests"):
        for path in sorted((copy / folder).rglob("*.py")):
            if "mutation" not in path.parts:
                digest.update(str(path.relative_to(copy)).encode() + path.read_bytes())
    return digest.hexdigest()


@contextlib.contextmanager
def _copy_of_the_tree() -> Iterator[Path]:
    """A copy of all files that git knows or would add; it is the working folder meanwhile."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    with tempfile.TemporaryDirectory(prefix="labelaudit-mutants-") as name, contextlib.chdir(name):
        copy = Path(name).resolve()
        for file in filter(None, listed.split("\0")):
            if (ROOT / file).is_file():
                (copy / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / file, copy / file)
        sys.path.insert(0, str(copy))
        os.environ["PYTHONPATH"] = str(copy)
        os.environ["OMP_NUM_THREADS"] = "1"
        yield copy


@contextlib.contextmanager
def _server() -> Iterator[None]:
    """One PostgreSQL server for all sessions."""
    if "LABELAUDIT_TEST_DATABASE_URL" in os.environ:
        yield
        return
    servers = importlib.import_module("tests.support.servers")
    with servers.private_postgres() as server:
        os.environ["LABELAUDIT_TEST_DATABASE_URL"] = server.url
        yield
        del os.environ["LABELAUDIT_TEST_DATABASE_URL"]


def _leave() -> None:
    """End a forked process without what its parent planned for its end."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _write_into(name: str) -> None:
    """What this process writes goes into a log file."""
    log = os.open(RESULTS / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)

"""Drills that leave no room on the disk. Each has a small disk of its own, which takes the right to
mount one (root on Linux); without it they say that they cannot run."""

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from service.db.tables import Job
from tests.drills.arena import TRAINING, Arena
from tests.drills.ledger import Ledger
from tests.drills.registry import CannotRun, drill
from tests.drills.stack import running, until
from tests.support import road

MEGABYTE = 1 << 20
DISK_MEGABYTES = {"embedded": 64, "production": 224}  # Postgres' empty cluster and its log take 100
FULL_SECONDS = (2.0, 5.0)
INSUFFICIENT_STORAGE = 507


@contextlib.contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="labelaudit-disk-") as name:
        options = ["-t", "tmpfs", "-o", f"size={megabytes}m,mode=1777"]
        try:
            mounted = subprocess.run(["mount", *options, "tmpfs", name], capture_output=True)
        except FileNotFoundError:
            raise CannotRun("there is no `mount`") from None
        if mounted.returncode:
            raise CannotRun(f"no disk may be mounted: {mounted.stderr.decode().strip()}")
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "--lazy", name], check=True)


@contextlib.contextmanager
def on_a_small_disk(arena: Arena) -> Iterator[tuple[Arena, Path]]:
    """Another stack of the same shape, all of whose data lie on a disk of some megabytes."""
    shape = arena.stack.shape
    with small_disk(DISK_MEGABYTES[shape]) as disk, running(shape, within=disk) as stack:
        inner = Arena(stack, arena.rng, Ledger())
        yield inner, disk
        inner.check()
        arena.ledger.recoveries += inner.ledger.recoveries
        arena.ledger.outcomes.update(inner.ledger.outcomes)
        arena.notes += inner.notes


@contextlib.contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Not a byte is left, whatever is deleted meanwhile, until the block ends."""
    ballast = disk / "ballast"
    try:
        _grow(ballast)
        yield
    finally:
        ballast.unlink()


def _grow(ballast: Path) -> None:
    size = MEGABYTE
    with ballast.open("ab", buffering=0) as file:
        while size >= 512:
            try:
                os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), size)
            except OSError:
                size //= 2


@drill()
def disk_full(arena: Arena) -> None:
    """The disk of the database and of the files fills up while people decide and a model trains:
    507, nothing acknowledged is missing, and work goes on once there is room."""
    with on_a_small_disk(arena) as (inner, disk):
        reviewed, audit = inner.reviewable(), inner.start(TRAINING)
        until(lambda: inner.stack.training(audit))
        refused = inner.ledger.outcomes
        with inner.annotators(reviewed, 4):
            with filled(disk):
                sent = road.vectors(400).content
                until(lambda: _is_refused(inner, sent), seconds=60)
                until(lambda: refused["unknown: 507"] or refused["unknown: 503"], seconds=60)
                time.sleep(inner.rng.uniform(*FULL_SECONDS))
                assert inner.client.http.get("/livez").is_success
                _grow(disk / "ballast")
            since = time.monotonic()
            _bring_back(inner)
            assert inner.client.call("GET", audit).status_code == 200
            inner.ledger.recovered(since)
        inner.expect_undisturbed(audit)
        assert refused["unknown: 507"], "nobody was told that the disk is full"


def _is_refused(arena: Arena, content: bytes) -> bool:
    """An upload is told that there is no room; a database that is away says 503 before that."""
    answer = arena.client.http.post(
        "/v1/datasets", params={"filename": "more.npz"}, content=content
    )
    assert answer.status_code in (INSUFFICIENT_STORAGE, 503), answer.text
    arena.ledger.outcomes[f"unknown: {answer.status_code}"] += 1
    return True


def _bring_back(arena: Arena) -> None:
    """Postgres ends itself when its log cannot grow and starts again by itself, unless the disk is
    full then too; whoever runs it starts it again, as `restart: unless-stopped` does."""
    postgres = arena.stack.postgres
    if (
        postgres is not None
        and postgres.process is not None
        and postgres.process.poll() is not None
    ):
        arena.notes.append("Postgres ended and was started again")
        postgres.start()
    arena.stack.wait_ready()


@drill()
def disk_full_amid_checkpoints(arena: Arena) -> None:
    """The disk of the files fills up while a model trains, so that a checkpoint, and later the
    result, cannot be written: the earlier one stays whole, and the bytes come out the same."""
    shape = arena.stack.shape
    with small_disk(32) as disk, running(shape, storage_dir=disk / "storage") as stack:
        inner = Arena(stack, arena.rng, Ledger())
        audit = inner.start(TRAINING)
        shards = stack.storage.path(f"audits/{audit.rsplit('/', 1)[1]}/shards")
        until(lambda: list(shards.glob(".*/checkpoint.pt")))
        with filled(disk):
            time.sleep(inner.rng.uniform(*FULL_SECONDS))
            for found in shards.glob(".*/checkpoint.pt"):
                with contextlib.suppress(FileNotFoundError):  # a shard that had ended before
                    torch.load(found, weights_only=True)
        since = time.monotonic()
        inner.completed(audit)
        inner.ledger.recovered(since)
        inner.expect_undisturbed(audit)
        again = stack.jobs(audit, Job.attempt > 1)
        inner.notes.append(f"{len(again)} of the audit's jobs ran again")
        inner.check()
        arena.ledger.recoveries += inner.ledger.recoveries
        arena.notes += inner.notes

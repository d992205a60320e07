"""Decoders that wait for a gate, and tell when each decoding begins and ends."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.pictures import decoder

# A decoder may write no file, but it may make folders.
SCRIPT = """
import os, sys, time
from pathlib import Path
from service.pictures import image_files, process

folder = Path(sys.argv[1])
whole = image_files.thumbnail

def note(what):
    (folder / f"{time.monotonic_ns()}-{what}-{os.getpid()}").mkdir()

def slow(data, *, size):
    note(f"begin-{size}")
    while not (folder / "open").exists():
        time.sleep(0.01)
    time.sleep(0.05)
    try:
        return whole(data, size=size)
    finally:
        note(f"end-{size}")

image_files.thumbnail = slow
process.main()
"""


@dataclass
class Gate:
    folder: Path

    def open(self) -> None:
        (self.folder / "open").mkdir()

    def events(self) -> list[tuple[str, int]]:
        """("begin" or "end", the size of the thumbnail), in order."""
        found = sorted(path.name for path in self.folder.iterdir() if path.name != "open")
        return [(what, int(size)) for _, what, size, _ in (name.split("-") for name in found)]

    def begun(self, count: int, *, seconds: float = 30.0) -> None:
        """Wait until so many decodings have begun."""
        deadline = time.monotonic() + seconds
        while sum(what == "begin" for what, _ in self.events()) < count:
            assert time.monotonic() < deadline, self.events()
            time.sleep(0.01)

    def most_at_once(self) -> int:
        now = most = 0
        for what, _ in self.events():
            now += 1 if what == "begin" else -1
            most = max(most, now)
        return most


def gate(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Gate:
    """Every decoder that is started from now on waits for it."""
    folder.mkdir()
    monkeypatch.setattr(decoder, "COMMAND", [sys.executable, "-c", SCRIPT, str(folder)])
    return Gate(folder)

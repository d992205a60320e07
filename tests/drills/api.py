"""Drills that hurt the API, and what its clients hold on to."""

import threading
import time

import httpx2

from tests.drills.arena import TRAINING, Arena
from tests.drills.registry import EMBEDDED, PRODUCTION, drill


@drill(in_ci=EMBEDDED)
def kill_api(arena: Arena) -> None:
    """SIGKILL to the API while people decide: also between a commit and its answer."""
    audit = arena.reviewable()
    with arena.annotators(audit, 6):
        for _ in range(2):
            time.sleep(arena.rng.uniform(0.3, 1.0))
            since = time.monotonic()
            arena.stack.service.kill9()
            arena.stack.start_service()
            arena.ledger.recovered(since)


@drill(in_ci=PRODUCTION)
def cut_streams(arena: Arena) -> None:
    """Progress streams cut at random moments and resumed: every event once, in order."""
    audit = arena.start(TRAINING)
    readers = [EventReader(arena, audit, cut=True) for _ in range(3)]
    arena.completed(audit)
    for reader in readers:
        reader.expect_no_gap()


class EventReader:
    """Reads an audit's progress stream in a thread of its own, and resumes whenever it breaks."""

    def __init__(self, arena: Arena, audit: str, *, cut: bool = False) -> None:
        self.arena, self.audit, self.cut = arena, audit, cut
        self.http = arena.client.http
        self.seen: list[int] = []
        self.ended = False
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def expect_no_gap(self) -> None:
        self.thread.join(60)
        assert self.ended, "the stream never ended"
        assert self.seen == list(range(1, len(self.seen) + 1))
        assert len(self.seen) > 3

    def _read(self) -> None:
        while not self.ended:
            headers = {"Last-Event-ID": str(self.seen[-1])} if self.seen else {}
            until = time.monotonic() + self.arena.rng.uniform(0.2, 1.5)
            try:
                with self.http.stream("GET", f"{self.audit}/events", headers=headers) as answer:
                    answer.raise_for_status()
                    for line in answer.iter_lines():
                        if line.startswith("id: "):
                            self.seen.append(int(line[4:]))
                        if '"status":"completed"' in line:
                            self.ended = True
                        if self.cut and time.monotonic() > until:
                            break
            except httpx2.HTTPError:
                time.sleep(0.2)

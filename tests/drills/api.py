"""Drills that hurt the API, and what its clients hold on to."""

import contextlib
import hashlib
import tempfile
import threading
import time
from pathlib import Path

import httpx2

from labelaudit import Client, LabelauditError
from labelaudit.schemas import DatasetRead
from tests.drills.arena import TRAINING, Arena
from tests.drills.proxy import Proxy
from tests.drills.registry import EMBEDDED, PRODUCTION, drill
from tests.drills.stack import until
from tests.support import road

SLACK = 8  # connections of the pool that the load has opened, and the log


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


@drill()
def bad_proxy(arena: Arena) -> None:
    """Between people and the service a reverse proxy that holds answers back, stalls three of ten
    connections and breaks off three of ten: nothing twice, and the service keeps nothing open."""
    reviewed, audit = arena.reviewable(), arena.start(TRAINING)
    service = arena.stack.service.pid
    before = _held(service)
    with Proxy(arena.stack.deployment.port, arena.rng) as proxy:
        arena.by_way_of = proxy.url
        try:
            reader = EventReader(arena, audit, http=arena.new_client("a reader").http)
            _upload_through(arena, proxy)
            with arena.annotators(reviewed, 4):
                pass
            until(lambda: arena.stack.finished(audit))
            reader.expect_no_gap()
            reader.http.close()
        finally:
            arena.by_way_of = None
        arena.notes.append(f"{proxy.harmed} connections harmed")
        assert proxy.harmed
    since = time.monotonic()
    until(lambda: _held(service) <= before + SLACK, seconds=60)
    arena.ledger.recovered(since)
    arena.expect_undisturbed(audit)


def _upload_through(arena: Arena, proxy: Proxy) -> None:
    """A resumable upload; where the client gives up, the same call is made again and goes on."""
    words = "x" * 1000
    rows = "".join(f"r{row},{'ab'[row % 2]},{words}\n" for row in range(9_000))
    content = f"sample_id,label,text\n{rows}".encode()
    before = {one["id"] for one in arena.client.get("/v1/datasets").json()["items"]}
    with (
        tempfile.NamedTemporaryFile(suffix=".csv") as file,
        Client(proxy.url, arena.client.token) as client,
    ):
        file.write(content)
        file.flush()
        dataset = until(lambda: _sent(client, Path(file.name)))
    assert dataset.sha256 == hashlib.sha256(content).hexdigest()
    after = {one["id"] for one in arena.client.get("/v1/datasets").json()["items"]}
    assert after - before == {dataset.id}, "the upload became more than one dataset"
    path = f"/v1/datasets/{dataset.id}"
    ready = road.finished(arena.client, path, lambda: time.sleep(0.2))
    assert ready["status"] == "completed", ready["problem"]
    arena.ledger.uploads[dataset.id] = dataset.sha256


def _sent(client: Client, path: Path) -> DatasetRead | None:
    with contextlib.suppress(LabelauditError):
        return client.upload(path, wait=False)
    return None


def _held(pid: int) -> int:
    """Descriptors that a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


class EventReader:
    """Reads an audit's progress stream in a thread of its own, and resumes whenever it breaks."""

    def __init__(
        self,
        arena: Arena,
        audit: str,
        *,
        cut: bool = False,
        http: httpx2.Client | None = None,
    ) -> None:
        self.arena, self.audit, self.cut = arena, audit, cut
        self.http = http or arena.client.http
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

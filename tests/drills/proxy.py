"""A reverse proxy of the worse kind: it holds answers back, stalls, and breaks connections off."""

import contextlib
import random
import socket
import threading
import time
from dataclasses import dataclass, field

BLOCK = 16_384
HELD_SECONDS = 0.4  # what a buffering proxy keeps before it passes it on
STALL_SECONDS = (0.5, 3.0)
BROKEN_OFF_AFTER = (0, 4_000)  # bytes of the answers
ACCEPT_SECONDS = 0.2


@dataclass
class Proxy:
    """Forwards connections to a port of this machine. Of all connections, `stalled` have one long
    pause and `broken` end after a random number of the answer's bytes."""

    target: int
    rng: random.Random
    stalled: float = 0.3
    broken: float = 0.3
    harmed: int = 0
    _closing: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> "Proxy":
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(ACCEPT_SECONDS)
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def _start(self, act: object, *given: object) -> None:
        thread = threading.Thread(target=act, args=given)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                here, _ = self._listener.accept()
                there = socket.create_connection(("127.0.0.1", self.target))
                with self._lock:
                    stalls = self.rng.random() < self.stalled
                    breaks = self.rng.random() < self.broken
                    pause = self.rng.uniform(*STALL_SECONDS) if stalls else 0.0
                    end = self.rng.randint(*BROKEN_OFF_AFTER) if breaks else None
                    self.harmed += stalls or breaks
                self._start(self._carry, here, there, 0.0, None)
                self._start(self._carry, there, here, pause, end)

    def _carry(
        self, source: socket.socket, sink: socket.socket, pause: float, end: int | None
    ) -> None:
        """Bytes one way until one side ends; with `end`, no more than that many."""
        source.settimeout(ACCEPT_SECONDS)
        carried = 0
        answers = pause > 0 or end is not None
        with contextlib.suppress(OSError):
            while not self._closing.is_set():
                try:
                    data = source.recv(BLOCK)
                except TimeoutError:
                    continue
                if not data:
                    break
                if answers:
                    time.sleep(max(pause, HELD_SECONDS))
                    pause = 0.0
                if end is not None and carried + len(data) > end:
                    sink.sendall(data[: end - carried])
                    break
                sink.sendall(data)
                carried += len(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

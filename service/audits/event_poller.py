"""Polls for new audit events: one query for all progress streams of the process."""

import sys
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import bindparam, select

from service.db.engine import Database
from service.db.statements import cached_statement
from service.db.tables import Audit

POLL_SECONDS = 0.5

_LAST_EVENTS = cached_statement(
    select(Audit.id, Audit.last_event).where(Audit.id.in_(bindparam("audits", expanding=True)))
)


class EventPoller:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._streams: Counter[str] = Counter()
        self._last_events: dict[str, int] = {}

    @contextmanager
    def following(self, audit_id: str) -> Generator[None]:
        """Within the block, `poll` includes this audit."""
        self._streams[audit_id] += 1
        try:
            yield
        finally:
            self._streams[audit_id] -= 1
            if not self._streams[audit_id]:
                del self._streams[audit_id]
                self._last_events.pop(audit_id, None)

    def has_events_after(self, audit_id: str, seq: int) -> bool:
        """Whether the last poll saw events after number `seq`."""
        return self._last_events.get(audit_id, 0) > seq

    def poll(self) -> None:
        """Ask for the newest event of each audit that is followed: every `POLL_SECONDS`."""
        followed = list(self._streams)
        if not followed:
            return
        with self._database.autocommit() as connection:
            found = dict(connection.execute(_LAST_EVENTS, {"audits": followed}).all())
        # the stream of a deleted audit is to read on, and finds that it is gone
        self._last_events.update((one, found.get(one, sys.maxsize)) for one in followed)

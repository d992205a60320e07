"""Whether audits have something to tell: one look at the database for all who follow them."""

import sys
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import bindparam, select

from service.db.engine import Database
from service.db.statements import cached_statement
from service.db.tables import Audit

LOOK_SECONDS = 0.5

_LAST_EVENTS = cached_statement(
    select(Audit.id, Audit.last_event).where(Audit.id.in_(bindparam("audits", expanding=True)))
)


class News:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._followers: Counter[str] = Counter()
        self._last_events: dict[str, int] = {}

    @contextmanager
    def followed(self, audit_id: str) -> Generator[None]:
        """While somebody follows the audit, `look` looks for its news."""
        self._followers[audit_id] += 1
        try:
            yield
        finally:
            self._followers[audit_id] -= 1
            if not self._followers[audit_id]:
                del self._followers[audit_id]
                self._last_events.pop(audit_id, None)

    def beyond(self, audit_id: str, seq: int) -> bool:
        """Whether events were seen after number `seq`."""
        return self._last_events.get(audit_id, 0) > seq

    def look(self) -> None:
        """To be called every `LOOK_SECONDS`."""
        followed = list(self._followers)
        if not followed:
            return
        with self._database.autocommit() as connection:
            found = dict(connection.execute(_LAST_EVENTS, {"audits": followed}).all())
        # of an audit that is gone its follower learns by looking for more
        self._last_events.update((one, found.get(one, sys.maxsize)) for one in followed)

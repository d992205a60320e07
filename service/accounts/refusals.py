"""Refusals in the access log, which nobody can fill with them.

Of each caller, known by their key or else by their address, the first refusals of a minute have a
line each. Those beyond are counted, and get one line with the count once the minute is over.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from labelaudit.enums import AccessOutcome
from service.accounts import access_log
from service.core.principal import Principal
from service.db.engine import Database

ACTION = "refused"
LINES = 10  # of one caller in one minute
CALLERS = 200  # that are told apart in one minute; the others share a count
MINUTE = 60.0


@dataclass
class _Group:
    caller: Principal | None
    address: str | None
    count: int = 0


class Refusals:
    """Of one process."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database, self._clock = database, clock
        self._lock = threading.Lock()
        self._groups: dict[str, _Group] = {}
        self._minute = 0

    def note(
        self,
        subject: str,
        *,
        caller: Principal | None,
        address: str | None,
        request_id: str | None,
        **detail: str,
    ) -> None:
        """Write a line for the refusal, or count it."""
        over, written = self._count(caller, address)
        self._write(over)
        if not written:
            return
        with self._database.write() as session:
            access_log.record(
                session,
                ACTION,
                subject[:200],
                by=caller,
                outcome=AccessOutcome.refused,
                address=address,
                request_id=request_id,
                **detail,
            )

    def flush(self, *, all_of_them: bool = False) -> None:
        """Write the counts of minutes that are over, or all there are."""
        with self._lock:
            over = self._over() if not all_of_them else self._take()
        self._write(over)

    def _count(self, caller: Principal | None, address: str | None) -> tuple[list[_Group], bool]:
        """The groups of minutes that are over, and whether this refusal gets a line of its own."""
        name = f"key {caller.key_id}" if caller else f"address {address}"
        with self._lock:
            over = self._over()
            if name not in self._groups and len(self._groups) >= CALLERS:
                name, caller, address = "others", None, None
            group = self._groups.setdefault(name, _Group(caller, address))
            group.count += 1
            return over, name != "others" and group.count <= LINES

    def _over(self) -> list[_Group]:
        minute = int(self._clock() // MINUTE)
        if minute == self._minute:
            return []
        over, self._minute = self._take(), minute
        return over

    def _take(self) -> list[_Group]:
        groups, self._groups = self._groups, {}
        others = groups.pop("others", None)
        counted = [group for group in groups.values() if group.count > LINES]
        for group in counted:
            group.count -= LINES
        return [*counted, *([others] if others else [])]

    def _write(self, groups: list[_Group]) -> None:
        if not groups:
            return
        with self._database.write() as session:
            for group in groups:
                detail: dict[str, Any] = {"count": group.count, "reason": "more in the same minute"}
                access_log.record(
                    session,
                    ACTION,
                    by=group.caller,
                    outcome=AccessOutcome.refused,
                    address=group.address,
                    **detail,
                )

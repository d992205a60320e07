"""When keys and sessions were last used: collected in memory, stored every half minute.

Storing at each request would turn every read into a write. A killed process loses half a minute.
"""

import threading
from datetime import datetime

from service.accounts import api_keys, sessions
from service.core.principal import Principal
from service.db.engine import Database
from service.db.tables import now


class LastUsed:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._keys: dict[str, datetime] = {}
        self._sessions: dict[str, datetime] = {}

    def record(self, caller: Principal) -> None:
        with self._lock:
            self._keys[caller.key_id] = now()
            if caller.session_id is not None:
                self._sessions[caller.session_id] = now()

    def store(self) -> None:
        with self._lock:
            used, sessions_used = self._keys, self._sessions
            self._keys, self._sessions = {}, {}
        if used:
            with self._database.write() as session:
                api_keys.record_use(session, used)
                sessions.record_use(session, sessions_used)

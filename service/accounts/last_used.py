"""When keys and sign-ins were last used: noted in memory, written down every half minute.

Writing at each request would make every read a write. A killed process loses half a minute of it.
"""

import threading
from datetime import datetime

from service.accounts import api_keys, sessions
from service.core.principal import Principal
from service.db.engine import Database
from service.db.tables import now


class Uses:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._keys: dict[str, datetime] = {}
        self._sign_ins: dict[str, datetime] = {}

    def note(self, caller: Principal) -> None:
        with self._lock:
            self._keys[caller.key_id] = now()
            if caller.sign_in_id is not None:
                self._sign_ins[caller.sign_in_id] = now()

    def write_down(self) -> None:
        with self._lock:
            used, sign_ins_used = self._keys, self._sign_ins
            self._keys, self._sign_ins = {}, {}
        if used:
            with self._database.write() as session:
                api_keys.note_uses(session, used)
                sessions.note_uses(session, sign_ins_used)

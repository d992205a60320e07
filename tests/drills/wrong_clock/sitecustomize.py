"""With this folder on PYTHONPATH, the service's clock is wrong by LABELAUDIT_DRILL_CLOCK_SECONDS.

`libfaketime` would be the plain way; with its 0.9.10, `time.sleep` of Python 3.11 fails. The class
`datetime.datetime` itself is left alone: compiled modules know its size.
"""

import os
import time
from datetime import datetime, timedelta, tzinfo

from service.db.tables import base

OFFSET = float(os.environ["LABELAUDIT_DRILL_CLOCK_SECONDS"])
REAL_TIME, REAL_TIME_NS = time.time, time.time_ns


class WrongDatetime(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + timedelta(seconds=OFFSET)


base.datetime = WrongDatetime  # type: ignore[attr-defined]
time.time = lambda: REAL_TIME() + OFFSET
time.time_ns = lambda: REAL_TIME_NS() + int(OFFSET * 1e9)

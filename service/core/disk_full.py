"""Whether an error means that a disk, or a quota on it, left no room."""

import errno
import sqlite3

ERRORS = {errno.ENOSPC, errno.EDQUOT}
POSTGRES_DISK_FULL = "53100"  # by its state: the process that reads uploads has no room for psycopg


def is_disk_full(error: BaseException | None) -> bool:
    """Looks behind the error too: libraries wrap what the system said in errors of their own."""
    while error is not None:
        if _says_so(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _says_so(error: BaseException) -> bool:
    if isinstance(error, sqlite3.OperationalError):
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    if isinstance(error, OSError):
        return error.errno in ERRORS
    return getattr(error, "sqlstate", None) == POSTGRES_DISK_FULL

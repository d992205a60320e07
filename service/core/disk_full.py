"""Whether an error means that a disk or a disk quota is full."""

import errno
import sqlite3

ERRORS = {errno.ENOSPC, errno.EDQUOT}
POSTGRES_DISK_FULL = "53100"  # the SQLSTATE; the process that reads uploads does not import psycopg


def is_disk_full(error: BaseException | None) -> bool:
    """Also checks the causes: libraries wrap the operating system's error in their own."""
    while error is not None:
        if _is_disk_full(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_disk_full(error: BaseException) -> bool:
    if isinstance(error, sqlite3.OperationalError):
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    if isinstance(error, OSError):
        return error.errno in ERRORS
    return getattr(error, "sqlstate", None) == POSTGRES_DISK_FULL

"""Browser sessions: a random cookie, of which the database stores a hash.

A session ends twelve hours after its last use, seven days after it began, when somebody ends it, or
with the key it belongs to.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, inspect, select, update
from sqlalchemy.orm import Session

from service.accounts import access_log
from service.accounts.principals import (
    is_valid,
    principal_of,
    refuse_suspended,
    require_power_over,
)
from service.core.errors import NotAuthenticated, NotFound
from service.core.principal import Principal
from service.db import tenant_filter
from service.db.tables import ApiKey, BrowserSession, Tenant, now

IDLE_TIMEOUT = timedelta(hours=12)
LIFETIME = timedelta(days=7)
RETENTION = timedelta(days=30)  # how long ended sessions are kept

_KEYS, _SESSIONS = inspect(ApiKey).local_table, inspect(BrowserSession).local_table
_TENANTS = inspect(Tenant).local_table
_SESSION_AND_KEY: Select[Any] = (
    select(
        *_KEYS.c,
        _TENANTS.c.suspended_at,
        _SESSIONS.c.id.label("session_id"),
        _SESSIONS.c.ended_at,
        _SESSIONS.c.expires_at.label("session_expires_at"),
        _SESSIONS.c.last_used_at.label("session_used_at"),
    )
    .join(_KEYS, _KEYS.c.id == _SESSIONS.c.key_id)
    .outerjoin(_TENANTS, _TENANTS.c.id == _KEYS.c.tenant_id)
    .where(_SESSIONS.c.token_hash == bindparam("token_hash"))
)


def begin(
    session: Session, principal: Principal, *, how: str, browser: str | None, at_most: int = 0
) -> tuple[BrowserSession, str]:
    """Start a session; returns it with the cookie's value. Of more than `at_most` sessions of one
    person the oldest end; 0: no limit."""
    token = secrets.token_urlsafe(32)
    row = BrowserSession(
        token_hash=hashed(token),
        key_id=principal.key_id,
        tenant_id=principal.tenant_id,
        address=principal.address,
        browser=browser[:200] if browser else None,
        expires_at=now() + LIFETIME,
    )
    session.add(row)
    session.flush()
    access_log.record(session, "sign_in", row.id, by=principal, how=how)
    if at_most:
        _end_oldest(session, principal, at_most)
    return row, token


def _end_oldest(session: Session, principal: Principal, at_most: int) -> None:
    """End all but the newest sessions of one person. Their key is locked: of two browsers that sign
    in at once, the second sees the first."""
    session.get(ApiKey, principal.key_id, with_for_update=True)
    for row, _ in list_sessions(session, principal.key_id)[at_most:]:
        row.ended_at = now()
        access_log.record(
            session, "sign_out", row.id, by=principal, reason="too many sessions", at_most=at_most
        )


def authenticate(connection: Connection, token: str) -> Principal:
    """The session's owner. Unknown, ended and expired sessions get the same answer."""
    row = connection.execute(_SESSION_AND_KEY, {"token_hash": hashed(token)}).first()
    if (
        row is None
        or not is_active(row.ended_at, row.session_expires_at, row.session_used_at)
        or not is_valid(row)
    ):
        raise NotAuthenticated("You are signed out. Sign in again.")
    refuse_suspended(row.suspended_at)
    return replace(principal_of(row), session_id=row.session_id)


def is_active(ended_at: datetime | None, expires_at: datetime, last_used_at: datetime) -> bool:
    current = now()
    return ended_at is None and expires_at > current and last_used_at + IDLE_TIMEOUT > current


def record_use(session: Session, used: Mapping[str, datetime]) -> None:
    """Store when sessions were last used, and delete those that expired long ago."""
    for session_id, moment in sorted(used.items()):
        session.execute(
            update(BrowserSession)
            .where(BrowserSession.id == session_id, BrowserSession.last_used_at < moment)
            .values(last_used_at=moment)
        )
    session.execute(delete(BrowserSession).where(BrowserSession.expires_at < now() - RETENTION))


def list_sessions(session: Session, key_id: str | None) -> Sequence[tuple[BrowserSession, str]]:
    """Active sessions with their owners' names, newest first: one caller's, or the whole
    tenant's."""
    query = (
        select(BrowserSession, ApiKey.name)
        .join(ApiKey, ApiKey.id == BrowserSession.key_id)
        .where(BrowserSession.ended_at.is_(None))
        .order_by(BrowserSession.id.desc())
    )
    if key_id is not None:
        query = query.where(BrowserSession.key_id == key_id)
    return [
        (row, name)
        for row, name in session.execute(query)
        if is_active(row.ended_at, row.expires_at, row.last_used_at)
    ]


def end(session: Session, session_id: str) -> None:
    """End one session: the caller's own or, for who manages keys, that of a key they have power
    over. Raises NotFound, NotPermitted."""
    caller = tenant_filter.caller_of(session)
    row = session.get(BrowserSession, session_id)
    own = row is not None and caller is not None and row.key_id == caller.key_id
    if row is None or not (own or caller is None or caller.manages_keys):
        raise NotFound(f"There is no session {session_id!r}.")
    if not own:
        require_power_over(session, session.get_one(ApiKey, row.key_id))
    if row.ended_at is None:
        row.ended_at = now()
        access_log.record(session, "sign_out", row.id)


def end_all(session: Session, key_id: str) -> None:
    """End all sessions of one caller."""
    ended = session.scalars(
        update(BrowserSession)
        .where(BrowserSession.key_id == key_id, BrowserSession.ended_at.is_(None))
        .values(ended_at=now())
        .returning(BrowserSession.id)
    ).all()
    for session_id in ended:
        access_log.record(session, "sign_out", session_id)


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()

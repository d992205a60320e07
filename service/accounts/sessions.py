"""Browsers that are signed in: a random cookie, of which the database keeps a hash.

A sign-in ends twelve hours after its last use, seven days after its first, when somebody ends it,
or with the key it belongs to.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, inspect, select, update
from sqlalchemy.orm import Session

from labelaudit.enums import Scope
from service.accounts import access_log
from service.accounts.principals import is_valid, principal_of
from service.core.errors import NotAuthenticated, NotFound
from service.core.principal import Principal
from service.db import tenant_filter
from service.db.tables import ApiKey, SignIn, now

IDLE = timedelta(hours=12)
LONGEST = timedelta(days=7)
KEPT = timedelta(days=30)  # ended sign-ins can be looked at for so long

_KEYS, _SIGN_INS = inspect(ApiKey).local_table, inspect(SignIn).local_table
_WHOSE: Select[Any] = (
    select(
        *_KEYS.c,
        _SIGN_INS.c.id.label("sign_in_id"),
        _SIGN_INS.c.ended_at,
        _SIGN_INS.c.expires_at.label("sign_in_expires_at"),
        _SIGN_INS.c.last_used_at.label("sign_in_used_at"),
    )
    .join(_KEYS, _KEYS.c.id == _SIGN_INS.c.key_id)
    .where(_SIGN_INS.c.token_hash == bindparam("token_hash"))
)


def begin(session: Session, principal: Principal, *, how: str, browser: str | None) -> str:
    """Sign a browser in; the cookie's value."""
    token = secrets.token_urlsafe(32)
    row = SignIn(
        token_hash=hashed(token),
        key_id=principal.key_id,
        tenant_id=principal.tenant_id,
        address=principal.address,
        browser=browser[:200] if browser else None,
        expires_at=now() + LONGEST,
    )
    session.add(row)
    session.flush()
    access_log.record(session, "sign_in", row.id, by=principal, how=how)
    return token


def authenticate(connection: Connection, token: str) -> Principal:
    """Whose browser this is. Unknown, ended and expired sign-ins get the same answer."""
    row = connection.execute(_WHOSE, {"token_hash": hashed(token)}).first()
    if (
        row is None
        or not _lasts(row.ended_at, row.sign_in_expires_at, row.sign_in_used_at)
        or not is_valid(row)
    ):
        raise NotAuthenticated("You are signed out. Sign in again.")
    return replace(principal_of(row), sign_in_id=row.sign_in_id)


def _lasts(ended_at: datetime | None, expires_at: datetime, last_used_at: datetime) -> bool:
    current = now()
    return ended_at is None and expires_at > current and last_used_at + IDLE > current


def note_uses(session: Session, used: Mapping[str, datetime]) -> None:
    """Write down when sign-ins were last used, and forget those that ended long ago."""
    for sign_in_id, moment in sorted(used.items()):
        session.execute(
            update(SignIn)
            .where(SignIn.id == sign_in_id, SignIn.last_used_at < moment)
            .values(last_used_at=moment)
        )
    session.execute(delete(SignIn).where(SignIn.expires_at < now() - KEPT))


def list_sign_ins(session: Session, key_id: str | None) -> Sequence[SignIn]:
    """Those that last, newest first: of one caller, or of the whole tenant."""
    query = select(SignIn).where(SignIn.ended_at.is_(None)).order_by(SignIn.id.desc())
    if key_id is not None:
        query = query.where(SignIn.key_id == key_id)
    found = session.scalars(query)
    return [row for row in found if _lasts(row.ended_at, row.expires_at, row.last_used_at)]


def end(session: Session, sign_in_id: str) -> None:
    """Sign one browser out: one's own, or as an admin anybody's of the tenant."""
    caller = tenant_filter.caller_of(session)
    row = session.get(SignIn, sign_in_id)
    own = row is not None and caller is not None and row.key_id == caller.key_id
    if row is None or not (own or caller is None or caller.may(Scope.admin)):
        raise NotFound(f"There is no sign-in {sign_in_id!r}.")
    if row.ended_at is None:
        row.ended_at = now()
        access_log.record(session, "sign_out", row.id)


def end_all(session: Session, key_id: str) -> None:
    """Sign every browser of one caller out."""
    ended = session.scalars(
        update(SignIn)
        .where(SignIn.key_id == key_id, SignIn.ended_at.is_(None))
        .values(ended_at=now())
        .returning(SignIn.id)
    ).all()
    for sign_in_id in ended:
        access_log.record(session, "sign_out", sign_in_id)


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()

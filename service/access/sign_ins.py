"""Browsers that are signed in: a random cookie, of which the database keeps a hash.

A sign-in ends twelve hours after its last use, seven days after its first, when somebody ends it,
or with the key it belongs to.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from service.access import access_log, tenancy
from service.access.principal import Principal, is_valid, principal_of
from service.errors import NotAuthenticated, NotFound
from service.models import ApiKey, Scope, SignIn, now

IDLE = timedelta(hours=12)
LONGEST = timedelta(days=7)
KEPT = timedelta(days=30)  # ended sign-ins can be looked at for so long


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


def authenticate(session: Session, token: str) -> Principal:
    """Whose browser this is. Unknown, ended and expired sign-ins get the same answer."""
    row = session.execute(
        select(SignIn, ApiKey)
        .join(ApiKey, ApiKey.id == SignIn.key_id)
        .where(SignIn.token_hash == hashed(token))
    ).first()
    if row is not None:
        sign_in, key = row
        if _lasts(sign_in) and is_valid(key):
            return replace(principal_of(key), sign_in_id=sign_in.id)
    raise NotAuthenticated("You are signed out. Sign in again.")


def _lasts(sign_in: SignIn) -> bool:
    current = now()
    return (
        sign_in.ended_at is None
        and sign_in.expires_at > current
        and sign_in.last_used_at + IDLE > current
    )


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
    return [row for row in session.scalars(query) if _lasts(row)]


def end(session: Session, sign_in_id: str) -> None:
    """Sign one browser out: one's own, or as an admin anybody's of the tenant."""
    caller = tenancy.caller_of(session)
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

"""A request sent twice with the same key runs once and gets the same response twice."""

import hashlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from service.core.errors import BadInput
from service.core.principal import Principal
from service.db.tables import Idempotency


@dataclass
class StoredResponse:
    """`body` is None until the request has run."""

    body: dict[str, Any] | None = None


def fingerprint_of(*parts: object) -> str:
    """Identifies a request: a repeated request must have the same fingerprint."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()


@contextmanager
def once(
    session: Session, caller: Principal, key: str | None, fingerprint: str
) -> Generator[StoredResponse]:
    """Yields the stored response of an earlier request, or an empty one to fill.

    The key's row is written in the transaction of the request. A second request with the same key
    waits for the first one to commit, since both insert the same primary key.

    Raises
    ------
    BadInput
        The key was used for another request.
    """
    answer = StoredResponse()
    if key is None:
        yield answer
        return
    if not _insert(session, caller, key, fingerprint):
        known = session.get_one(Idempotency, (caller.key_id, key))
        if known.fingerprint != fingerprint:
            raise BadInput(
                "This Idempotency-Key was used for another request. Use a new one.",
                type="idempotency-key-reused",
            )
        answer.body = known.body
        yield answer
        return
    yield answer
    session.execute(
        update(Idempotency)
        .where(Idempotency.key_id == caller.key_id, Idempotency.key == key)
        .values(body=answer.body)
        .execution_options(synchronize_session=False)
    )


def create_once(
    session: Session,
    caller: Principal,
    key: str | None,
    fingerprint: str,
    create: Callable[[], str],
) -> str:
    """The id that `create` returns now, or returned to an earlier request with the same key."""
    with once(session, caller, key, fingerprint) as answer:
        if answer.body is None:
            answer.body = {"id": create()}
    return str(answer.body["id"])


def _insert(session: Session, caller: Principal, key: str, fingerprint: str) -> bool:
    dialect = session.get_bind().dialect.name
    statement = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(Idempotency)
    # by the returned row: psycopg does not report a row count here
    inserted = session.scalar(
        statement.values(key_id=caller.key_id, key=key, fingerprint=fingerprint)
        .on_conflict_do_nothing()
        .returning(Idempotency.key)
    )
    return inserted is not None

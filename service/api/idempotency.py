"""A request sent twice with one key is carried out once and answered twice."""

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
class Answer:
    """`body` is None until the work is done."""

    body: dict[str, Any] | None = None


def fingerprint_of(*parts: object) -> str:
    """What two requests with one key must agree on."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()


@contextmanager
def once(
    session: Session, caller: Principal, key: str | None, fingerprint: str
) -> Generator[Answer]:
    """Gives the stored answer of an earlier request, or an empty one to fill.

    The key's row is written in the same transaction as the work. A second request with the same
    key waits for the first one's commit, since both insert the same primary key.

    Raises
    ------
    BadInput
        The key was used before for another request.
    """
    answer = Answer()
    if key is None:
        yield answer
        return
    if not _insert(session, caller, key, fingerprint):
        known = session.get_one(Idempotency, (caller.key_id, key))
        if known.fingerprint != fingerprint:
            raise BadInput(
                "This Idempotency-Key was used before for another request; make a new one.",
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


def made_once(
    session: Session, caller: Principal, key: str | None, fingerprint: str, make: Callable[[], str]
) -> str:
    """The id of what was made now, or by an earlier request with the same key."""
    with once(session, caller, key, fingerprint) as answer:
        if answer.body is None:
            answer.body = {"id": make()}
    return str(answer.body["id"])


def _insert(session: Session, caller: Principal, key: str, fingerprint: str) -> bool:
    dialect = session.get_bind().dialect.name
    statement = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(Idempotency)
    # the row itself tells: psycopg's row count does not
    inserted = session.scalar(
        statement.values(key_id=caller.key_id, key=key, fingerprint=fingerprint)
        .on_conflict_do_nothing()
        .returning(Idempotency.key)
    )
    return inserted is not None

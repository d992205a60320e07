"""The database role that the service connects as, which owns nothing."""

import secrets
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy.engine import make_url

from service.db.app_role import grant
from service.db.engine import Database

PASSWORD = secrets.token_hex(16)


@pytest.fixture
def app_url(postgres_url: str) -> Iterator[str]:
    """The address of a role that the migrations' owner made and granted what it needs."""
    owner = Database(postgres_url)
    name = f"app_{make_url(postgres_url).database}"[:60]
    url = make_url(postgres_url).set(username=name, password=PASSWORD)
    address = url.render_as_string(hide_password=False)
    grant(owner, address)
    grant(owner, address)  # as after every migration
    yield address
    owner.dispose()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (name,)
        )
        connection.execute(f"DROP OWNED BY {name}")
        connection.execute(f"DROP ROLE {name}")

"""What the database itself refuses: edits of the logs, rows of other organisations."""

from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from labelaudit.enums import Role, Verdict
from service import review
from service.accounts import access_log, api_keys
from service.datasets import deletion
from service.db.tables import AccessEntry, Correction
from service.review import NewCorrection
from tests.support.factories import (
    make_audit,
    make_dataset,
    person,
    sample_id,
)


@pytest.fixture
def corrected(store):
    """A dataset with one correction, and a line in the access log."""
    dataset_id = make_dataset(store)
    audit_id = make_audit(store, dataset_id)
    with store.database.write() as session:
        correction = NewCorrection(sample_id(0), Verdict.keep)
        review.submit(session, audit_id, [correction], principal=person())
        access_log.record(session, "sign_in", by=person())
    return dataset_id


@pytest.mark.parametrize("table", ["correction", "access_log"])
@pytest.mark.parametrize("act", ["UPDATE {} SET created_at = created_at", "DELETE FROM {}"])
def test_nobody_edits_a_log(database, corrected, table, act):
    statement = act.format(table).replace("created_at", "id" if table == "access_log" else "note")
    with pytest.raises(DBAPIError, match="append-only"), database.write() as session:
        session.execute(text(statement))


def test_corrections_go_with_their_dataset_and_the_access_log_tells(database, corrected):
    with database.write() as session:
        deletion.delete_dataset(session, corrected)
    with database.read() as session:
        assert session.query(Correction).count() == 0
        [entry] = session.query(AccessEntry).filter_by(action="dataset.delete").all()
        assert (entry.subject, entry.detail["version"]) == (corrected, 1)


def test_a_role_that_owns_nothing_sees_no_row_without_saying_for_whom(postgres_url, storage):
    from service.db.engine import Database
    from tests.support.factories import Store

    database = Database(postgres_url)
    make_dataset(Store(database, storage))
    with database.write() as session:
        api_keys.create_key(session, name="Ann", role=Role.admin)
    database.dispose()
    role = f"app_{uuid4().hex[:8]}"
    with psycopg.connect(postgres_url, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {role}")
        owner.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    counts = {}
    with psycopg.connect(postgres_url) as connection:
        connection.execute(f"SET ROLE {role}")
        for tenant in ("", "elsewhere", "default", "*"):
            connection.execute("SELECT set_config('labelaudit.tenant', %s, false)", [tenant])
            counts[tenant] = [
                connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("dataset", "api_key")
            ]
        connection.rollback()
    with psycopg.connect(postgres_url, autocommit=True) as owner:
        owner.execute(f"DROP OWNED BY {role}")
        owner.execute(f"DROP ROLE {role}")
    assert counts == {"": [0, 0], "elsewhere": [0, 0], "default": [1, 1], "*": [1, 1]}

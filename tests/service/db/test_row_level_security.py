"""Every table, as the service's role for one organisation: another's rows are not there.

What the application's own filters do is not in the way here: the statements are of the plain
tables, on a connection that names an organisation as `service.db.tenant_filter` does.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pytest
from psycopg.errors import InsufficientPrivilege, UniqueViolation
from sqlalchemy import Connection, Row, Table, and_, delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from labelaudit.enums import JobStatus, Role
from service.accounts import tenants
from service.core.config import Settings
from service.core.principal import Principal
from service.db.app_role import APPEND_ONLY
from service.db.bulk import bulk_copy, bulk_insert
from service.db.engine import Database
from service.db.tables import Job, Model, Sample
from service.exports import records as exports
from tests.support.factories import Store, make_dataset
from tests.support.one_of_each import make_one_of_each, rows_by_tenant

OF_NOBODY = {"log_retention"}  # how long the logs are kept: read by all, changed by the owner alone
ALL_TABLES = [table for table in Model.metadata.sorted_tables if table.name not in OF_NOBODY]


@pytest.fixture
def database_url(app_url: str) -> str:
    return app_url


@pytest.fixture
def names(store: Store, settings: Settings) -> dict[str, set[str]]:
    """Two organisations with a row in every table; of each the ids that its rows name."""
    with store.database.write() as session:
        other, _ = tenants.create_tenant(session, name="Elsewhere", admin="Zoe")
    return {
        tenant_id: make_one_of_each(store, settings, tenant_id)
        for tenant_id in ("default", other.id)
    }


@contextmanager
def acting_for(database: Database, tenant_id: str) -> Generator[Connection]:
    """A connection that names an organisation; what it does is undone."""
    with database.engine.connect() as connection:
        connection.execute(
            text("SELECT set_config('labelaudit.tenant', :t, true)"), {"t": tenant_id}
        )
        yield connection
        connection.rollback()


def is_row(table: Table, row: Row[Any]) -> Any:
    return and_(*(column == getattr(row, column.key) for column in table.primary_key))


def refusal(connection: Connection, statement: Any, *values: Any) -> type[BaseException] | None:
    """Why Postgres refuses a statement, if it does."""
    try:
        with connection.begin_nested():
            connection.execute(statement, *values)
    except DBAPIError as error:
        return type(error.orig) if error.orig else None
    return None


@pytest.mark.parametrize("table", ALL_TABLES, ids=lambda table: table.name)
def test_an_organisations_rows_are_there_for_itself_alone(
    database: Database, names: dict[str, set[str]], table: Table
) -> None:
    with acting_for(database, "*") as connection:
        rows = rows_by_tenant(connection, table, names)
    for tenant_id, own in rows.items():
        assert own, f"make a row of {table.name} in this test"
        (foreign,) = (others for other, others in rows.items() if other != tenant_id)
        with acting_for(database, tenant_id) as connection:
            seen = connection.execute(select(table)).all()
            assert sorted(map(repr, seen)) == sorted(map(repr, own))
            for row in foreign:
                _check_foreign_row(connection, table, row)
            assert refusal(connection, insert(table), [own[0]._asdict()]) is UniqueViolation


def _check_foreign_row(connection: Connection, table: Table, row: Row[Any]) -> None:
    column = next(iter(table.primary_key))
    changes = (
        update(table).where(is_row(table, row)).values({column: getattr(row, column.key)}),
        delete(table).where(is_row(table, row)),
    )
    for change in changes:
        if table.name in APPEND_ONLY:
            assert refusal(connection, change) is InsufficientPrivilege
        else:
            assert connection.execute(change).rowcount == 0
    # refused by the policy, before the row is found to be there already
    assert refusal(connection, insert(table), [row._asdict()]) is InsufficientPrivilege


def test_who_names_no_organisation_sees_no_row_of_any_table(
    database: Database, names: dict[str, set[str]]
) -> None:
    with acting_for(database, "") as connection:
        for table in ALL_TABLES:
            assert connection.execute(select(table)).all() == [], table.name


@pytest.mark.parametrize(
    "table", ["audit", "export", "membership", "browser_session", "correction", "comment"]
)
def test_a_row_of_ones_own_cannot_hang_on_a_foreign_parent(
    database: Database, names: dict[str, set[str]], table: str
) -> None:
    (kind,) = (one for one in ALL_TABLES if one.name == table)
    parents = {key.parent.name: key.column.table for key in kind.foreign_keys}
    parents.pop("reverts", None)
    with acting_for(database, "*") as connection:
        rows = rows_by_tenant(connection, kind, names)
        own = rows["default"][0]._asdict()
        foreign = next(rows[tenant_id][0] for tenant_id in rows if tenant_id != "default")
    for column in parents:
        mixed = {**own, column: getattr(foreign, column)}
        with acting_for(database, "default") as connection:
            assert refusal(connection, insert(kind), [mixed]) is InsufficientPrivilege, column


def test_many_rows_come_in_under_row_level_security_too(database: Database, store: Store) -> None:
    dataset_id = make_dataset(store, samples=6)
    batch = pa.record_batch(
        {
            "dataset_id": [dataset_id] * 2,
            "position": pa.array([6, 7], pa.int64()),
            "sample_id": ['quoted "so"', ""],
            "given_label": pa.array([None, 1], pa.int32()),
        }
    )
    table = Sample.__table__
    assert isinstance(table, Table)
    with database.write() as session:
        bulk_copy(session, table, [batch])
        bulk_copy(session, table, [])
        bulk_insert(session, table, [(dataset_id, 8, "row", 2)])
        bulk_insert(session, table, [(dataset_id, 9, "rows", None)])
    with database.read() as session:
        found = session.execute(
            select(Sample.position, Sample.sample_id, Sample.given_label)
            .where(Sample.position >= 6)
            .order_by(Sample.position)
        ).all()
    assert [tuple(row) for row in found] == [
        (6, 'quoted "so"', None),
        (7, "", 1),
        (8, "row", 2),
        (9, "rows", None),
    ]


def test_a_job_is_queued_after_what_it_is_about(database: Database, store: Store) -> None:
    dataset_id = make_dataset(store)
    ann = Principal("k", "Ann", Role.admin)
    with database.write(ann) as session:
        export = exports.start_export(
            session, dataset_id, format="csv", dataset_version=None, principal=ann
        )
    with database.read(ann) as session:
        jobs = session.scalars(select(Job).where(Job.subject_id == export.id)).all()
        assert [job.status for job in jobs] == [JobStatus.queued]

"""Triggers that refuse to change or remove rows, for the tables that are logs.

A row of `correction` goes only with its whole dataset, whose deletion the access log records; a row
of `access_log` never goes. A migration that must touch rows does so inside `lifted`.
"""

from collections.abc import Generator
from contextlib import contextmanager

from alembic import op

OF_A_DATASET = "correction"


def install(table: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        _install_postgres(table)
    else:
        _install_sqlite(table)


def remove(table: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP TRIGGER IF EXISTS {table}_append_only ON {table}")
        op.execute(f"DROP FUNCTION IF EXISTS {table}_append_only()")
    else:
        for act in ("update", "delete"):
            op.execute(f"DROP TRIGGER IF EXISTS {table}_no_{act}")


@contextmanager
def lifted(table: str) -> Generator[None]:
    remove(table)
    yield
    install(table)


def _install_postgres(table: str) -> None:
    # With its dataset gone already, the row is going by the foreign key's cascade.
    spared = (
        "IF TG_OP = 'DELETE' AND NOT EXISTS (SELECT 1 FROM dataset WHERE id = OLD.dataset_id) "
        "THEN RETURN OLD; END IF;"
        if table == OF_A_DATASET
        else ""
    )
    op.execute(
        f"""
        CREATE OR REPLACE FUNCTION {table}_append_only() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
        BEGIN
            {spared}
            RAISE EXCEPTION '{table} is append-only' USING ERRCODE = 'insufficient_privilege';
        END $$
        """
    )
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_append_only()"
    )


def _install_sqlite(table: str) -> None:
    unless = (
        "WHEN EXISTS (SELECT 1 FROM dataset WHERE id = OLD.dataset_id)"
        if table == OF_A_DATASET
        else ""
    )
    for act, condition in (("update", ""), ("delete", unless)):
        op.execute(
            f"CREATE TRIGGER {table}_no_{act} BEFORE {act.upper()} ON {table} {condition} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )

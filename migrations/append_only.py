"""Triggers that refuse to change or remove rows, for the tables that are logs.

A row of `correction` goes only with its whole dataset, whose deletion the access log records; a row
of `access_log` goes once it is older than `log_retention` says, and not before. Nobody empties a
whole log: PostgreSQL's TRUNCATE is refused as well, for the owner of the tables, too. A migration
that must touch rows does so inside `lifted`.
"""

from collections.abc import Generator
from contextlib import contextmanager

from alembic import op

OF_A_DATASET = "correction"


def install(table: str, *, expiring: bool = False, truncate: bool = False) -> None:
    """`expiring`: rows may be deleted once they are older than `log_retention` says. `truncate`:
    TRUNCATE is refused as well. Migrations before these came ask for neither."""
    if op.get_bind().dialect.name == "postgresql":
        _install_postgres(table, expiring=expiring, truncate=truncate)
    else:
        _install_sqlite(table, expiring=expiring)


def remove(table: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        for trigger in ("append_only", "no_truncate"):
            op.execute(f"DROP TRIGGER IF EXISTS {table}_{trigger} ON {table}")
        op.execute(f"DROP FUNCTION IF EXISTS {table}_append_only()")
    else:
        for act in ("update", "delete"):
            op.execute(f"DROP TRIGGER IF EXISTS {table}_no_{act}")


@contextmanager
def lifted(table: str, *, expiring: bool = False, truncate: bool = False) -> Generator[None]:
    remove(table)
    yield
    install(table, expiring=expiring, truncate=truncate)


def expired(table: str) -> str:
    """In PostgreSQL, the moment before which rows may go; null while they stay for ever."""
    days = f"SELECT days FROM log_retention WHERE log = '{table}' AND days > 0"
    return f"clock_timestamp() - make_interval(days => ({days}))"


def _install_postgres(table: str, *, expiring: bool, truncate: bool) -> None:
    spared = ""
    if table == OF_A_DATASET:  # with its dataset gone already, it is going by the cascade
        spared = "NOT EXISTS (SELECT 1 FROM dataset WHERE id = OLD.dataset_id)"
    elif expiring:
        spared = f"OLD.at < {expired(table)}"
    let_go = f"IF TG_OP = 'DELETE' THEN IF {spared} THEN RETURN OLD; END IF; END IF;"
    op.execute(
        f"""
        CREATE OR REPLACE FUNCTION {table}_append_only() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
        BEGIN
            {let_go if spared else ""}
            RAISE EXCEPTION '{table} is append-only' USING ERRCODE = 'insufficient_privilege';
        END $$
        """
    )
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_append_only()"
    )
    if truncate:
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_append_only()"
        )


def _install_sqlite(table: str, *, expiring: bool) -> None:
    unless = ""
    if table == OF_A_DATASET:
        unless = "WHEN EXISTS (SELECT 1 FROM dataset WHERE id = OLD.dataset_id)"
    elif expiring:
        unless = (
            f"WHEN NOT EXISTS (SELECT 1 FROM log_retention WHERE log = '{table}' AND days > 0 "
            "AND OLD.at < datetime('now', '-' || days || ' days'))"
        )
    for act, condition in (("update", ""), ("delete", unless)):
        op.execute(
            f"CREATE TRIGGER {table}_no_{act} BEFORE {act.upper()} ON {table} {condition} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )

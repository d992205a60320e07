"""The table `step` becomes `job`, and its states become those of audits and exports.

The code before this revision reads the old names, so its workers must be stopped first.
"""

from dataclasses import dataclass

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


@dataclass(frozen=True)
class Names:
    """How a version of the schema names the table, its columns, their values and its checks."""

    table: str
    type: str
    number: str
    status: str
    types: tuple[str, ...]
    statuses: tuple[str, ...]
    type_check: str
    status_check: str


OLD = Names(
    table="step",
    type="kind",
    number="shard",
    status="state",
    types=("ingest", "encode", "train", "rank", "model", "predict", "export"),
    statuses=("ready", "running", "done", "failed", "cancelled"),
    type_check="step_stepkind_ck",
    status_check="step_stepstate_ck",
)
NEW = Names(
    table="job",
    type="type",
    number="number",
    status="status",
    types=("ingest", "encode", "train", "rank", "classifier", "predict", "export"),
    statuses=("queued", "running", "completed", "failed", "cancelled"),
    type_check="job_jobtype_ck",
    status_check="job_jobstatus_ck",
)


def upgrade() -> None:
    _rename(OLD, NEW)


def downgrade() -> None:
    _rename(NEW, OLD)


def _rename(before: Names, after: Names) -> None:
    op.drop_index(f"{before.table}_unfinished_ix", before.table)
    with op.batch_alter_table(before.table) as batch_op:
        batch_op.drop_constraint(op.f(before.type_check), type_="check")
        batch_op.drop_constraint(op.f(before.status_check), type_="check")
    op.rename_table(before.table, after.table)
    for column in ("type", "number", "status"):
        op.execute(
            f'ALTER TABLE {after.table} RENAME COLUMN "{getattr(before, column)}" '
            f'TO "{getattr(after, column)}"'
        )
    _replace_values(after.table, after.type, before.types, after.types)
    _replace_values(after.table, after.status, before.statuses, after.statuses)
    _constrain(before, after)
    unfinished = sa.text(f"{after.status} IN ('{after.statuses[0]}', '{after.statuses[1]}')")
    op.create_index(
        f"{after.table}_unfinished_ix",
        after.table,
        ["queue", "created_at"],
        postgresql_where=unfinished,
        sqlite_where=unfinished,
    )
    _rename_in_events(before.table, after.table)


def _replace_values(
    table: str, column: str, before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    for old, new in zip(before, after, strict=True):
        if old != new:
            op.execute(f"UPDATE {table} SET {column} = '{new}' WHERE {column} = '{old}'")


def _constrain(before: Names, after: Names) -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    key = f"{after.table}_pk"
    if postgres:
        op.execute(f"ALTER TABLE {after.table} RENAME CONSTRAINT {before.table}_pk TO {key}")
    with op.batch_alter_table(after.table) as batch_op:
        if not postgres:
            batch_op.create_primary_key(op.f(key), ["subject_id", after.type, after.number])
        for name, column, values in (
            (after.type_check, after.type, after.types),
            (after.status_check, after.status, after.statuses),
        ):
            allowed = ", ".join(f"'{value}'" for value in values)
            batch_op.create_check_constraint(op.f(name), f"{column} IN ({allowed})")


def _rename_in_events(before: str, after: str) -> None:
    """What the progress stream told so far is read again by whoever resumes it."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"UPDATE audit_event SET data = data - '{before}' || "
            f"jsonb_build_object('{after}', data -> '{before}') "
            f"WHERE jsonb_exists(data, '{before}')"
        )
    else:
        op.execute(
            f"UPDATE audit_event SET data = json_set(json_remove(data, '$.{before}'), "
            f"'$.{after}', json_extract(data, '$.{before}')) "
            f"WHERE json_type(data, '$.{before}') IS NOT NULL"
        )

"""Datasets have the statuses of jobs, rows know the key that made them, datasets have guidelines.

The code before this revision reads the old statuses and columns, so stop it first.
"""

from dataclasses import dataclass

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


@dataclass(frozen=True)
class Check:
    """A constraint on the values of `dataset.status`."""

    name: str
    allowed: tuple[str, ...]

    @property
    def condition(self) -> str:
        values = ", ".join(f"'{value}'" for value in self.allowed)
        return f"status IN ({values})"

    @property
    def sql(self) -> str:
        return f"CONSTRAINT {self.name} CHECK ({self.condition})"


OLD = Check("dataset_datasetstatus_ck", ("processing", "ready", "rejected"))
NEW = Check("dataset_jobstatus_ck", ("queued", "running", "completed", "failed", "cancelled"))
UP = {"processing": "queued", "ready": "completed", "rejected": "failed"}
DOWN = {
    "queued": "processing",
    "running": "processing",
    "completed": "ready",
    "failed": "rejected",
    "cancelled": "rejected",
}
CREATED = ("dataset", "audit", "export", "assignment", "upload")


def upgrade() -> None:
    _replace_statuses(UP, OLD, NEW)
    for table in CREATED:
        _add_author(table, "created_by")
    _add_author("membership", "added_by")
    for column in ("description", "guidelines"):
        op.add_column("dataset", sa.Column(column, sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    for column in ("guidelines", "description"):
        op.drop_column("dataset", column)
    _remove_author("membership", "added_by")
    for table in CREATED:
        _remove_author(table, "created_by")
    _replace_statuses(DOWN, NEW, OLD)


def _replace_statuses(values: dict[str, str], before: Check, after: Check) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f(before.name), "dataset", type_="check")
        _replace_values(values)
        op.create_check_constraint(op.f(after.name), "dataset", after.condition)
    else:
        either = Check(before.name, (*before.allowed, *after.allowed))
        _rewrite_check(before, either)
        _replace_values(values)
        _rewrite_check(either, after)


def _replace_values(values: dict[str, str]) -> None:
    for old, new in values.items():
        op.execute(f"UPDATE dataset SET status = '{new}' WHERE status = '{old}'")


def _rewrite_check(before: Check, after: Check) -> None:
    """SQLite's own procedure for a changed constraint (https://sqlite.org/lang_altertable.html#otheralter).
    Rebuilding the table would delete what refers to it."""
    connection = op.get_bind()
    written = connection.scalar(sa.text("SELECT sql FROM sqlite_schema WHERE name = 'dataset'"))
    assert written is not None
    assert before.sql in written, written
    version = connection.scalar(sa.text("PRAGMA schema_version"))
    connection.execute(sa.text("PRAGMA writable_schema = ON"))
    connection.execute(
        sa.text("UPDATE sqlite_schema SET sql = :sql WHERE type = 'table' AND name = 'dataset'"),
        {"sql": written.replace(before.sql, after.sql)},
    )
    connection.execute(sa.text(f"PRAGMA schema_version = {version + 1}"))
    connection.execute(sa.text("PRAGMA writable_schema = RESET"))


def _add_author(table: str, column: str) -> None:
    op.execute(f"ALTER TABLE {table} RENAME COLUMN {column} TO {column}_name")
    op.add_column(table, sa.Column(f"{column}_id", sa.String(16), nullable=True))


def _remove_author(table: str, column: str) -> None:
    op.drop_column(table, f"{column}_id")
    op.execute(f"ALTER TABLE {table} RENAME COLUMN {column}_name TO {column}")

"""Row-level security on every table: what has no organisation of its own belongs to its parent's.

A row is visible if its parent is, so each policy asks the parent's. The question is a scalar
subquery: one look-up by primary key for each row that is read. Postgres would make a set of all
rankings of the service out of `IN` or `EXISTS`, for every statement.
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

NAMED = "current_setting('labelaudit.tenant', true)"
# Tables without an organisation, and the parents by which a row is read.
PARENTS = {
    "sample": ("dataset",),
    "correction": ("dataset",),
    "comment": ("dataset",),
    "lease": ("dataset",),
    "ranking": ("audit",),
    "audit_event": ("audit",),
    "assignment": ("audit",),
    "suspect": ("ranking",),
}
# Parents that a new row must not take from another organisation, beside those above.
CHECKED = {
    "audit": ("dataset",),
    "export": ("dataset",),
    "membership": ("dataset", "api_key"),
    "browser_session": ("api_key",),
    "upload": ("api_key",),
    "correction": ("dataset", "audit"),
    "comment": ("dataset", "audit"),
}
COLUMNS = {"api_key": "key_id"}


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, parents in PARENTS.items():
        checked = CHECKED.get(table, parents)
        _isolate(table, _all_visible(table, parents), _all_visible(table, checked))
    _isolate("tenant", f"id = {NAMED}")
    _isolate("idempotency", _visible("idempotency", "api_key"))
    subjects = (_visible("job", parent, "subject_id") for parent in ("audit", "dataset", "export"))
    _isolate("job", " OR ".join(subjects))
    for table in CHECKED.keys() - PARENTS.keys():
        op.execute(f"DROP POLICY tenant ON {table}")
        own = f"tenant_id = {NAMED}"
        _create_policy(table, own, f"{own} AND {_all_visible(table, CHECKED[table])}")


def _isolate(table: str, condition: str, check: str | None = None) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    _create_policy(table, condition, check or condition)


def _create_policy(table: str, condition: str, check: str) -> None:
    """The owner of the tables and `*`, the service itself, see every row."""
    op.execute(
        f"CREATE POLICY tenant ON {table} USING ({NAMED} = '*' OR {condition}) "
        f"WITH CHECK ({NAMED} = '*' OR ({check}))"
    )


def _all_visible(table: str, parents: tuple[str, ...]) -> str:
    return " AND ".join(_visible(table, parent) for parent in parents)


def _visible(table: str, parent: str, column: str | None = None) -> str:
    """Whether the row's parent is visible, by the parent's own policy."""
    column = column or COLUMNS.get(parent, f"{parent}_id")
    return f"(SELECT true FROM {parent} WHERE {parent}.id = {table}.{column})"


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in (*PARENTS, "tenant", "idempotency", "job"):
        op.execute(f"DROP POLICY tenant ON {table}")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    for table in CHECKED.keys() - PARENTS.keys():
        op.execute(f"DROP POLICY tenant ON {table}")
        op.execute(f"CREATE POLICY tenant ON {table} USING ({NAMED} = '*' OR tenant_id = {NAMED})")

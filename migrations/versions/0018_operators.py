"""Keys with scopes of the service belong to no organisation, and leave the datasets of theirs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

OPERATORS, DEFAULT = "operators", "default"
OF_THE_SERVICE = {"tenants", "metrics"}
KEY = sa.table(
    "api_key",
    sa.column("id", sa.String),
    sa.column("tenant_id", sa.String),
    sa.column("role", sa.String),
    sa.column("scopes", JSON),
)
SESSION = sa.table(
    "browser_session", sa.column("key_id", sa.String), sa.column("tenant_id", sa.String)
)
MEMBERSHIP = sa.table("membership", sa.column("key_id", sa.String))


def upgrade() -> None:
    connection = op.get_bind()
    keys = connection.execute(sa.select(KEY.c.id, KEY.c.role, KEY.c.scopes)).all()
    for key in keys:
        of_the_service = (
            key.role == "operator" if key.scopes is None else (OF_THE_SERVICE & set(key.scopes))
        )
        if of_the_service:
            connection.execute(sa.delete(MEMBERSHIP).where(MEMBERSHIP.c.key_id == key.id))
            _move(KEY, KEY.c.id == key.id, OPERATORS)
            _move(SESSION, SESSION.c.key_id == key.id, OPERATORS)


def downgrade() -> None:
    """Where they were is not known any more: to the organisation that every service has."""
    for table in (KEY, SESSION):
        _move(table, table.c.tenant_id == OPERATORS, DEFAULT)


def _move(table: sa.TableClause, which: sa.ColumnElement[bool], tenant_id: str) -> None:
    op.get_bind().execute(sa.update(table).where(which).values(tenant_id=tenant_id))

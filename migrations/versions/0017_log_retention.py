"""Lines of the access log go once they are old enough; nobody empties a log by TRUNCATE."""

import sqlalchemy as sa
from alembic import op

from migrations import append_only

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

LOGS = ("correction", "access_log")
DAYS = 400


def upgrade() -> None:
    retention = op.create_table(
        "log_retention",
        sa.Column("log", sa.String(length=40), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("log", name=op.f("log_retention_pk")),
    )
    op.execute(sa.insert(retention).values(log="access_log", days=DAYS))
    for table in LOGS:
        append_only.remove(table)
        append_only.install(table, expiring=table == "access_log", truncate=True)
    if op.get_bind().dialect.name == "postgresql":
        _make_function()


def _make_function() -> None:
    """The service may not delete from the log; this, which runs as the log's owner, it may call."""
    op.execute(
        f"""
        CREATE FUNCTION delete_expired_access_log() RETURNS bigint
        LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
        DECLARE deleted bigint;
        BEGIN
            DELETE FROM access_log WHERE at < {append_only.expired("access_log")};
            GET DIAGNOSTICS deleted = ROW_COUNT;
            RETURN deleted;
        END $$
        """
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION delete_expired_access_log()")
    for table in LOGS:
        append_only.remove(table)
        append_only.install(table)
    op.drop_table("log_retention")

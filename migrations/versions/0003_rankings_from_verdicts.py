"""Rankings are numbered and keep their summary; controls are told from what the queue served."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ranking", sa.Column("number", sa.Integer(), server_default="0", nullable=False))
    op.add_column("ranking", sa.Column("summary", JSON, nullable=True))
    for table in ("suspect", "correction"):
        op.add_column(
            table, sa.Column("control", sa.Boolean(), server_default=sa.false(), nullable=False)
        )


def downgrade() -> None:
    for table in ("correction", "suspect"):
        op.drop_column(table, "control")
    op.drop_column("ranking", "summary")
    op.drop_column("ranking", "number")

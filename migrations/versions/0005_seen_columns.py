"""The columns of an upload as a person sees them, kept even where the file is rejected."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("dataset", sa.Column("seen_columns", JSON, nullable=True))


def downgrade() -> None:
    op.drop_column("dataset", "seen_columns")

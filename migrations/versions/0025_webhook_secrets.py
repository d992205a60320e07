"""Webhooks keep their secret before the current one for a while."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("webhook", sa.Column("old_secret", sa.String(length=80), nullable=True))
    moment = sa.DateTime(timezone=True)
    op.add_column("webhook", sa.Column("old_secret_until", moment, nullable=True))


def downgrade() -> None:
    op.drop_column("webhook", "old_secret_until")
    op.drop_column("webhook", "old_secret")

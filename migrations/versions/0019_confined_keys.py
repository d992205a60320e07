"""API keys may be for one dataset alone."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_key", sa.Column("dataset_id", sa.String(length=40), nullable=True))
    op.create_index(op.f("api_key_dataset_id_ix"), "api_key", ["dataset_id"])


def downgrade() -> None:
    """A key that was for one dataset would be for all of them: it is revoked."""
    op.execute(
        "UPDATE api_key SET revoked_at = CURRENT_TIMESTAMP "
        "WHERE dataset_id IS NOT NULL AND revoked_at IS NULL"
    )
    op.drop_index(op.f("api_key_dataset_id_ix"), "api_key")
    op.drop_column("api_key", "dataset_id")

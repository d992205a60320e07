"""Uploads whose bytes go to a bucket, and datasets whose bytes still lie there."""

import sqlalchemy as sa
from alembic import op

from service.db.tables import BigInt

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("upload", sa.Column("part_bytes", BigInt, nullable=True))
    op.add_column("upload", sa.Column("multipart_id", sa.Text(), nullable=True))
    op.add_column(
        "dataset", sa.Column("in_bucket", sa.Boolean(), server_default=sa.false(), nullable=False)
    )


def downgrade() -> None:
    op.drop_column("dataset", "in_bucket")
    op.drop_column("upload", "multipart_id")
    op.drop_column("upload", "part_bytes")

"""Uploads that can be resumed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from service.db.tables import BigInt, UtcDateTime

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "upload",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("dataset_id", sa.String(length=40), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("filename", sa.String(length=400), nullable=False),
        sa.Column("columns", JSON, nullable=True),
        sa.Column("length", BigInt, nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("problem", JSON, nullable=True),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("completed_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("upload_pk")),
    )
    op.create_index(op.f("upload_key_id_ix"), "upload", ["key_id"])
    op.create_index(op.f("upload_expires_at_ix"), "upload", ["expires_at"])


def downgrade() -> None:
    op.drop_table("upload")

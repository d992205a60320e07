"""Issues beside wrong labels: ambiguous samples, near duplicates, outliers."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SCORES = ("ambiguous_score", "near_duplicate_score", "outlier_score")
WITH_SET = sa.text("duplicate_set IS NOT NULL")


def upgrade() -> None:
    op.add_column("suspect", sa.Column("issues", sa.Integer, server_default="0", nullable=False))
    for name in SCORES:
        op.add_column("suspect", sa.Column(name, sa.Double, nullable=True))
    op.add_column("suspect", sa.Column("duplicate_set", sa.Integer, nullable=True))
    op.create_index(
        "suspect_duplicate_ix",
        "suspect",
        ["ranking_id", "duplicate_set"],
        postgresql_where=WITH_SET,
        sqlite_where=WITH_SET,
    )


def downgrade() -> None:
    op.drop_index("suspect_duplicate_ix", "suspect")
    for name in ("duplicate_set", *reversed(SCORES), "issues"):
        op.drop_column("suspect", name)

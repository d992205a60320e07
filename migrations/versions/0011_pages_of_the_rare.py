"""Indexes for pages of a class pair and of an issue, which would walk the whole ranking."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

FLAGGED = sa.text("issues <> 0")


def upgrade() -> None:
    op.create_index(
        "suspect_flagged_ix",
        "suspect",
        ["ranking_id", "rank", "issues"],
        postgresql_where=FLAGGED,
        sqlite_where=FLAGGED,
    )
    op.create_index(
        "suspect_pair_ix", "suspect", ["ranking_id", "given_label", "predicted_label", "rank"]
    )


def downgrade() -> None:
    op.drop_index("suspect_pair_ix", "suspect")
    op.drop_index("suspect_flagged_ix", "suspect")

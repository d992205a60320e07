"""An index of the few open suspects with an issue, so that each issue is a queue of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

FLAGGED = sa.text("state = 'open' AND issues <> 0")


def upgrade() -> None:
    op.create_index(
        "suspect_issue_ix",
        "suspect",
        ["ranking_id", "tier", "rank", "issues"],
        postgresql_where=FLAGGED,
        sqlite_where=FLAGGED,
    )


def downgrade() -> None:
    op.drop_index("suspect_issue_ix", "suspect")

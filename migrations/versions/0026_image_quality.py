"""Scores of pictures: exposure, blur, information, form."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

ISSUES = (
    "dark",
    "light",
    "blurry",
    "low_information",
    "odd_aspect_ratio",
    "odd_size",
    "grayscale",
)


def upgrade() -> None:
    for name in ISSUES:
        op.add_column("suspect", sa.Column(f"{name}_score", sa.Double, nullable=True))


def downgrade() -> None:
    for name in reversed(ISSUES):
        op.drop_column("suspect", f"{name}_score")

"""Steps that train an audit's model and ask it about new samples."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NAME = "step_stepkind_ck"
BEFORE = "'ingest', 'encode', 'train', 'rank', 'export'"
AFTER = "'ingest', 'encode', 'train', 'rank', 'model', 'predict', 'export'"


def upgrade() -> None:
    _allow(AFTER)


def downgrade() -> None:
    op.execute(sa.text("DELETE FROM step WHERE kind IN ('model', 'predict')"))
    _allow(BEFORE)


def _allow(kinds: str) -> None:
    with op.batch_alter_table("step", schema=None) as batch_op:
        batch_op.drop_constraint(op.f(NAME), type_="check")
        batch_op.create_check_constraint(op.f(NAME), f"kind IN ({kinds})")

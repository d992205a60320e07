"""The network `full` is called `fine_tuned`, in what audits were asked for and in their plans."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

AUDIT = sa.table(
    "audit", sa.column("id", sa.String), sa.column("config", JSON), sa.column("plan", JSON)
)


def upgrade() -> None:
    _rename("full", "fine_tuned")


def downgrade() -> None:
    _rename("fine_tuned", "full")


def _rename(old: str, new: str) -> None:
    connection = op.get_bind()
    for row in connection.execute(sa.select(AUDIT)).all():
        if row.config.get("network") != old:  # a plan has that network only where the config has
            continue
        changed: dict[str, Any] = {"config": {**row.config, "network": new}}
        if row.plan is not None:
            shards = [_renamed(shard, old, new) for shard in row.plan["shards"]]
            changed["plan"] = {**row.plan, "shards": shards}
        connection.execute(sa.update(AUDIT).where(AUDIT.c.id == row.id).values(**changed))


def _renamed(shard: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return {**shard, "network": new} if shard["network"] == old else shard

"""Every correction carries a hash of its content and of the correction before it."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

CORRECTION = sa.table(
    "correction",
    sa.column("id", sa.String),
    sa.column("dataset_id", sa.String),
    sa.column("seq", sa.BigInteger),
    sa.column("audit_id", sa.String),
    sa.column("position", sa.BigInteger),
    sa.column("sample_id", sa.Text),
    sa.column("verdict", sa.String),
    sa.column("given_label", sa.Integer),
    sa.column("corrected_label", sa.Integer),
    sa.column("reverts", sa.String),
    sa.column("note", sa.Text),
    sa.column("annotator", sa.String),
    sa.column("key_id", sa.String),
    sa.column("created_at", sa.DateTime(timezone=True)),
    sa.column("control", sa.Boolean),
    sa.column("prev_hash", sa.String),
    sa.column("hash", sa.String),
)
CHAIN = ("prev_hash", "hash")


def upgrade() -> None:
    for name in CHAIN:
        column = sa.Column(name, sa.String(length=64), server_default="", nullable=False)
        op.add_column("correction", column)
    connection = op.get_bind()
    order = (CORRECTION.c.dataset_id, CORRECTION.c.seq)
    content = [column for column in CORRECTION.c if column.name not in CHAIN]
    dataset_id, previous = None, ""
    for row in connection.execute(sa.select(*content).order_by(*order)).mappings().all():
        if row["dataset_id"] != dataset_id:
            dataset_id, previous = row["dataset_id"], "0" * 64
        linked = _digest(dict(row), previous)
        connection.execute(
            sa.update(CORRECTION)
            .where(CORRECTION.c.id == row["id"])
            .values(prev_hash=previous, hash=linked)
        )
        previous = linked


def downgrade() -> None:
    for name in reversed(CHAIN):
        op.drop_column("correction", name)


def _digest(row: dict[str, Any], previous: str) -> str:
    """As service/review/hash_chain.py had it when this migration was written."""
    told = {name: value for name, value in row.items() if value is not None and value is not False}
    content = {name: _plain(value) for name, value in told.items()}
    text = json.dumps([previous, content], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if not isinstance(value, datetime):
        return value
    return (value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()

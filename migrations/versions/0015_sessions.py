"""Sessions of browsers are called so: `sign_in` becomes `browser_session`."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

OLD, NEW = "sign_in", "browser_session"
ID = sa.String(length=40)
MOMENT = sa.DateTime(timezone=True)
COLUMNS = (
    *("id", "token_hash", "key_id", "tenant_id", "address", "browser"),
    *("created_at", "last_used_at", "expires_at", "ended_at"),
)
CONSTRAINTS = ("pk", "key_id_fk", "token_hash_uq")
INDEXES = ("key_id", "tenant_id")


def upgrade() -> None:
    _rename(OLD, NEW)


def downgrade() -> None:
    _rename(NEW, OLD)


def _rename(old: str, new: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        _rename_on_postgres(old, new)
    else:
        _copy(old, new)


def _rename_on_postgres(old: str, new: str) -> None:
    """Keeps the rows, the policy and the grants."""
    op.rename_table(old, new)
    for name in CONSTRAINTS:
        op.execute(f"ALTER TABLE {new} RENAME CONSTRAINT {old}_{name} TO {new}_{name}")
    for column in INDEXES:
        op.execute(f"ALTER INDEX {old}_{column}_ix RENAME TO {new}_{column}_ix")


def _copy(old: str, new: str) -> None:
    """SQLite can rename a table, but not its constraints."""
    op.create_table(
        new,
        sa.Column("id", ID, nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.Column("browser", sa.String(length=200), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("last_used_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["key_id"], ["api_key.id"], name=op.f(f"{new}_key_id_fk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"{new}_pk")),
        sa.UniqueConstraint("token_hash", name=op.f(f"{new}_token_hash_uq")),
    )
    columns = ", ".join(COLUMNS)
    op.execute(f"INSERT INTO {new} ({columns}) SELECT {columns} FROM {old}")
    op.drop_table(old)
    for column in INDEXES:
        op.create_index(op.f(f"{new}_{column}_ix"), new, [column])

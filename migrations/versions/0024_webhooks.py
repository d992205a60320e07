"""Webhooks and their deliveries."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
ID = sa.String(length=40)
MOMENT = sa.DateTime(timezone=True)
NAMED = "current_setting('labelaudit.tenant', true)"
OWN = f"tenant_id = {NAMED}"
WAITING = sa.text("status = 'queued'")
EVENTS = (
    "dataset.completed",
    "dataset.failed",
    "audit.completed",
    "audit.failed",
    "export.completed",
    "export.failed",
    "queue.emptied",
    "webhook.test",
)

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhook",
        sa.Column("id", ID, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", JSON, nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("secret", sa.String(length=80), nullable=False),
        sa.Column("created_by_name", sa.String(length=200), nullable=False),
        sa.Column("created_by_id", sa.String(length=16), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("tenant_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("webhook_pk")),
    )
    op.create_index(op.f("webhook_tenant_id_ix"), "webhook", ["tenant_id"])
    op.create_table(
        "webhook_delivery",
        sa.Column("id", ID, nullable=False),
        sa.Column("webhook_id", ID, nullable=False),
        sa.Column("dataset_id", ID, nullable=True),
        sa.Column("event", _one_of("webhookevent", *EVENTS), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column(
            "status",
            _one_of("jobstatus", "queued", "running", "completed", "failed", "cancelled"),
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.Column("response_status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.Column("tenant_id", ID, nullable=False),
        *(
            sa.ForeignKeyConstraint(
                [f"{parent}_id"],
                [f"{parent}.id"],
                name=op.f(f"webhook_delivery_{parent}_id_fk"),
                ondelete="CASCADE",
            )
            for parent in ("webhook", "dataset")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("webhook_delivery_pk")),
    )
    for columns in (["tenant_id"], ["dataset_id"], ["webhook_id", "id"]):
        name = op.f(f"webhook_delivery_{'_'.join(columns)}_ix")
        op.create_index(name, "webhook_delivery", columns)
    op.create_index(
        "webhook_delivery_due_ix",
        "webhook_delivery",
        ["due_at"],
        postgresql_where=WAITING,
        sqlite_where=WAITING,
    )
    if op.get_bind().dialect.name == "postgresql":
        _isolate("webhook", OWN)
        parents = " AND ".join(
            (OWN, _visible("webhook"), f"(dataset_id IS NULL OR {_visible('dataset')})")
        )
        _isolate("webhook_delivery", parents)


def _isolate(table: str, check: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY tenant ON {table} USING ({NAMED} = '*' OR {OWN}) "
        f"WITH CHECK ({NAMED} = '*' OR ({check}))"
    )


def _visible(parent: str) -> str:
    return f"(SELECT true FROM {parent} WHERE {parent}.id = webhook_delivery.{parent}_id)"


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=20)


def downgrade() -> None:
    op.drop_table("webhook_delivery")
    op.drop_table("webhook")

"""Several opinions of one sample, leases of their own, assignments, comments, batches."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

STATE = "suspect_reviewstate_ck"
QUEUES = {
    "fresh": (["tier", "rank", "predicted_label"], "state = 'open' AND opinions = 0"),
    "fresh_class": (
        ["given_label", "tier", "rank", "predicted_label"],
        "state = 'open' AND opinions = 0",
    ),
    "begun": (["tier", "rank", "begun_by"], "state = 'open' AND opinions > 0"),
    "closed": (["state", "tier", "rank"], "state <> 'open'"),
}


def upgrade() -> None:
    _drop_index("suspect_open_ix", "state = 'open'")
    with op.batch_alter_table("suspect") as batch_op:
        batch_op.drop_constraint(op.f(STATE), type_="check")
        batch_op.create_check_constraint(
            op.f(STATE), "state IN ('open', 'skipped', 'disputed', 'decided')"
        )
        for name in ("lease_id", "lease_holder", "lease_until", "control"):
            batch_op.drop_column(name)
        batch_op.add_column(sa.Column("opinions", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("wanted", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("begun_by", sa.String(length=16), nullable=True))
        batch_op.add_column(sa.Column("full_until", sa.Double(), nullable=True))
    for name, (columns, where) in QUEUES.items():
        _create_index(f"suspect_{name}_ix", columns, where)

    op.add_column("audit", sa.Column("opinions", sa.Integer(), server_default="1", nullable=False))
    op.add_column("audit", sa.Column("adjudicators", JSON, server_default="[]", nullable=False))

    # Column by column: making the table anew would delete the reverts, which name rows of the old.
    for column in (
        sa.Column("batch_id", sa.String(length=40), nullable=True),
        sa.Column("wanted", sa.Integer(), nullable=True),
        sa.Column("adjudication", sa.Boolean(), server_default=sa.false(), nullable=False),
    ):
        op.add_column("correction", column)
    op.create_index(op.f("correction_batch_id_ix"), "correction", ["batch_id"])
    _tables()


def _tables() -> None:
    op.create_table(
        "lease",
        sa.Column("dataset_id", sa.String(length=40), nullable=False),
        sa.Column("position", BIG, autoincrement=False, nullable=False),
        sa.Column("holder", sa.String(length=16), nullable=False),
        sa.Column("holder_name", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.Column("control", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["dataset.id"], name=op.f("lease_dataset_id_fk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("dataset_id", "position", "holder", name=op.f("lease_pk")),
        sa.UniqueConstraint("id", name=op.f("lease_id_uq")),
    )
    op.create_table(
        "assignment",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("audit_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("tiers", JSON, nullable=False),
        sa.Column("given_label", sa.Integer(), nullable=True),
        sa.Column("predicted_label", sa.Integer(), nullable=True),
        sa.Column("people", JSON, nullable=False),
        sa.Column("split", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("reserved", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["audit.id"], name=op.f("assignment_audit_id_fk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("assignment_pk")),
    )
    op.create_index(op.f("assignment_audit_id_ix"), "assignment", ["audit_id"])
    op.create_table(
        "comment",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("dataset_id", sa.String(length=40), nullable=False),
        sa.Column("audit_id", sa.String(length=40), nullable=False),
        sa.Column("position", BIG, nullable=False),
        sa.Column("sample_id", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["dataset.id"], name=op.f("comment_dataset_id_fk"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["audit.id"], name=op.f("comment_audit_id_fk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("comment_pk")),
    )
    op.create_index(op.f("comment_audit_id_ix"), "comment", ["audit_id"])
    op.create_index(op.f("comment_dataset_id_position_ix"), "comment", ["dataset_id", "position"])


def downgrade() -> None:
    op.drop_table("comment")
    op.drop_table("assignment")
    op.drop_table("lease")
    op.drop_index(op.f("correction_batch_id_ix"), "correction")
    for name in ("adjudication", "wanted", "batch_id"):
        op.drop_column("correction", name)
    op.drop_column("audit", "adjudicators")
    op.drop_column("audit", "opinions")
    for name, (_, where) in QUEUES.items():
        _drop_index(f"suspect_{name}_ix", where)
    op.execute(sa.text("UPDATE suspect SET state = 'open' WHERE state = 'disputed'"))
    with op.batch_alter_table("suspect") as batch_op:
        batch_op.drop_constraint(op.f(STATE), type_="check")
        batch_op.create_check_constraint(op.f(STATE), "state IN ('open', 'skipped', 'decided')")
        for name in ("full_until", "begun_by", "wanted", "opinions"):
            batch_op.drop_column(name)
        batch_op.add_column(sa.Column("lease_id", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("lease_holder", sa.String(length=16), nullable=True))
        batch_op.add_column(sa.Column("lease_until", sa.Double(), nullable=True))
        batch_op.add_column(
            sa.Column("control", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
    _create_index("suspect_open_ix", ["rank"], "state = 'open'")


def _create_index(name: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(
        name,
        "suspect",
        ["ranking_id", *columns],
        postgresql_where=condition,
        sqlite_where=condition,
    )


def _drop_index(name: str, where: str) -> None:
    condition = sa.text(where)
    op.drop_index(name, "suspect", postgresql_where=condition, sqlite_where=condition)

"""Certificates, and the corrections that rest on one."""

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError
from sqlalchemy.dialects import postgresql

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ID = sa.String(length=40)
NAMED = "current_setting('labelaudit.tenant', true)"
CERTIFIED = sa.text("certificate_id IS NOT NULL")

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "certificate",
        sa.Column("id", ID, nullable=False),
        sa.Column("audit_id", ID, nullable=False),
        sa.Column("goal", _one_of("goal", "label_wrong", "suggestion_right"), nullable=False),
        sa.Column("level", sa.Double(), nullable=False),
        sa.Column("tiers", JSON, nullable=False),
        sa.Column("given_label", sa.Integer(), nullable=True),
        sa.Column("predicted_label", sa.Integer(), nullable=True),
        sa.Column("issue", sa.String(length=40), nullable=True),
        sa.Column("version", BIG, nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["audit.id"], name=op.f("certificate_audit_id_fk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("certificate_pk")),
    )
    op.create_index(op.f("certificate_audit_id_ix"), "certificate", ["audit_id"])
    op.add_column("correction", sa.Column("certificate_id", ID, nullable=True))
    op.create_index(
        "correction_certificate_id_ix",
        "correction",
        ["certificate_id"],
        postgresql_where=CERTIFIED,
        sqlite_where=CERTIFIED,
    )
    if op.get_bind().dialect.name == "postgresql":
        visible = "(SELECT true FROM audit WHERE audit.id = certificate.audit_id)"
        op.execute("ALTER TABLE certificate ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON certificate USING ({NAMED} = '*' OR {visible})")


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=20)


def downgrade() -> None:
    connection = op.get_bind()
    certified = sa.text("SELECT 1 FROM correction WHERE certificate_id IS NOT NULL LIMIT 1")
    if connection.execute(certified).first() is not None:
        raise CommandError(
            "Some corrections rest on a certificate, and their hashes cover it: without the column "
            "the log would look edited. Delete their datasets before a downgrade below 0022."
        )
    op.drop_index("correction_certificate_id_ix", "correction")
    op.drop_column("correction", "certificate_id")
    op.drop_table("certificate")

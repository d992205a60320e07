"""Tenants, members, sign-ins, the access log; logs that cannot be edited; row-level security.

New columns have a server default because SQLite can add no other to a table with rows; the code
always names the tenant.
"""

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError
from sqlalchemy.dialects import postgresql

from migrations import append_only

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
ID = sa.String(length=40)

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OWNED = ("dataset", "audit", "export", "upload")
# Not `sample` and `suspect`, which are written by COPY: both are reached through what is listed.
ISOLATED = (*OWNED, "api_key", "membership", "sign_in", "access_log")
ROLES_BEFORE = "'admin', 'uploader', 'annotator'"
ROLES = "'operator', 'admin', 'uploader', 'annotator', 'viewer'"


def upgrade() -> None:
    tenant = op.create_table(
        "tenant",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("tenant_pk")),
        sa.UniqueConstraint("name", name=op.f("tenant_name_uq")),
    )
    op.execute(
        sa.insert(tenant).values(
            id="default", name="default", created_at=sa.func.current_timestamp()
        )
    )
    for table in OWNED:
        op.add_column(table, sa.Column("tenant_id", ID, server_default="default", nullable=False))
        op.create_index(op.f(f"{table}_tenant_id_ix"), table, ["tenant_id"])
    op.add_column(
        "dataset", sa.Column("shared", sa.Boolean(), server_default=sa.true(), nullable=False)
    )
    _widen_api_key()
    op.create_table(
        "membership",
        sa.Column("dataset_id", ID, nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("tenant_id", ID, nullable=False),
        sa.Column("added_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["dataset.id"],
            name=op.f("membership_dataset_id_fk"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["key_id"], ["api_key.id"], name=op.f("membership_key_id_fk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("dataset_id", "key_id", name=op.f("membership_pk")),
    )
    op.create_table(
        "sign_in",
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
            ["key_id"], ["api_key.id"], name=op.f("sign_in_key_id_fk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("sign_in_pk")),
        sa.UniqueConstraint("token_hash", name=op.f("sign_in_token_hash_uq")),
    )
    for table in ("membership", "sign_in"):
        for column in ("key_id", "tenant_id"):
            op.create_index(op.f(f"{table}_{column}_ix"), table, [column])
    op.create_table(
        "access_log",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("tenant_id", ID, nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum(
                "done",
                "refused",
                name="outcome",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("key_id", sa.String(length=16), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("subject", sa.String(length=200), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("detail", JSON, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("access_log_pk")),
    )
    op.create_index(op.f("access_log_tenant_id_id_ix"), "access_log", ["tenant_id", "id"])
    for table in ("correction", "access_log"):
        append_only.install(table)
    if op.get_bind().dialect.name == "postgresql":
        for table in ISOLATED:
            _isolate(table)


def _widen_api_key() -> None:
    with op.batch_alter_table("api_key") as batch_op:
        batch_op.alter_column("secret_hash", existing_type=sa.String(length=64), nullable=True)
        batch_op.add_column(sa.Column("tenant_id", ID, server_default="default", nullable=False))
        batch_op.add_column(sa.Column("scopes", JSON, nullable=True))
        batch_op.add_column(sa.Column("issuer", sa.String(length=400), nullable=True))
        batch_op.add_column(sa.Column("subject", sa.String(length=400), nullable=True))
        batch_op.add_column(sa.Column("email", sa.String(length=320), nullable=True))
        batch_op.add_column(sa.Column("last_used_at", MOMENT, nullable=True))
        batch_op.create_unique_constraint(op.f("api_key_issuer_subject_uq"), ["issuer", "subject"])
        batch_op.drop_constraint(op.f("api_key_role_ck"), type_="check")
        batch_op.create_check_constraint(op.f("api_key_role_ck"), f"role IN ({ROLES})")
        batch_op.create_index(op.f("api_key_tenant_id_ix"), ["tenant_id"])


def _isolate(table: str) -> None:
    """The owner of the tables and `*`, the service itself, see every row; who names no tenant sees
    none."""
    named = "current_setting('labelaudit.tenant', true)"
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY tenant ON {table} USING ({named} = '*' OR tenant_id = {named})")


def downgrade() -> None:
    _refuse_to_merge_organisations()
    if op.get_bind().dialect.name == "postgresql":
        for table in ISOLATED:
            op.execute(f"DROP POLICY tenant ON {table}")
            op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    for table in ("correction", "access_log"):
        append_only.remove(table)
    for table in ("access_log", "sign_in", "membership"):
        op.drop_table(table)
    op.execute(
        sa.text("DELETE FROM api_key WHERE secret_hash IS NULL OR role IN ('operator', 'viewer')")
    )
    with op.batch_alter_table("api_key") as batch_op:
        batch_op.drop_index(op.f("api_key_tenant_id_ix"))
        batch_op.drop_constraint(op.f("api_key_role_ck"), type_="check")
        batch_op.create_check_constraint(op.f("api_key_role_ck"), f"role IN ({ROLES_BEFORE})")
        batch_op.drop_constraint(op.f("api_key_issuer_subject_uq"), type_="unique")
        for column in ("last_used_at", "email", "subject", "issuer", "scopes", "tenant_id"):
            batch_op.drop_column(column)
        batch_op.alter_column("secret_hash", existing_type=sa.String(length=64), nullable=False)
    op.drop_column("dataset", "shared")
    for table in OWNED:
        op.drop_index(op.f(f"{table}_tenant_id_ix"), table)
        op.drop_column(table, "tenant_id")
    op.drop_table("tenant")


def _refuse_to_merge_organisations() -> None:
    """Before this revision, everybody sees everything."""
    others = (
        op.get_bind()
        .execute(sa.text("SELECT name FROM tenant WHERE id <> 'default' ORDER BY name"))
        .scalars()
        .all()
    )
    if others:
        raise CommandError(
            "A downgrade below revision 0007 would show the data of all organisations to each "
            f"other. Delete these first: {', '.join(others)}."
        )

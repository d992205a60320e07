"""The first tables.

A migration must not break the version of the code that runs while it is applied: add first, remove
in a later release.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=20)


revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("role", one_of("role", "admin", "uploader", "annotator"), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("api_key_pk")),
    )
    op.create_table(
        "dataset",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("filename", sa.String(length=400), nullable=False),
        sa.Column(
            "status", one_of("datasetstatus", "processing", "ready", "rejected"), nullable=False
        ),
        sa.Column(
            "kind",
            one_of("kind", "image", "text", "table", "vector", "probabilities"),
            nullable=True,
        ),
        sa.Column("format", sa.String(length=40), nullable=True),
        sa.Column("bytes", BIG, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("version", BIG, nullable=False),
        sa.Column("sample_count", BIG, nullable=False),
        sa.Column("labeled_count", BIG, nullable=False),
        sa.Column("class_names", JSON, nullable=False),
        sa.Column("requested_columns", JSON, nullable=True),
        sa.Column("columns", JSON, nullable=True),
        sa.Column("warnings", JSON, nullable=False),
        sa.Column("problem", JSON, nullable=True),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("dataset_pk")),
    )
    op.create_table(
        "idempotency",
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("body", JSON, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("key_id", "key", name=op.f("idempotency_pk")),
    )
    op.create_table(
        "step",
        sa.Column("subject_id", sa.String(length=40), nullable=False),
        sa.Column(
            "kind",
            one_of("stepkind", "ingest", "encode", "train", "rank", "export"),
            nullable=False,
        ),
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("queue", sa.String(length=20), nullable=False),
        sa.Column(
            "state",
            one_of("stepstate", "ready", "running", "done", "failed", "cancelled"),
            nullable=False,
        ),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("fence", BIG, nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=True),
        sa.Column("lease_until", sa.Double(), nullable=True),
        sa.Column("ready_at", sa.Double(), nullable=False),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("problem", JSON, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("subject_id", "kind", "shard", name=op.f("step_pk")),
    )
    with op.batch_alter_table("step", schema=None) as batch_op:
        batch_op.create_index(
            "step_unfinished_ix",
            ["queue", "created_at"],
            unique=False,
            postgresql_where=sa.text("state IN ('ready', 'running')"),
            sqlite_where=sa.text("state IN ('ready', 'running')"),
        )

    op.create_table(
        "audit",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("dataset_id", sa.String(length=40), nullable=False),
        sa.Column("dataset_version", BIG, nullable=False),
        sa.Column(
            "status",
            one_of("jobstatus", "queued", "running", "completed", "failed", "cancelled"),
            nullable=False,
        ),
        sa.Column("config", JSON, nullable=False),
        sa.Column("plan", JSON, nullable=True),
        sa.Column("remaining", sa.Integer(), nullable=False),
        sa.Column("last_event", BIG, nullable=False),
        sa.Column("summary", JSON, nullable=True),
        sa.Column("problem", JSON, nullable=True),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["dataset.id"], name=op.f("audit_dataset_id_fk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("audit_pk")),
    )
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("audit_dataset_id_id_ix"), ["dataset_id", "id"], unique=False
        )

    op.create_table(
        "export",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("dataset_id", sa.String(length=40), nullable=False),
        sa.Column("dataset_version", BIG, nullable=False),
        sa.Column("format", sa.String(length=20), nullable=False),
        sa.Column(
            "status",
            one_of("jobstatus", "queued", "running", "completed", "failed", "cancelled"),
            nullable=False,
        ),
        sa.Column("filename", sa.String(length=400), nullable=True),
        sa.Column("bytes", BIG, nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("problem", JSON, nullable=True),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["dataset.id"], name=op.f("export_dataset_id_fk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("export_pk")),
    )
    op.create_table(
        "sample",
        sa.Column("dataset_id", sa.String(length=40), nullable=False),
        sa.Column("position", BIG, autoincrement=False, nullable=False),
        sa.Column("sample_id", sa.Text(), nullable=False),
        sa.Column("given_label", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["dataset.id"], name=op.f("sample_dataset_id_fk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("dataset_id", "position", name=op.f("sample_pk")),
        sa.UniqueConstraint("dataset_id", "sample_id", name=op.f("sample_dataset_id_sample_id_uq")),
    )
    op.create_table(
        "audit_event",
        sa.Column("audit_id", sa.String(length=40), nullable=False),
        sa.Column("seq", BIG, autoincrement=False, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("data", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["audit.id"], name=op.f("audit_event_audit_id_fk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("audit_id", "seq", name=op.f("audit_event_pk")),
    )
    op.create_table(
        "correction",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("dataset_id", sa.String(length=40), nullable=False),
        sa.Column("seq", BIG, nullable=False),
        sa.Column("audit_id", sa.String(length=40), nullable=False),
        sa.Column("position", BIG, nullable=False),
        sa.Column("sample_id", sa.Text(), nullable=False),
        sa.Column(
            "verdict",
            one_of("verdict", "keep", "accept_suggestion", "relabel", "exclude", "skip"),
            nullable=True,
        ),
        sa.Column("given_label", sa.Integer(), nullable=False),
        sa.Column("corrected_label", sa.Integer(), nullable=True),
        sa.Column("reverts", sa.String(length=40), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("annotator", sa.String(length=200), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["audit.id"], name=op.f("correction_audit_id_fk"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["dataset.id"],
            name=op.f("correction_dataset_id_fk"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["reverts"], ["correction.id"], name=op.f("correction_reverts_fk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("correction_pk")),
        sa.UniqueConstraint("dataset_id", "seq", name=op.f("correction_dataset_id_seq_uq")),
        sa.UniqueConstraint("reverts", name=op.f("correction_reverts_uq")),
    )
    with op.batch_alter_table("correction", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("correction_audit_id_seq_ix"), ["audit_id", "seq"], unique=False
        )
        batch_op.create_index(
            batch_op.f("correction_dataset_id_position_ix"),
            ["dataset_id", "position"],
            unique=False,
        )

    op.create_table(
        "ranking",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("audit_id", sa.String(length=40), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["audit.id"], name=op.f("ranking_audit_id_fk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("ranking_pk")),
    )
    with op.batch_alter_table("ranking", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ranking_audit_id_ix"), ["audit_id"], unique=False)

    op.create_table(
        "suspect",
        sa.Column("ranking_id", sa.String(length=40), nullable=False),
        sa.Column("rank", BIG, autoincrement=False, nullable=False),
        sa.Column("position", BIG, nullable=False),
        sa.Column("sample_id", sa.Text(), nullable=False),
        sa.Column("given_label", sa.Integer(), nullable=False),
        sa.Column("predicted_label", sa.Integer(), nullable=False),
        sa.Column("suggested_label", sa.Integer(), nullable=True),
        sa.Column("suggested_label_confidence", sa.Double(), nullable=True),
        sa.Column("p_wrong", sa.Double(), nullable=False),
        sa.Column("p_wrong_low", sa.Double(), nullable=False),
        sa.Column("p_wrong_high", sa.Double(), nullable=False),
        sa.Column("tier", one_of("tier", "obvious", "possible", "none"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "state",
            one_of("reviewstate", "open", "skipped", "decided"),
            server_default="open",
            nullable=False,
        ),
        sa.Column("lease_id", sa.String(length=40), nullable=True),
        sa.Column("lease_holder", sa.String(length=16), nullable=True),
        sa.Column("lease_until", sa.Double(), nullable=True),
        sa.CheckConstraint(
            "p_wrong_low <= p_wrong AND p_wrong <= p_wrong_high", name=op.f("suspect_band_ck")
        ),
        sa.ForeignKeyConstraint(
            ["ranking_id"], ["ranking.id"], name=op.f("suspect_ranking_id_fk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("ranking_id", "rank", name=op.f("suspect_pk")),
        sa.UniqueConstraint(
            "ranking_id", "sample_id", name=op.f("suspect_ranking_id_sample_id_uq")
        ),
    )
    with op.batch_alter_table("suspect", schema=None) as batch_op:
        batch_op.create_index(
            "suspect_open_ix",
            ["ranking_id", "rank"],
            unique=False,
            postgresql_where=sa.text("state = 'open'"),
            sqlite_where=sa.text("state = 'open'"),
        )


def downgrade() -> None:
    with op.batch_alter_table("suspect", schema=None) as batch_op:
        batch_op.drop_index(
            "suspect_open_ix",
            postgresql_where=sa.text("state = 'open'"),
            sqlite_where=sa.text("state = 'open'"),
        )

    op.drop_table("suspect")
    with op.batch_alter_table("ranking", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ranking_audit_id_ix"))

    op.drop_table("ranking")
    with op.batch_alter_table("correction", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("correction_dataset_id_position_ix"))
        batch_op.drop_index(batch_op.f("correction_audit_id_seq_ix"))

    op.drop_table("correction")
    op.drop_table("audit_event")
    op.drop_table("sample")
    op.drop_table("export")
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("audit_dataset_id_id_ix"))

    op.drop_table("audit")
    with op.batch_alter_table("step", schema=None) as batch_op:
        batch_op.drop_index(
            "step_unfinished_ix",
            postgresql_where=sa.text("state IN ('ready', 'running')"),
            sqlite_where=sa.text("state IN ('ready', 'running')"),
        )

    op.drop_table("step")
    op.drop_table("idempotency")
    op.drop_table("dataset")
    op.drop_table("api_key")

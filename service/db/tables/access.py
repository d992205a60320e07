"""Tenants, API keys, members, sessions, the access log, idempotency keys."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from labelaudit.enums import AccessOutcome, Role, TenantStatus
from service.db.tables.base import (
    BigInt,
    Model,
    TenantOwned,
    new_id,
    now,
    one_of,
)


class Tenant(Model):
    """An organisation. Its data is invisible to other organisations."""

    __tablename__ = "tenant"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    suspended_at: Mapped[datetime | None]  # since then its keys are refused and no job starts

    @property
    def status(self) -> TenantStatus:
        return TenantStatus.active if self.suspended_at is None else TenantStatus.suspended


class ApiKey(TenantOwned, Model):
    """Who may call. With a secret, of which only a hash is kept, it is an API key; without one it
    is a person who signs in by OIDC, identified by `issuer` and `subject`."""

    __tablename__ = "api_key"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[Role] = mapped_column(one_of(Role))
    scopes: Mapped[list[str] | None]  # null: what the role may do
    # The only dataset that the key sees. Not a foreign key: SQLite cannot add one to this table.
    dataset_id: Mapped[str | None] = mapped_column(String(40), index=True)
    secret_hash: Mapped[str | None] = mapped_column(String(64))
    issuer: Mapped[str | None] = mapped_column(String(400))
    subject: Mapped[str | None] = mapped_column(String(400))
    email: Mapped[str | None] = mapped_column(String(320))
    created_at: Mapped[datetime] = mapped_column(default=now)
    last_used_at: Mapped[datetime | None]  # written in batches, so up to half a minute late
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (UniqueConstraint("issuer", "subject"),)


class Membership(TenantOwned, Model):
    """Gives a person access to a dataset that their role alone would not show."""

    __tablename__ = "membership"

    dataset_id: Mapped[str] = mapped_column(
        ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True
    )
    key_id: Mapped[str] = mapped_column(
        ForeignKey("api_key.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    added_by_name: Mapped[str] = mapped_column(String(200))
    added_by_id: Mapped[str | None] = mapped_column(String(16))  # null in rows older than it
    created_at: Mapped[datetime] = mapped_column(default=now)


class BrowserSession(TenantOwned, Model):
    """A signed-in browser. Only a hash of its cookie is stored."""

    __tablename__ = "browser_session"

    id: Mapped[str] = mapped_column(String(40), primary_key=True, default=lambda: new_id("se"))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("api_key.id", ondelete="CASCADE"), index=True)
    address: Mapped[str | None] = mapped_column(String(64))
    browser: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(default=now)
    last_used_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class AccessEntry(Model):
    """One line of the access log. Append-only; `tenant_id` is null if authentication failed."""

    __tablename__ = "access_log"

    id: Mapped[int] = mapped_column(BigInt, primary_key=True, autoincrement=True)
    tenant_id: Mapped[str | None] = mapped_column(String(40))
    at: Mapped[datetime] = mapped_column(default=now)
    action: Mapped[str] = mapped_column(String(40))
    outcome: Mapped[AccessOutcome] = mapped_column(one_of(AccessOutcome))
    key_id: Mapped[str | None] = mapped_column(String(16))
    name: Mapped[str | None] = mapped_column(String(200))
    subject: Mapped[str | None] = mapped_column(String(200))  # the object acted upon
    address: Mapped[str | None] = mapped_column(String(64))
    request_id: Mapped[str | None] = mapped_column(String(64))
    detail: Mapped[dict[str, Any] | None]

    __table_args__ = (Index(None, "tenant_id", "id"),)


class LogRetention(Model):
    """For how many days the lines of a log are kept; 0: for ever. The triggers of the logs heed it,
    and the service may only read it: `labelaudit migrate` writes it."""

    __tablename__ = "log_retention"

    log: Mapped[str] = mapped_column(String(40), primary_key=True)
    days: Mapped[int]


class Idempotency(Model):
    """The stored response to a request, in case it is repeated with the same key."""

    __tablename__ = "idempotency"

    key_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    body: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(default=now)

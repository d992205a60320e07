"""Who may call, and what was answered to them."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    String,
)
from sqlalchemy.orm import Mapped, mapped_column

from service.models.base import Model, now, one_of
from service.models.enums import (
    Role,
)


class ApiKey(Model):
    """Who may call. Only a hash of the secret is kept."""

    __tablename__ = "api_key"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[Role] = mapped_column(one_of(Role))
    secret_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Idempotency(Model):
    """The answer already given to a request that is sent again with the same key."""

    __tablename__ = "idempotency"

    key_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    body: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(default=now)

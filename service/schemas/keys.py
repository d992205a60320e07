"""API keys."""

from datetime import datetime

from pydantic import Field

from service.models import (
    Role,
)
from service.schemas.base import Moment, Request, Schema, Words


class KeyCreate(Request):
    name: Words = Field(min_length=1, max_length=200)
    role: Role = Role.annotator
    expires_at: Moment | None = None


class KeyRead(Schema):
    id: str
    name: str
    role: Role
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class KeyCreated(KeyRead):
    token: str = Field(description="Shown only now.")


class Me(Schema):
    name: str
    role: Role

"""Who may call: keys, sign-ins, members of datasets, organisations, and the log of it all."""

from datetime import datetime
from typing import Any

from pydantic import Field

from labelaudit.enums import AccessOutcome, Role, Scope, TenantStatus
from labelaudit.schemas.base import (
    Moment,
    Page,
    Person,
    PersonWithRole,
    Request,
    Schema,
    Words,
)


class KeyCreate(Request):
    name: Words = Field(min_length=1, max_length=200)
    role: Role = Role.annotator
    scopes: list[Scope] | None = Field(
        default=None, max_length=20, description="Instead of what the role may do."
    )
    dataset_id: Words | None = Field(
        default=None,
        max_length=40,
        description="The only dataset that the key can access; without the scopes `admin`, "
        "`tenants` and `metrics`.",
    )
    expires_at: Moment | None = Field(
        default=None,
        description="Null: never. If omitted: the service's default, usually a year.",
    )


class KeyRotate(Request):
    expires_at: Moment | None = Field(
        default=None, description="Null: never. If omitted: unchanged."
    )


class KeyRead(Schema):
    id: str
    name: str
    role: Role
    scopes: list[str] | None = Field(description="Null: what the role may do.")
    dataset_id: str | None = Field(description="The only dataset that the key can access, if any.")
    email: str | None
    issuer: str | None = Field(description="A person's identity provider; null for an API key.")
    created_at: datetime
    last_used_at: datetime | None = Field(description="Up to half a minute late.")
    expires_at: datetime | None
    revoked_at: datetime | None


class KeyCreated(KeyRead):
    token: str = Field(description="Shown only now.")


class Me(PersonWithRole):
    scopes: list[Scope]
    email: str | None
    tenant_id: str
    dataset_id: str | None
    expires_at: datetime | None


class SessionRead(Schema):
    id: str
    owner: Person
    address: str | None
    browser: str | None
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    current: bool = Field(description="Whether it is the session of this request.")


class SignInOptions(Schema):
    signed_in: bool = Field(description="Whether the request has a session cookie.")
    oidc_title: str | None = Field(
        description="Label of the button for single sign-on; null if OIDC is not configured."
    )


class SignInAddress(Schema):
    address: str = Field(description="Where to send the browser.")


class SignInAnswer(Request):
    """The parameters with which the provider sent the browser back to `/sign-in`."""

    code: str = Field(min_length=1, max_length=4096)
    state: str = Field(min_length=1, max_length=200)


class MembersUpdate(Request):
    shared: bool = Field(description="Whether everybody of the organisation sees the dataset.")


class MemberRead(PersonWithRole):
    added_by: Person
    created_at: datetime


class MemberPage(Page[MemberRead]):
    shared: bool = Field(description="Everybody of the organisation sees the dataset.")


class TenantCreate(Request):
    name: Words = Field(min_length=1, max_length=200)
    admin: Words = Field(
        default="admin", min_length=1, max_length=200, description="The first admin's name."
    )


class TenantUpdate(Request):
    status: TenantStatus = Field(
        description="While it is `suspended`, its keys and sessions are refused, and its jobs wait."
    )


class TenantRead(Schema):
    id: str
    name: str
    status: TenantStatus
    created_at: datetime


class TenantCreated(TenantRead):
    token: str = Field(description="Of the first admin; shown only now.")


class AccessEntryRead(Schema):
    id: int
    at: datetime
    action: str
    outcome: AccessOutcome
    by: Person | None = Field(description="Null if authentication failed.")
    subject: str | None = Field(description="The object of the action.")
    address: str | None
    request_id: str | None
    detail: dict[str, Any] | None

"""The client's calls about API keys, browser sessions, dataset members and organisations."""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from labelaudit.client.paths import dataset_path, segment
from labelaudit.client.transport import Transport
from labelaudit.enums import Role, TenantStatus
from labelaudit.schemas import (
    AccessEntryRead,
    KeyCreated,
    KeyRead,
    Me,
    MemberRead,
    PersonWithRole,
    SessionRead,
    TenantCreated,
    TenantRead,
)

Expiry = datetime | Literal["never"] | None


class AccountsMixin:
    """The part of `Client` that manages who may do what."""

    _transport: Transport

    def me(self) -> Me:
        """The caller: the key that this client uses, its role and its scopes."""
        return Me.model_validate(self._transport.get("/v1/me"))

    def keys(self) -> list[KeyRead]:
        return self._transport.all("/v1/keys", KeyRead)

    def key(self, key_id: str) -> KeyRead:
        return KeyRead.model_validate(self._transport.get(_key(key_id)))

    def create_key(
        self,
        name: str,
        role: Role | str = Role.annotator,
        *,
        dataset_id: str | None = None,
        expires_at: Expiry = None,
    ) -> KeyCreated:
        """Create a key, for one dataset alone if it is given. Its token appears only in this
        answer. Without `expires_at` it expires as the service is set up, usually after a year."""
        body = {"name": name, "role": str(role), "dataset_id": dataset_id, **_expiry(expires_at)}
        answer = self._transport.request("POST", "/v1/keys", json=body)
        return KeyCreated.model_validate(answer.json())

    def rotate_key(self, key_id: str, *, expires_at: Expiry = None) -> KeyCreated:
        """Replace a key's token. The new one appears only in this answer; the old one is invalid
        immediately. Without `expires_at` the key expires when it did before."""
        answer = self._transport.request("POST", f"{_key(key_id)}/rotate", json=_expiry(expires_at))
        return KeyCreated.model_validate(answer.json())

    def revoke_key(self, key_id: str) -> None:
        self._transport.request("DELETE", _key(key_id))

    def access_log(
        self,
        *,
        since: datetime | None = None,
        service: bool = False,
        limit: int | None = None,
    ) -> Iterator[AccessEntryRead]:
        """Who did what, newest first. With `service`, what belongs to no organization, such as
        failed sign-ins; this needs an operator's key."""
        path = "/v1/access-log/service" if service else "/v1/access-log"
        told = since.isoformat() if since else None
        for item in self._transport.pages(path, limit=limit, page=1000, since=told):
            yield AccessEntryRead.model_validate(item)

    def members(self, dataset_id: str) -> list[MemberRead]:
        """The members of a dataset. Roles that see every dataset are not listed."""
        return self._transport.all(_members(dataset_id), MemberRead)

    def candidates(self, dataset_id: str) -> list[PersonWithRole]:
        """Who could be added to a dataset's members."""
        return self._transport.all(f"{dataset_path(dataset_id)}/member-candidates", PersonWithRole)

    def share(self, dataset_id: str, *, shared: bool = True) -> None:
        """Share a dataset with the whole organisation, or with its members only."""
        self._transport.request("PATCH", _members(dataset_id), json={"shared": shared})

    def add_member(self, dataset_id: str, key_id: str) -> MemberRead:
        """Let a key see a dataset, and review it as far as its role allows."""
        answer = self._transport.request("PUT", f"{_members(dataset_id)}/{segment(key_id)}")
        return MemberRead.model_validate(answer.json())

    def remove_member(self, dataset_id: str, key_id: str) -> None:
        """Revoke a member's access to a dataset. Their decisions are kept."""
        self._transport.request("DELETE", f"{_members(dataset_id)}/{segment(key_id)}")

    def sessions(self) -> list[SessionRead]:
        """Your signed-in browsers; an admin sees those of the whole organisation."""
        return self._transport.all("/v1/sessions", SessionRead)

    def end_session(self, session_id: str) -> None:
        """Sign a browser out. Its next request is refused."""
        self._transport.request("DELETE", f"/v1/sessions/{segment(session_id)}")

    def tenants(self) -> list[TenantRead]:
        """Every organisation, oldest first. Needs an operator's key."""
        return self._transport.all("/v1/tenants", TenantRead)

    def create_tenant(self, name: str, *, admin: str = "admin") -> TenantCreated:
        """Create an organisation. Its first admin's token appears only in this answer."""
        body = {"name": name, "admin": admin}
        answer = self._transport.request("POST", "/v1/tenants", json=body)
        return TenantCreated.model_validate(answer.json())

    def suspend_tenant(self, tenant_id: str) -> TenantRead:
        """Refuse an organisation's keys and sessions, and let its jobs wait. Nothing is deleted."""
        return self._set_tenant_status(tenant_id, TenantStatus.suspended)

    def resume_tenant(self, tenant_id: str) -> TenantRead:
        """End an organisation's suspension."""
        return self._set_tenant_status(tenant_id, TenantStatus.active)

    def _set_tenant_status(self, tenant_id: str, status: TenantStatus) -> TenantRead:
        answer = self._transport.request("PATCH", _tenant(tenant_id), json={"status": status})
        return TenantRead.model_validate(answer.json())

    def delete_tenant(self, tenant_id: str) -> None:
        """Delete a suspended organisation with its datasets and keys. This cannot be undone."""
        self._transport.request("DELETE", _tenant(tenant_id))


def _expiry(expires_at: Expiry) -> dict[str, str | None]:
    """Left out, or null for never."""
    if expires_at is None:
        return {}
    return {"expires_at": None if expires_at == "never" else expires_at.isoformat()}


def _key(key_id: str) -> str:
    return f"/v1/keys/{segment(key_id)}"


def _tenant(tenant_id: str) -> str:
    return f"/v1/tenants/{segment(tenant_id)}"


def _members(dataset_id: str) -> str:
    return f"{dataset_path(dataset_id)}/members"

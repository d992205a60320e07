"""The client's calls about people: members of datasets, browsers signed in, organisations."""

from urllib.parse import quote

from labelaudit.client.transport import Transport
from labelaudit.schemas import (
    MemberRead,
    MembersRead,
    SessionRead,
    TenantCreated,
    TenantRead,
)


class People:
    """What `Client` can do about people."""

    _transport: Transport

    def members(self, dataset_id: str) -> MembersRead:
        """Who may see a dataset beside those whose role sees them all, and who could be added."""
        return MembersRead.model_validate(self._transport.get(_members(dataset_id)))

    def share(self, dataset_id: str, *, shared: bool = True) -> MembersRead:
        """Share a dataset with everybody of the organisation, or with its members alone."""
        answer = self._transport.request("PATCH", _members(dataset_id), json={"shared": shared})
        return MembersRead.model_validate(answer.json())

    def add_member(self, dataset_id: str, key_id: str) -> MemberRead:
        """Let somebody see a dataset, and review it as far as their role goes."""
        answer = self._transport.request("PUT", f"{_members(dataset_id)}/{quote(key_id, safe='')}")
        return MemberRead.model_validate(answer.json())

    def remove_member(self, dataset_id: str, key_id: str) -> None:
        """Take a dataset out of somebody's sight; what they decided stays."""
        self._transport.request("DELETE", f"{_members(dataset_id)}/{quote(key_id, safe='')}")

    def sessions(self) -> list[SessionRead]:
        """Browsers that are signed in: one's own, an admin's those of the whole organisation."""
        return [SessionRead.model_validate(item) for item in self._transport.get("/v1/sessions")]

    def end_session(self, session_id: str) -> None:
        """Sign a browser out; it is refused from the next request on."""
        self._transport.request("DELETE", f"/v1/sessions/{quote(session_id, safe='')}")

    def tenants(self) -> list[TenantRead]:
        """Every organisation, oldest first; for operators."""
        return [TenantRead.model_validate(item) for item in self._transport.get("/v1/tenants")]

    def create_tenant(self, name: str, *, admin: str = "admin") -> TenantCreated:
        """Make an organisation; its first admin's token is shown only in this answer."""
        body = {"name": name, "admin": admin}
        answer = self._transport.request("POST", "/v1/tenants", json=body)
        return TenantCreated.model_validate(answer.json())


def _members(dataset_id: str) -> str:
    return f"/v1/datasets/{quote(dataset_id, safe='')}/members"

"""/v1/datasets/{id}/members: who may see a dataset."""

from typing import Any

from labelaudit.schemas import MemberPage, MemberRead, MembersUpdate, Page, PersonWithRole
from service.api.dependencies import ReadSession, Uploader, WriteSession
from service.api.document import documented
from service.api.pages import Cursor, Limit, slice_of
from service.api.routing import TransactionRouter
from service.datasets import members
from service.datasets import records as datasets
from service.db.tables import ApiKey, Membership

router = TransactionRouter(
    prefix="/v1/datasets/{dataset_id}", tags=["members"], responses=documented()
)


@router.get("/members", response_model=MemberPage)
def list_members(
    session: ReadSession,
    caller: Uploader,
    dataset_id: str,
    cursor: Cursor = None,
    limit: Limit = 200,
) -> dict[str, Any]:
    """List who has access to the dataset, by name, besides people whose role gives access to all
    datasets."""
    return _members(session, dataset_id, cursor, limit)


@router.get("/member-candidates", response_model=Page[PersonWithRole])
def list_candidates(
    session: ReadSession,
    caller: Uploader,
    dataset_id: str,
    cursor: Cursor = None,
    limit: Limit = 200,
) -> dict[str, Any]:
    """List the people of the organisation who could be added, by name."""
    others = members.list_others(session, dataset_id)
    shown = [{"id": one.key_id, "name": one.name, "role": one.role} for one in others]
    return slice_of(shown, cursor, limit)


@router.patch("/members", response_model=MemberPage)
def update_members(
    session: WriteSession, caller: Uploader, dataset_id: str, wanted: MembersUpdate
) -> dict[str, Any]:
    """Share the dataset with the whole organisation, or only with its members."""
    members.share(session, dataset_id, wanted.shared)
    return _members(session, dataset_id, None, 200)


@router.put("/members/{key_id}", response_model=MemberRead)
def add_member(
    session: WriteSession, caller: Uploader, dataset_id: str, key_id: str
) -> dict[str, Any]:
    """Give somebody of the organisation access; their role decides what they may do."""
    return _member(*members.add_member(session, dataset_id, key_id, principal=caller))


@router.delete("/members/{key_id}", status_code=204)
def remove_member(session: WriteSession, caller: Uploader, dataset_id: str, key_id: str) -> None:
    """Revoke a member's access. Their decisions are kept."""
    members.remove_member(session, dataset_id, key_id)


def _members(
    session: ReadSession, dataset_id: str, cursor: str | None, limit: int
) -> dict[str, Any]:
    found = [_member(*row) for row in members.list_members(session, dataset_id)]
    shared = datasets.get_dataset(session, dataset_id).shared
    return {"shared": shared, **slice_of(found, cursor, limit)}


def _member(member: Membership, key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "role": key.role,
        "added_by": {"id": member.added_by_id, "name": member.added_by_name},
        "created_at": member.created_at,
    }

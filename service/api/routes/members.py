"""/v1/datasets/{id}/members: who may see a dataset."""

from typing import Any

from labelaudit.schemas import MemberRead, MembersRead, MembersUpdate
from service.api.dependencies import ReadSession, Uploader, WriteSession
from service.api.problems import documented
from service.api.routing import TransactionRouter
from service.datasets import members
from service.datasets import records as datasets
from service.db.tables import ApiKey, Membership

router = TransactionRouter(
    prefix="/v1/datasets/{dataset_id}/members", tags=["members"], responses=documented()
)


@router.get("", response_model=MembersRead)
def list_members(session: ReadSession, caller: Uploader, dataset_id: str) -> dict[str, Any]:
    """Who has access to the dataset, besides people whose role gives access to all datasets."""
    return _members(session, dataset_id)


@router.patch("", response_model=MembersRead)
def update_members(
    session: WriteSession, caller: Uploader, dataset_id: str, wanted: MembersUpdate
) -> dict[str, Any]:
    """Share the dataset with the whole organisation, or only with its members."""
    members.share(session, dataset_id, wanted.shared)
    return _members(session, dataset_id)


@router.put("/{key_id}", response_model=MemberRead)
def add_member(
    session: WriteSession, caller: Uploader, dataset_id: str, key_id: str
) -> dict[str, Any]:
    """Give somebody of the organisation access; their role decides what they may do."""
    return _member(*members.add_member(session, dataset_id, key_id, principal=caller))


@router.delete("/{key_id}", status_code=204)
def remove_member(session: WriteSession, caller: Uploader, dataset_id: str, key_id: str) -> None:
    """Revoke a member's access. Their decisions are kept."""
    members.remove_member(session, dataset_id, key_id)


def _members(session: ReadSession, dataset_id: str) -> dict[str, Any]:
    return {
        "shared": datasets.get_dataset(session, dataset_id).shared,
        "members": [_member(*row) for row in members.list_members(session, dataset_id)],
        "others": members.list_others(session, dataset_id),
    }


def _member(member: Membership, key: ApiKey) -> dict[str, Any]:
    return {**key.to_dict(), **member.to_dict(), "key_id": key.id}

"""Who may see a dataset: the whole organisation, or individual members."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelaudit.enums import Scope
from service.accounts import access_log
from service.accounts.api_keys import get_key
from service.accounts.principals import is_valid, principal_of
from service.core.principal import Principal
from service.datasets.records import get_dataset
from service.db.tables import ApiKey, Membership


def list_members(session: Session, dataset_id: str) -> Sequence[tuple[Membership, ApiKey]]:
    """Members by name. People who see every dataset of the tenant are not members."""
    get_dataset(session, dataset_id)
    rows = session.execute(
        select(Membership, ApiKey)
        .join(ApiKey, ApiKey.id == Membership.key_id)
        .where(Membership.dataset_id == dataset_id)
        .order_by(ApiKey.name, ApiKey.id)
    )
    return [(member, key) for member, key in rows]


def list_others(session: Session, dataset_id: str) -> list[Principal]:
    """People of the organisation who could be added as members."""
    members = {key.id for _, key in list_members(session, dataset_id)}
    keys = session.scalars(select(ApiKey).order_by(ApiKey.name, ApiKey.id))
    people = [principal_of(key) for key in keys if is_valid(key) and key.id not in members]
    return [
        one
        for one in people
        if one.may(Scope.review_read) and not one.sees_all and one.dataset_id is None
    ]


def add_member(
    session: Session, dataset_id: str, key_id: str, *, principal: Principal
) -> tuple[Membership, ApiKey]:
    """Give somebody access to the dataset. Adding a member twice changes nothing."""
    dataset, key = get_dataset(session, dataset_id), get_key(session, key_id)
    member = session.get(Membership, (dataset.id, key.id))
    if member is None:
        member = Membership(
            dataset_id=dataset.id,
            key_id=key.id,
            tenant_id=dataset.tenant_id,
            added_by_name=principal.name,
            added_by_id=principal.key_id,
        )
        session.add(member)
        session.flush()
        access_log.record(session, "member.add", dataset.id, key_id=key.id, name=key.name)
    return member, key


def remove_member(session: Session, dataset_id: str, key_id: str) -> None:
    get_dataset(session, dataset_id)
    member = session.get(Membership, (dataset_id, get_key(session, key_id).id))
    if member is not None:
        session.delete(member)
        access_log.record(session, "member.remove", dataset_id, key_id=key_id)


def share(session: Session, dataset_id: str, shared: bool) -> None:
    """Share the dataset with the whole organisation, or only with its members."""
    dataset = get_dataset(session, dataset_id)
    if dataset.shared != shared:
        dataset.shared = shared
        access_log.record(session, "dataset.share", dataset_id, shared=shared)

"""Members of a dataset: each change of who may see it is in the access log, once."""

import pytest

from labelaudit.enums import Role
from service.accounts.api_keys import create_key
from service.datasets import members
from service.datasets.records import get_dataset
from service.db.tables import AccessEntry, ApiKey
from tests.support.factories import make_dataset, person

LEAD = person("Lea", Role.uploader)


@pytest.fixture
def dataset_id(store):
    return make_dataset(store, shared=False)


@pytest.fixture
def keys(database):
    """Ids by name: an annotator, an admin who sees everything, and a key for one dataset."""
    with database.write() as session:
        made = {
            name: create_key(session, name=name, role=role)[0].id
            for name, role in (
                ("Ann", Role.annotator),
                ("Ben", Role.annotator),
                ("Ada", Role.admin),
            )
        }
        session.get_one(ApiKey, made["Ben"]).dataset_id = "ds_other"
    return made


def logged(database, dataset_id):
    with database.read() as session:
        lines = session.query(AccessEntry).order_by(AccessEntry.id)
        return [
            (line.action, (line.detail or {}).get("key_id"))
            for line in lines
            if line.subject == dataset_id and line.action.startswith(("member", "dataset.share"))
        ]


def test_adding_and_removing_a_member_is_logged_once_each(database, dataset_id, keys):
    for _ in range(2):
        with database.write() as session:
            members.add_member(session, dataset_id, keys["Ann"], principal=LEAD)
    with database.read() as session:
        [(member, key)] = members.list_members(session, dataset_id)
        assert (member.added_by_name, key.name) == ("Lea", "Ann")
    assert logged(database, dataset_id) == [("member.add", keys["Ann"])]
    for _ in range(2):
        with database.write() as session:
            members.remove_member(session, dataset_id, keys["Ann"])
    with database.read() as session:
        assert members.list_members(session, dataset_id) == []
    assert logged(database, dataset_id) == [
        ("member.add", keys["Ann"]),
        ("member.remove", keys["Ann"]),
    ]


def test_who_could_be_added_is_neither_in_nor_sees_it_anyhow(database, dataset_id, keys):
    def others():
        with database.read() as session:
            return [one.name for one in members.list_others(session, dataset_id)]

    assert others() == ["Ann"]
    with database.write() as session:
        members.add_member(session, dataset_id, keys["Ann"], principal=LEAD)
    assert others() == []


def test_sharing_is_logged_when_it_changes(database, dataset_id):
    for shared in (False, True, True, False):
        with database.write() as session:
            members.share(session, dataset_id, shared)
            assert get_dataset(session, dataset_id).shared is shared
    assert [action for action, _ in logged(database, dataset_id)] == ["dataset.share"] * 2

"""Revision 0021 with data: statuses become the jobs' words, and rows know whose key made them."""

from typing import Any

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from labelaudit.enums import Role
from service.db.engine import Database
from service.db.migrate import check, downgrade, upgrade
from service.operations.verify import verify
from tests.support.factories import Store, make_audit, make_dataset, sample_id

AUTHORED = {
    "dataset": "created_by",
    "audit": "created_by",
    "export": "created_by",
    "assignment": "created_by",
    "upload": "created_by",
    "membership": "added_by",
}
CHANGED = {"status", "guidelines", "description"} | {
    f"{column}{end}" for column in AUTHORED.values() for end in ("", "_id", "_name")
}
STATUSES = {  # before the revision: since
    "processing": "queued",
    "ready": "completed",
    "rejected": "failed",
}


def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    with database.read() as session:
        return [tuple(row) for row in session.execute(text(query))]


def everything(database: Database) -> dict[str, list[str]]:
    """Every row by table, without the columns that the revision changes."""
    found = {}
    for table in inspect(database.engine).get_table_names():
        columns = [column["name"] for column in inspect(database.engine).get_columns(table)]
        kept = [name for name in columns if table not in AUTHORED or name not in CHANGED]
        named = ", ".join(f'"{name}"' for name in sorted(kept))
        found[table] = sorted(map(repr, rows(database, f'SELECT {named} FROM "{table}"')))
    del found["alembic_version"]
    return found


def authors(database: Database, column: str) -> dict[str, set[Any]]:
    return {
        table: {value for (value,) in rows(database, f"SELECT {name}{column} FROM {table}")}
        for table, name in AUTHORED.items()
    }


@pytest.fixture
def filled(store: Store, admin, call_as) -> Store:
    """A reviewed dataset, with a row in each table that names an author."""
    dataset_id = make_dataset(store)
    audit, dataset = f"/v1/audits/{make_audit(store, dataset_id)}", f"/v1/datasets/{dataset_id}"
    key = call_as(Role.annotator).get("/v1/me").json()["id"]
    correction = {"sample_id": sample_id(0), "verdict": "keep"}
    for answer in (
        admin.post(f"{audit}/corrections", json={"corrections": [correction]}),
        admin.post(f"{audit}/queue/next"),
        admin.post(f"{audit}/assignments", json={"name": "all", "people": [key]}),
        admin.post(f"{dataset}/exports", json={"format": "csv"}),
        admin.post("/v1/uploads", json={"length": 10}),
        admin.put(f"{dataset}/members/{key}"),
    ):
        assert answer.is_success, answer.text
    return store


def test_everything_stays_on_the_way_back_and_up_again(filled):
    database = filled.database
    downgrade(database, "0021")
    before = everything(database)
    children = ("sample", "suspect", "ranking", "correction", "lease", "job", "audit_event")
    assert [table for table in (*AUTHORED, *children) if not before[table]] == []
    names = authors(database, "_name")
    assert all(names.values())
    downgrade(database, "0020")
    assert authors(database, "") == names
    assert everything(database) == before
    upgrade(database, "0021")
    assert authors(database, "_name") == names
    assert set().union(*authors(database, "_id").values()) == {None}
    assert everything(database) == before
    upgrade(database)
    check(database)
    assert verify(database, filled.storage, min_age_seconds=0).whole


def test_statuses_are_translated_both_ways_and_the_other_words_refused(filled):
    database = filled.database
    downgrade(database, "0020")
    for old, new in STATUSES.items():
        set_status(database, old)
        samples = rows(database, "SELECT count(*) FROM sample")
        upgrade(database)
        assert rows(database, "SELECT status FROM dataset") == [(new,)]
        assert rows(database, "SELECT count(*) FROM sample") == samples == [(30,)]
        with pytest.raises(IntegrityError):
            set_status(database, old)
        downgrade(database, "0020")
        assert rows(database, "SELECT status FROM dataset") == [(old,)]
        with pytest.raises(IntegrityError):
            set_status(database, new)
    upgrade(database)
    for now, back in (("running", "processing"), ("cancelled", "rejected")):
        set_status(database, now)
        downgrade(database, "0020")
        assert rows(database, "SELECT status FROM dataset") == [(back,)]
        upgrade(database)
    check(database)


def set_status(database: Database, status: str) -> None:
    with database.write() as session:
        session.execute(text(f"UPDATE dataset SET status = '{status}'"))


def test_rows_of_before_are_shown_with_the_name_alone(filled, admin):
    dataset = admin.get("/v1/datasets").json()["items"][0]
    assert dataset["created_by"]["id"] is not None
    downgrade(filled.database, "0020")
    upgrade(filled.database)
    shown = admin.get(f"/v1/datasets/{dataset['id']}").json()
    assert shown["created_by"] == {"id": None, "name": dataset["created_by"]["name"]}
    for path in ("/v1/audits", "/v1/exports"):
        [one] = admin.get(path).json()["items"]
        assert (one["created_by"]["id"], one["created_by"]["name"] != "") == (None, True)

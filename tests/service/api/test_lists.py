"""Lists of datasets, audits and exports: filters, orders and pages."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete
from starlette.testclient import TestClient

from labelaudit.enums import JobStatus
from service.db.listing import Order, RowFilter
from service.db.tables import Dataset, new_id
from tests.support.factories import Store, make_dataset, start_audit

LISTS = ("/v1/datasets", "/v1/audits", "/v1/exports")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def walk(client: TestClient, path: str, **query: Any) -> list[dict[str, Any]]:
    """Every item of the list, by its pages, none of which is longer than `limit`."""
    found, cursor = [], None
    while True:
        answer = client.get(path, params=query | ({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["items"]) <= query.get("limit", 1000)
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found
        assert page["items"]


def add_dataset(
    store: Store, name: str, status: JobStatus = JobStatus.queued, hour: int = 0
) -> str:
    dataset_id = new_id("ds")
    with store.database.write() as session:
        session.add(
            Dataset(
                id=dataset_id,
                tenant_id="default",
                name=name,
                filename="",
                status=status,
                bytes=0,
                sha256="",
                shared=True,
                created_by_name="Uma",
                created_at=NOON + timedelta(hours=hour),
            )
        )
    return dataset_id


@pytest.mark.parametrize("path", LISTS)
def test_every_list_is_empty_at_first_and_has_one_envelope(uploader, path):
    assert uploader.get(path).json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("sort", ["created_at", "-created_at"])
@pytest.mark.parametrize("path", LISTS)
def test_each_list_is_walked_in_both_directions(store, uploader, path, sort):
    dataset_id = make_dataset(store, samples=6)
    made = {
        "/v1/datasets": lambda: make_dataset(store, samples=6),
        "/v1/audits": lambda: start_audit(store, dataset_id),
        "/v1/exports": lambda: uploader.post(f"/v1/datasets/{dataset_id}/exports").json()["id"],
    }[path]
    ids = [made() for _ in range(4)]
    if path == "/v1/datasets":
        ids = [dataset_id, *ids]
    found = [one["id"] for one in walk(uploader, path, sort=sort, limit=2)]
    assert found == (ids if sort == "created_at" else ids[::-1])


def test_a_full_last_page_says_that_it_is_the_last(store, annotator):
    for number in range(4):
        add_dataset(store, str(number))
    page = annotator.get("/v1/datasets", params={"limit": 4}).json()
    assert (len(page["items"]), page["next_cursor"]) == (4, None)
    assert annotator.get("/v1/datasets", params={"limit": 3}).json()["next_cursor"]


def test_filters_narrow_a_list_together(store, annotator):
    add_dataset(store, "Cats of 2025", JobStatus.completed, hour=0)
    add_dataset(store, "cats again", JobStatus.failed, hour=1)
    add_dataset(store, "dogs", JobStatus.completed, hour=2)
    add_dataset(store, "100% cats", JobStatus.running, hour=3)

    def names(**query: Any) -> list[str]:
        return [one["name"] for one in walk(annotator, "/v1/datasets", **query)]

    assert names(name="CATS") == ["100% cats", "cats again", "Cats of 2025"]
    add_dataset(store, "Éléphants", hour=-1)
    if store.database.engine.dialect.name == "sqlite":  # elsewhere the server's locale decides
        assert names(name="éLÉ") == ["Éléphants"]
    assert names(name="%") == ["100% cats"]
    assert names(name="_") == []
    assert names(status="completed") == ["dogs", "Cats of 2025"]
    assert names(status=["completed", "failed"], name="cats") == ["cats again", "Cats of 2025"]
    one, three = NOON + timedelta(hours=1), NOON + timedelta(hours=3)
    assert names(created_after=one.isoformat(), created_before=three.isoformat()) == [
        "dogs",
        "cats again",
    ]
    assert names(created_after="2026-03-01T15:00:00+02:00") == ["100% cats", "dogs", "cats again"]
    assert names(created_after=one.replace(tzinfo=None).isoformat(), name="cats") == [
        "100% cats",
        "cats again",
    ]
    assert names(sort="name", status=["completed", "failed", "running"])[-1] == "dogs"


def test_audits_and_exports_are_filtered_by_dataset_and_status(store, uploader, worker):
    one, other = make_dataset(store), make_dataset(store)
    audits = [start_audit(store, dataset_id) for dataset_id in (one, one, other)]
    uploader.post(f"/v1/audits/{audits[0]}/cancel")
    cancelled = walk(uploader, "/v1/audits", dataset_id=one, status="cancelled")
    assert [audit["id"] for audit in cancelled] == audits[:1]
    exports = [
        uploader.post(f"/v1/datasets/{dataset_id}/exports").json() for dataset_id in (one, other)
    ]
    assert walk(uploader, "/v1/exports", dataset_id=one) == exports[:1]
    assert uploader.get(f"/v1/exports/{exports[0]['id']}").json() == exports[0]
    assert walk(uploader, "/v1/exports", dataset_id=one, status=["failed", "completed"]) == []
    assert walk(uploader, "/v1/exports", dataset_id="ds_none") == []


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"status": "ready"}, "status"),
        ({"sort": "size"}, "sort"),
        ({"created_after": "yesterday"}, "created_after"),
        ({"created_before": "1700000000"}, "created_before"),
        ({"limit": "1001"}, "limit"),
        ({"name": "x" * 201}, "name"),
    ],
)
def test_a_filter_that_makes_no_sense_is_named(annotator, query, parameter):
    answer = annotator.get("/v1/datasets", params=query)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"].split(".")[0] == parameter


@pytest.mark.parametrize("path", ["/v1/audits", "/v1/exports"])
def test_what_has_no_name_cannot_be_sought_by_it(uploader, path):
    for query in ({"name": "x"}, {"sort": "name"}):
        assert uploader.get(path, params=query).status_code == 422


def test_a_cursor_of_one_order_is_refused_in_another(store, annotator):
    for number in range(3):
        add_dataset(store, str(number))
    by_name = annotator.get("/v1/datasets", params={"sort": "name", "limit": 1}).json()
    answer = annotator.get("/v1/datasets", params={"cursor": by_name["next_cursor"]})
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid-cursor")


names = st.lists(st.sampled_from(["", "a", "b", "B", "é", "ab", "%"]), max_size=9)


@given(
    made=names,
    limit=st.integers(1, 5),
    by=st.sampled_from(["name", "created_at"]),
    descending=st.booleans(),
    contained=st.sampled_from([None, "a", "B"]),
)
@example(made=["a"] * 6, limit=2, by="name", descending=True, contained=None)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_pages_hold_every_row_once_in_order_whatever_is_equal(
    store, made, limit, by, descending, contained
):
    with store.database.write() as session:
        session.execute(delete(Dataset))
    ids = [add_dataset(store, name) for name in made]
    wanted = RowFilter(name_contains=contained)
    seen: list[tuple[Any, ...]] = []
    after = None
    with store.database.read() as session:
        query = wanted.apply(session.query(Dataset).statement, Dataset)
        keys = [Dataset.name, Dataset.id] if by == "name" else [Dataset.id]
        order = [key.desc() if descending else key.asc() for key in keys]
        expected = [row.id for row in session.scalars(query.order_by(*order))]
        while found := Order(by, descending, after).first(session, query, Dataset, limit):
            assert len(found) <= limit
            seen += [row.id for row in found]
            after = Order(by, descending).key_of(found[-1])
    assert seen == expected
    assert set(seen) <= set(ids)
    if contained is None:
        assert len(seen) == len(made)


def test_a_row_that_appears_while_a_list_is_walked_disturbs_nothing(store, annotator):
    made = [add_dataset(store, "x") for _ in range(4)]
    first = annotator.get("/v1/datasets", params={"limit": 2}).json()
    late = add_dataset(store, "x")
    query = {"limit": 2, "cursor": first["next_cursor"]}
    second = annotator.get("/v1/datasets", params=query).json()
    assert [one["id"] for one in first["items"] + second["items"]] == made[::-1]
    assert (second["next_cursor"], annotator.get("/v1/datasets").json()["items"][0]["id"]) == (
        None,
        late,
    )


def test_lists_that_are_computed_whole_are_paged_too(admin):
    for number in range(4):
        admin.post("/v1/keys", json={"name": f"key {number}"})
    for path in ("/v1/keys", "/v1/objectives", "/v1/encoders", "/v1/sessions"):
        whole = admin.get(path).json()
        assert whole["next_cursor"] is None
        assert walk(admin, path, limit=2) == whole["items"], path
    assert len(walk(admin, "/v1/keys", limit=2)) >= 5


# ------------------------------------------------------------------------------- changing a dataset


def test_a_datasets_name_description_and_guidelines_are_changed_one_by_one(store, uploader):
    path = f"/v1/datasets/{make_dataset(store)}"
    before = uploader.get(path).json()
    assert (before["description"], before["guidelines"]) == ("", "")
    changed = uploader.patch(path, json={"guidelines": "# Foxes\nare *not* dogs."})
    assert changed.json() == before | {"guidelines": "# Foxes\nare *not* dogs."}
    changed = uploader.patch(path, json={"name": "foxes", "description": "From the wood."})
    assert uploader.get(path).json() == changed.json()
    assert (changed.json()["name"], changed.json()["guidelines"]) == (
        "foxes",
        "# Foxes\nare *not* dogs.",
    )
    emptied = uploader.patch(path, json={"description": ""}).json()
    assert (emptied["description"], emptied["name"]) == ("", "foxes")


def test_a_change_that_makes_no_sense_is_refused(store, uploader, annotator):
    path = f"/v1/datasets/{make_dataset(store)}"
    for body in ({"name": ""}, {"name": "x" * 500}, {"version": 3}, {"name": 1}):
        assert uploader.patch(path, json=body).status_code == 422, body
    assert annotator.patch(path, json={"name": "mine"}).status_code == 403
    assert uploader.patch("/v1/datasets/ds_none", json={"name": "x"}).status_code == 404

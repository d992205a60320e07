"""/v1/audits/{id}/queue and /corrections over HTTP."""

import pytest
from sqlalchemy import Engine, event, func, select

from labelaudit.enums import Role
from service.db.tables import Correction
from tests.support.factories import (
    flag_issues,
    give_votes,
    in_threads,
    make_audit,
    make_dataset,
    sample_id,
)


@pytest.fixture
def dataset_id(store):
    return make_dataset(store)


@pytest.fixture
def audit(store, dataset_id):
    return f"/v1/audits/{make_audit(store, dataset_id)}"


def decide(client, audit, *corrections, key=None):
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(
        f"{audit}/corrections", json={"corrections": list(corrections)}, headers=headers
    )


def keep(position, **fields):
    return {"sample_id": sample_id(position), "verdict": "keep", **fields}


def test_the_queue_serves_the_worst_with_all_a_person_needs(annotator, audit):
    [item] = annotator.post(f"{audit}/queue/next").json()["items"]
    assert item["rank"] == 1
    assert item["given_label"] == "cat"
    assert item["suggested_label"] == "dog"
    assert item["label_score"] == pytest.approx(1 - item["p_wrong"])
    assert item["content"] == {"text": "text number 0"}
    assert item["top_labels"] == [
        {"label": "dog", "probability": 0.75},
        {"label": "cat", "probability": 0.25},
    ]
    assert item["signals"]["margin"] == -1.0
    assert item["signals"]["agreement"] is None
    assert item["trajectory"] is None
    assert item["lease"]["expires_in_seconds"] == 600
    assert item["lease"]["lease_id"].startswith("le_")


def test_the_queue_leaves_out_what_has_no_tier_unless_asked(annotator, audit):
    tiers = set()
    for _ in range(2):
        items = annotator.post(f"{audit}/queue/next", json={"count": 20}).json()["items"]
        tiers |= {item["tier"] for item in items}
    assert tiers == {"obvious", "possible"}
    asked = annotator.post(f"{audit}/queue/next", json={"tier": ["none"]}).json()["items"]
    assert asked[0]["tier"] == "none"


def test_the_queue_can_be_narrowed_to_a_pair_of_classes(annotator, audit):
    wanted = {"given_label": "dog", "predicted_label": "fox", "count": 3}
    items = annotator.post(f"{audit}/queue/next", json=wanted).json()["items"]
    assert [item["rank"] for item in items] == [2, 5, 8]
    answer = annotator.post(f"{audit}/queue/next", json={"given_label": "cow"})
    assert answer.status_code == 422
    assert "cat, dog, fox" in answer.json()["detail"]


def test_each_issue_is_a_queue_over_all_tiers(store, annotator, audit):
    audit_id = audit.rpartition("/")[2]
    flag_issues(store, audit_id, outlier=[3, 25, 29], ambiguous=[4, 25])

    def served(**wanted):
        items = annotator.post(f"{audit}/queue/next", json={"count": 5, **wanted}).json()["items"]
        return [item["rank"] for item in items]

    assert served(issue="outlier", tier=["possible", "none"], count=1) == [25]
    assert served(issue="outlier") == [3, 29]
    assert served(issue="ambiguous") == [4]  # rank 25 is held already
    assert served(issue="near_duplicate") == []
    assert annotator.post(f"{audit}/queue/next", json={"issue": "dull"}).status_code == 422


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ({}, "suspect_fresh_ix"),
        ({"given_label": "cat"}, "suspect_fresh_class_ix"),
        ({"issue": "outlier"}, "suspect_issue_ix"),
        ({"state": "skipped"}, "suspect_closed_ix"),
    ],
)
def test_each_queue_finds_its_samples_by_an_index_of_its_own(
    database, annotator, audit, wanted, index
):
    if database.engine.dialect.name != "sqlite":
        pytest.skip("Postgres reads so small a table whole")
    asked = []

    def note(_connection, _cursor, statement, parameters, *_rest):
        if "ORDER BY suspect.rank" in statement and "FROM suspect JOIN sample" in statement:
            asked.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        annotator.post(f"{audit}/queue/next", json={"count": 20, **wanted})
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    with database.read() as session:
        connection = session.connection()
        plans = [
            str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values).all())
            for sql, values in asked
        ]
    assert plans
    assert [plan for plan in plans if index not in plan and "suspect_begun_ix" not in plan] == []
    assert any(index in plan for plan in plans)


def test_votes_of_the_upload_are_shown_and_what_a_colleague_says_is_not(
    store, annotator, call_as, uploader, dataset_id, audit
):
    votes = [("Mia", 1, 1.0), ("Noa", 0, 1.0), ("Oz", 1, 1.0), ("Noa", 2, 1.0)]
    give_votes(store, dataset_id, (4, "Mia", 0, 1.0), *((0, *vote) for vote in votes))
    uploader.put(f"{audit}/review-settings", json={"opinions": 2})
    [first] = annotator.post(f"{audit}/queue/next").json()["items"]
    said = [
        {"label": "dog", "votes": 2.0, "annotators": ["Mia", "Oz"]},
        {"label": "fox", "votes": 1.0, "annotators": ["Noa"]},  # the last of two
    ]
    assert first["votes"] == said
    decide(annotator, audit, keep(0, note="clear"))
    [second] = call_as(Role.annotator).post(f"{audit}/queue/next").json()["items"]
    assert (second["sample_id"], second["votes"], second["opinions"]) == (sample_id(0), said, [])


def test_a_blind_control_shows_no_votes(store, annotator, dataset_id, audit):
    give_votes(store, dataset_id, *((position, "Mia", 1, 1.0) for position in range(30)))
    wanted = {"purpose": "control", "count": 3}
    items = annotator.post(f"{audit}/queue/next", json=wanted).json()["items"]
    assert len(items) == 3
    assert not any("votes" in item for item in items)


def test_votes_without_names_are_counts(store, annotator, dataset_id, audit):
    give_votes(store, dataset_id, (0, "everyone", 0, 7.0), (0, "everyone", 1, 43.0))
    assert annotator.get(f"{audit}/suspects/{sample_id(0)}").json()["votes"] == [
        {"label": "dog", "votes": 43.0, "annotators": []},
        {"label": "cat", "votes": 7.0, "annotators": []},
    ]


def test_skipped_samples_are_served_again_when_asked_for(annotator, audit):
    decide(annotator, audit, {"sample_id": sample_id(3), "verdict": "skip"})
    items = annotator.post(f"{audit}/queue/next", json={"state": "skipped"}).json()["items"]
    assert [item["sample_id"] for item in items] == [sample_id(3)]


def test_an_empty_queue_is_no_error(annotator, audit):
    decide(annotator, audit, *(keep(position) for position in range(30)))
    answer = annotator.post(f"{audit}/queue/next")
    assert (answer.status_code, answer.json()) == (200, {"items": [], "next_cursor": None})


def test_a_lease_is_renewed_and_released(annotator, call_as, audit):
    [item] = annotator.post(f"{audit}/queue/next").json()["items"]
    held = {"sample_id": item["sample_id"], "lease_id": item["lease"]["lease_id"]}
    renewed = annotator.post(f"{audit}/queue/renew", json=held)
    assert renewed.json() == {"lease_id": held["lease_id"], "expires_in_seconds": 600}
    assert annotator.post(f"{audit}/queue/release", json=held).status_code == 204
    [again] = call_as(Role.annotator).post(f"{audit}/queue/next").json()["items"]
    assert again["sample_id"] == item["sample_id"]
    lost = annotator.post(f"{audit}/queue/renew", json=held)
    assert (lost.status_code, lost.json()["type"]) == (409, "/problems/lease-lost")


def test_a_decision_is_answered_with_the_new_version(annotator, audit):
    answer = decide(
        annotator,
        audit,
        {"sample_id": sample_id(0), "verdict": "relabel", "corrected_label": "fox", "note": "!"},
    )
    assert answer.status_code == 201
    body = answer.json()
    assert body["dataset_version"] == 1
    [row] = body["items"]
    assert (row["given_label"], row["corrected_label"], row["seq"]) == ("cat", "fox", 1)
    assert row["annotator"] == {
        "id": annotator.get("/v1/me").json()["id"],
        "name": "the annotator",
    }
    assert row["note"] == "!"
    assert (body["batch_id"], body["next_cursor"]) == (row["batch_id"], None)
    assert annotator.get(answer.headers["location"]).json()["items"] == [row]
    assert annotator.get(f"{audit}/corrections/{row['id']}").json() == row


@pytest.mark.parametrize(
    ("correction", "status"),
    [
        ({"sample_id": "sample-00000", "verdict": "relabel"}, 422),
        ({"sample_id": "sample-00000", "verdict": "relabel", "corrected_label": "cow"}, 422),
        ({"sample_id": "sample-00000", "verdict": "keep", "corrected_label": "dog"}, 422),
        ({"sample_id": "sample-00000", "verdict": "burn"}, 422),
        ({"sample_id": "sample-00029", "verdict": "accept_suggestion"}, 422),
        ({"sample_id": "nobody", "verdict": "keep"}, 404),
        ({"verdict": "keep"}, 422),
    ],
)
def test_a_correction_that_makes_no_sense_is_refused(annotator, audit, correction, status):
    answer = decide(annotator, audit, keep(1), correction)
    assert answer.status_code == status
    assert annotator.get(f"{audit}/corrections").json()["items"] == []


def test_a_class_the_dataset_lacks_is_named_with_its_pointer(annotator, audit):
    wrong = {"sample_id": sample_id(0), "verdict": "relabel", "corrected_label": "cow"}
    answer = decide(annotator, audit, keep(1), wrong)
    assert answer.json()["errors"][0]["pointer"] == "/corrections/1/corrected_label"


def test_a_second_answer_without_a_key_is_a_conflict_that_names_the_first(annotator, audit):
    [first] = decide(annotator, audit, keep(0)).json()["items"]
    answer = decide(annotator, audit, keep(0))
    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/already-decided"
    assert answer.json()["errors"] == [
        {
            "sample_id": sample_id(0),
            "detail": "decided by the annotator",
            "correction_id": first["id"],
            "verdict": "keep",
        }
    ]


def test_a_second_answer_with_the_same_key_is_the_first_ones(annotator, audit, database):
    answers = in_threads(
        6, lambda _: decide(annotator, audit, keep(0), keep(1), key="press-of-a-key")
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Correction)) == 2


def test_a_key_used_for_other_decisions_is_refused(annotator, audit):
    decide(annotator, audit, keep(0), key="press-of-a-key")
    answer = decide(annotator, audit, keep(1), key="press-of-a-key")
    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/idempotency-key-reused"


def test_a_key_used_in_another_audit_is_refused(store, annotator, dataset_id, audit):
    other = f"/v1/audits/{make_audit(store, dataset_id)}"
    decide(annotator, audit, keep(0), key="press-of-a-key")
    assert decide(annotator, other, keep(0), key="press-of-a-key").status_code == 422


def test_a_refused_answer_can_be_mended_and_sent_with_its_key(annotator, audit):
    [first] = decide(annotator, audit, keep(0)).json()["items"]
    assert decide(annotator, audit, keep(0), key="press-of-a-key").status_code == 409
    replaced = keep(0, supersedes=first["id"])
    assert decide(annotator, audit, replaced, key="press-of-a-key").status_code == 201


@pytest.mark.parametrize("key", ["short", "x" * 201])
def test_a_key_too_short_or_too_long_is_refused(annotator, audit, key):
    assert decide(annotator, audit, keep(0), key=key).status_code == 422


def test_somebody_elses_lease_is_respected(annotator, call_as, audit):
    annotator.post(f"{audit}/queue/next")
    answer = decide(call_as(Role.annotator), audit, keep(0))
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/lease-lost")
    assert decide(annotator, audit, keep(0)).status_code == 201


def test_undoing_brings_the_sample_back_and_keeps_both_rows(annotator, audit):
    [row] = decide(annotator, audit, keep(0)).json()["items"]
    undo = {"correction_id": row["id"]}
    undone = annotator.post(f"{audit}/reverts", json=undo)
    assert undone.status_code == 201
    assert (undone.json()["reverted"], undone.json()["dataset_version"]) == (1, 2)
    again = annotator.post(f"{audit}/reverts", json=undo)
    assert (again.status_code, again.json()["type"]) == (409, "/problems/nothing-to-revert")
    log = annotator.get(f"{audit}/corrections").json()["items"]
    assert [item["seq"] for item in log] == [1, 2]
    assert (log[1]["reverts"], log[1]["verdict"]) == (row["id"], None)
    assert log[1]["batch_id"] == undone.json()["id"]
    assert annotator.post(f"{audit}/queue/next").json()["items"][0]["rank"] == 1


def test_the_log_is_walked_oldest_first_page_by_page(annotator, audit):
    decide(annotator, audit, *(keep(position) for position in range(7)))
    seen, cursor = [], None
    while True:
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = annotator.get(f"{audit}/corrections", params=query).json()
        seen += [item["seq"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == list(range(1, 8))


def test_16_annotators_who_answer_everything_twice_decide_each_sample_once(store, call_as):
    audit = f"/v1/audits/{make_audit(store, make_dataset(store, samples=96))}"
    clients = [call_as(Role.annotator) for _ in range(16)]
    acknowledged: list[str] = []

    def work(number: int) -> None:
        client = clients[number]
        options = {"tier": ["obvious", "possible", "none"]}
        while items := client.post(f"{audit}/queue/next", json=options).json()["items"]:
            [item] = items
            correction = {
                "sample_id": item["sample_id"],
                "verdict": "keep",
                "lease_id": item["lease"]["lease_id"],
            }
            key = f"{item['lease']['lease_id']}-answer"
            answers = [decide(client, audit, correction, key=key) for _ in range(2)]
            assert [answer.status_code for answer in answers] == [201, 201]
            assert answers[0].content == answers[1].content
            acknowledged.append(item["sample_id"])

    in_threads(16, work)
    assert sorted(acknowledged) == [sample_id(position) for position in range(96)]
    with store.database.read() as session:
        rows = session.scalars(select(Correction).order_by(Correction.seq)).all()
    assert [row.seq for row in rows] == list(range(1, 97))
    assert sorted(row.sample_id for row in rows) == sorted(acknowledged)

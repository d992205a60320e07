"""/v1/audits over HTTP: start, watch, cancel, and the ranked list."""

import base64
import csv
import gzip
import io
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sqlalchemy import update

from labelaudit.enums import JobStatus, JobType, Tier
from labelaudit.schemas import PackedArray
from service.accounts.tenants import create_tenant
from service.api.packing import pack
from service.audits import records as audits
from service.audits.ranking_files import p_suggested
from service.audits.suspect_row import SuspectRow
from service.db.tables import Suspect
from service.exports.formats import SUSPECT_COLUMNS
from service.jobs import records as jobs
from service.ranking.trajectory import EPOCH_ARRAYS, Trajectory
from service.review import newest_ranking
from tests.support.factories import (
    find_nearest,
    make_audit,
    make_dataset,
    sample_id,
    set_status,
    start_audit,
)


@pytest.fixture
def dataset_id(store):
    return make_dataset(store)


@pytest.fixture
def audit_id(store, dataset_id):
    return make_audit(store, dataset_id)


def walk(client, path, **query):
    """Every page's items."""
    pages, cursor = [], None
    while True:
        answer = client.get(path, params=query | ({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        pages.append(answer.json()["items"])
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return pages


# ------------------------------------------------------------------------------------ start, cancel


def test_an_audit_starts_queued_with_every_choice_made_plain(uploader, dataset_id):
    answer = uploader.post(f"/v1/datasets/{dataset_id}/audits", json={"seed": 7})
    assert answer.status_code == 202
    audit = answer.json()
    assert answer.headers["location"] == f"/v1/audits/{audit['id']}"
    assert (audit["status"], audit["job"], audit["progress"]) == ("queued", None, 0.0)
    assert (audit["dataset_version"], audit["eta_seconds"], audit["problem"]) == (0, None, None)
    assert audit["config"]["seed"] == 7
    assert audit["config"]["objective"] == "gce"
    assert audit["config"]["encoder"] == "all-minilm-l6-v2"
    assert uploader.get(answer.headers["location"]).json() == audit


def test_a_waiting_audit_tells_its_place_among_all_that_waits(
    store, uploader, annotator, dataset_id
):
    first, second = (
        uploader.post(f"/v1/datasets/{dataset_id}/audits").json()["id"] for _ in range(2)
    )
    hidden = make_dataset(store, shared=False)  # counts, though the annotator cannot see it
    start_audit(store, hidden)
    third = uploader.post(f"/v1/datasets/{dataset_id}/audits").json()["id"]

    def places():
        audits = (annotator.get(f"/v1/audits/{one}").json() for one in (first, second, third))
        return [audit["queue_position"] for audit in audits]

    assert places() == [1, 2, 4]
    set_status(store, first, JobStatus.running)
    with store.database.write() as session:
        jobs.cancel(session, first)
    assert places() == [None, 1, 3]


def test_another_organisation_is_not_counted(store, uploader, dataset_id):
    with store.database.write() as session:
        other = create_tenant(session, name="Elsewhere", admin="Zoe")[0].id
    start_audit(store, make_dataset(store, tenant_id=other), tenant_id=other)
    audit = uploader.post(f"/v1/datasets/{dataset_id}/audits").json()
    assert audit["queue_position"] == 1


def test_suspects_are_filtered_by_score_and_counted(annotator, audit_id):
    path = f"/v1/audits/{audit_id}/suspects"
    wanted = {"p_wrong_from": 0.5, "p_wrong_to": 0.8, "limit": 3, "total": True}
    found = annotator.get(path, params=wanted).json()
    ranks = [rank + 1 for rank in range(30) if 0.5 <= 1 - (rank + 0.5) / 30 <= 0.8]
    assert found["total"] == len(ranks) == 9
    assert [item["rank"] for item in found["items"]] == ranks[:3]
    assert annotator.get(path).json()["total"] is None
    assert annotator.get(path, params={"p_wrong_from": 1.5}).status_code == 422


def test_the_queue_is_filtered_by_score(annotator, audit_id):
    body = {"count": 20, "p_wrong_from": 0.5, "p_wrong_to": 0.8}
    items = annotator.post(f"/v1/audits/{audit_id}/queue/next", json=body).json()["items"]
    assert [item["rank"] for item in items] == list(range(7, 16))


def test_an_audit_needs_no_body(uploader, dataset_id):
    assert uploader.post(f"/v1/datasets/{dataset_id}/audits").status_code == 202


@pytest.mark.parametrize(
    "wish",
    [
        {"objective": "magic"},
        {"objective": "gce", "objective_options": {"q": 2}},
        {"objective": "gce", "objective_options": {"z": 0.5}},
        {"encoder": "efficientnet-lite0"},
        {"encoder": "unknown"},
        {"dataset_version": 1},
        {"dataset_version": -1},
        {"replicas": 0},
        {"seed": -1},
        {"surprise": 1},
    ],
)
def test_a_wish_that_cannot_be_granted_is_refused(uploader, dataset_id, wish):
    answer = uploader.post(f"/v1/datasets/{dataset_id}/audits", json=wish)
    assert answer.status_code == 422
    assert uploader.get("/v1/audits").json()["items"] == []


def test_a_cancelled_audit_stays_cancelled_and_says_so_in_its_stream(store, uploader, dataset_id):
    path = f"/v1/audits/{start_audit(store, dataset_id)}"
    for _ in range(2):
        answer = uploader.post(f"{path}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert answer.json()["finished_at"] is not None
    assert uploader.get(path).json()["status"] == "cancelled"
    statuses = [data["status"] for _, data in events(uploader.get(f"{path}/events"))]
    assert statuses == ["queued", "cancelled"]


def test_a_completed_audit_cannot_be_cancelled(uploader, audit_id):
    answer = uploader.post(f"/v1/audits/{audit_id}/cancel")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/conflict")


def test_audits_are_listed_newest_first_and_by_dataset(store, annotator, dataset_id):
    made = [start_audit(store, dataset_id) for _ in range(5)]
    other = start_audit(store, make_dataset(store))
    everything = [item["id"] for page in walk(annotator, "/v1/audits", limit=2) for item in page]
    assert everything == sorted([*made, other], reverse=True)
    ours = walk(annotator, "/v1/audits", limit=50, dataset_id=dataset_id)
    assert [item["id"] for item in ours[0]] == sorted(made, reverse=True)


def test_progress_grows_through_the_jobs_and_ends_at_one(store, annotator, dataset_id):
    audit_id = start_audit(store, dataset_id)
    path = f"/v1/audits/{audit_id}"
    seen = [annotator.get(path).json()["progress"]]

    def begin(type: JobType, share: float) -> jobs.Claim:
        with store.database.write() as session:
            claim = jobs.claim(session, queues={"cpu", "gpu"}, owner="t", lease_seconds=60)
            assert claim is not None
            assert claim.type is type
            audits.begin(session, audit_id)
            jobs.renew(session, claim, lease_seconds=60, progress=share)
        audit = annotator.get(path).json()
        assert (audit["status"], audit["job"]) == ("running", type)
        seen.append(audit["progress"])
        return claim

    encoding = begin(JobType.encoding, 0.5)
    with store.database.write() as session:
        jobs.finish(session, encoding)
        audits.encoded(session, audit_id, plan={}, shards=2)
    for shard in (0, 1):
        claim = begin(JobType.train, 1.0)
        assert claim.number == shard
        with store.database.write() as session:
            jobs.finish(session, claim)
            audits.shard_trained(session, audit_id)
    ranking = begin(JobType.rank, 0.5)
    with store.database.write() as session:
        jobs.finish(session, ranking)
        audits.ranked(session, audit_id, ranking_id="ra_1", suspects=[], summary={})
    last = annotator.get(path).json()
    assert (last["status"], last["job"], last["eta_seconds"]) == ("completed", None, 0.0)
    seen.append(last["progress"])
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0.0, 1.0)


# ------------------------------------------------------------------------------------------- events


def events(answer) -> list[tuple[int, dict]]:
    """`id` and `data` of each event in a finished stream."""
    assert answer.headers["content-type"].startswith("text/event-stream")
    found = []
    for block in answer.text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if line)
        if "data" in lines:
            assert lines["event"] == "progress"
            found.append((int(lines["id"]), json.loads(lines["data"])))
    return found


@pytest.fixture
def finished(store, dataset_id):
    """A cancelled audit with ten events."""
    audit_id = start_audit(store, dataset_id)
    for number in range(8):
        with store.database.write() as session:
            audits.record_event(session, audit_id, {"status": "running", "progress": number / 10})
    with store.database.write() as session:
        audits.cancel_audit(session, audit_id)
    return f"/v1/audits/{audit_id}/events"


def test_the_stream_of_a_finished_audit_tells_everything_and_ends(annotator, finished):
    found = events(annotator.get(finished))
    assert [seq for seq, _ in found] == list(range(1, 11))
    assert found[0][1]["status"] == "queued"
    assert found[-1][1]["status"] == "cancelled"


def test_a_compressed_stream_holds_nothing_back(annotator, finished):
    headers = {"Accept-Encoding": "gzip"}
    with annotator.stream("GET", finished, headers=headers) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        sent = b"".join(answer.iter_raw())
    plain = annotator.get(finished, headers={"Accept-Encoding": "identity"})
    assert gzip.decompress(sent) == plain.content
    assert sent.count(b"\x00\x00\xff\xff") >= len(events(plain))  # flushed after each event


def test_a_stream_resumes_behind_the_last_event_without_gap_or_repeat(annotator, finished):
    for last in range(11):
        found = events(annotator.get(finished, headers={"Last-Event-ID": str(last)}))
        assert [seq for seq, _ in found] == list(range(last + 1, 11))


def test_a_last_event_id_that_makes_no_sense_harms_nothing(annotator, finished):
    for last in ("", "abc", "-1", "1.5", "9" * 18, "9" * 30, "9" * 5000, "²"):
        answer = annotator.get(finished, headers={"Last-Event-ID": last.encode("latin-1")})
        assert answer.status_code == 200
        assert [seq for seq, _ in events(answer)] in ([], list(range(1, 11)))


def test_events_are_numbered_without_gaps_however_many_write_at_once(store, dataset_id):
    from tests.support.factories import in_threads

    audit_id = start_audit(store, dataset_id)

    def tell(number: int) -> None:
        for _ in range(5):
            with store.database.write() as session:
                audits.record_event(session, audit_id, {"status": "running", "by": number})

    in_threads(6, tell)
    with store.database.read() as session:
        seqs = [event.seq for event in audits.events_after(session, audit_id, 0)]
    assert seqs == list(range(1, 32))


# ------------------------------------------------------------------------------------- ranked list


@pytest.mark.parametrize(
    "path", ["summary", "suspects", "suspects.csv", f"suspects/{sample_id(0)}"]
)
def test_an_audit_under_way_has_no_results_yet(store, uploader, dataset_id, path):
    answer = uploader.get(f"/v1/audits/{start_audit(store, dataset_id)}/{path}")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/not-ready")


def test_the_summary_counts_what_people_decided(annotator, audit_id):
    decision = {"sample_id": sample_id(0), "verdict": "keep"}
    annotator.post(f"/v1/audits/{audit_id}/corrections", json={"corrections": [decision]})
    summary = annotator.get(f"/v1/audits/{audit_id}/summary").json()
    assert summary["noise_rate"] == {
        "value": 0.1,
        "low": 0.05,
        "high": 0.15,
        "basis": "estimated",
    }
    assert summary["review"]["obvious"] == {
        "open": 9,
        "skipped": 0,
        "disputed": 0,
        "decided": 1,
    }
    assert summary["audit_id"] == audit_id
    assert [one["label"] for one in summary["per_class"]] == ["cat", "dog", "fox"]
    assert summary["tiers"]["obvious"] == {
        "count": 10,
        "precision": {"value": 0.93, "low": 0.81, "high": None, "basis": "estimated"},
    }
    assert summary["tiers"]["none"] == {"count": 10, "precision": None}


def test_an_issue_that_was_not_looked_for_has_no_count(store, annotator, audit_id):
    with store.database.write() as session:
        ranking = newest_ranking(session, audit_id)
        counts = {"ambiguous": 3, "outlier": None}
        ranking.summary = {**(ranking.summary or {}), "issues": counts}
    assert annotator.get(f"/v1/audits/{audit_id}/summary").json()["issues"] == counts


def test_the_list_is_worst_first(annotator, audit_id):
    [page] = walk(annotator, f"/v1/audits/{audit_id}/suspects", limit=100)
    assert [item["rank"] for item in page] == list(range(1, 31))
    p_wrong = [item["p_wrong"] for item in page]
    assert p_wrong == sorted(p_wrong, reverse=True)
    assert all(i["p_wrong_low"] <= i["p_wrong"] <= i["p_wrong_high"] for i in page)
    assert [i["label_score"] for i in page] == pytest.approx([1 - p for p in p_wrong])


@pytest.mark.parametrize("limit", [1, 7, 10, 30, 31])
def test_pages_cover_everything_once(annotator, audit_id, limit):
    pages = walk(annotator, f"/v1/audits/{audit_id}/suspects", limit=limit)
    assert [item["rank"] for page in pages for item in page] == list(range(1, 31))


def test_pages_do_not_shift_while_people_decide(annotator, audit_id):
    path = f"/v1/audits/{audit_id}"
    query = {"limit": 4, "state": "open"}
    ranks, cursor = [], None
    while True:
        page = annotator.get(
            f"{path}/suspects", params=query | ({"cursor": cursor} if cursor else {})
        ).json()
        ranks += [item["rank"] for item in page["items"]]
        decisions = [
            {"sample_id": item["sample_id"], "verdict": "keep"} for item in page["items"][:2]
        ]
        if decisions:
            annotator.post(f"{path}/corrections", json={"corrections": decisions})
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert ranks == list(range(1, 31))


def test_a_walk_keeps_to_its_ranking_when_a_newer_one_appears(store, annotator, audit_id):
    path = f"/v1/audits/{audit_id}/suspects"
    first = annotator.get(path, params={"limit": 10}).json()
    with store.database.write() as session:
        row = session.get_one(Suspect, (first["ranking_id"], 1))
        values = {name: getattr(row, name) for name in SuspectRow._fields}
        audits.ranked(
            session,
            audit_id,
            ranking_id="ra_zzz",
            suspects=[SuspectRow(**values)],
            summary={},
        )
    second = annotator.get(path, params={"limit": 10, "cursor": first["next_cursor"]}).json()
    assert second["ranking_id"] == first["ranking_id"]
    assert [item["rank"] for item in second["items"]] == list(range(11, 21))
    assert annotator.get(path).json()["ranking_id"] == "ra_zzz"


@pytest.mark.parametrize(
    ("query", "ranks"),
    [
        ({"tier": "obvious"}, range(1, 11)),
        ({"tier": ["obvious", "none"]}, [*range(1, 11), *range(21, 31)]),
        ({"given_label": "dog"}, range(2, 31, 3)),
        ({"predicted_label": "cat"}, range(3, 31, 3)),
        ({"given_label": "dog", "predicted_label": "cat"}, []),
        ({"state": "decided"}, []),
        ({"tier": "possible", "given_label": "cat", "state": "open"}, [13, 16, 19]),
    ],
)
def test_filters_narrow_the_list(annotator, audit_id, query, ranks):
    pages = walk(annotator, f"/v1/audits/{audit_id}/suspects", limit=3, **query)
    assert [item["rank"] for page in pages for item in page] == list(ranks)


def test_a_filter_on_a_class_the_dataset_lacks_names_those_it_has(annotator, audit_id):
    answer = annotator.get(f"/v1/audits/{audit_id}/suspects", params={"given_label": "cow"})
    assert answer.status_code == 422
    assert "cat, dog, fox" in answer.json()["detail"]


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


FORGED = [
    "garbage",
    "%%%",
    "é",
    "A" * 500,
    encoded([]),
    encoded({}),
    encoded(None),
    encoded(["ra_1"]),
    encoded([1, 2]),
    encoded(["ra_1", "2"]),
    encoded(["ra_1", True]),
    encoded(["ra_1", 2**63]),
    encoded(["ra_1", 2**70]),
    encoded(["ra_1\x00", 3]),
    encoded(["ra_unknown", 3]),
    encoded("ra_1"),
]


def test_a_page_that_nothing_changed_is_not_sent_again(annotator, audit_id):
    path = f"/v1/audits/{audit_id}"
    first = annotator.get(f"{path}/suspects?limit=3")
    unchanged = {"If-None-Match": first.headers["etag"]}
    again = annotator.get(f"{path}/suspects?limit=3", headers=unchanged)
    assert (again.status_code, again.content) == (304, b"")
    assert annotator.get(f"{path}/suspects?limit=4", headers=unchanged).status_code == 200
    decision = {"sample_id": sample_id(1), "verdict": "keep"}
    stored = annotator.post(f"{path}/corrections", json={"corrections": [decision]}).json()
    changed = annotator.get(f"{path}/suspects?limit=3", headers=unchanged)
    assert [item["state"] for item in changed.json()["items"]] == ["open", "decided", "open"]
    annotator.post(f"{path}/reverts", json={"correction_id": stored["items"][0]["id"]})
    undone = annotator.get(f"{path}/suspects?limit=3", headers=unchanged)
    assert undone.json() == first.json()


def test_pages_of_a_tier_miss_nothing_wherever_its_samples_rank(store, annotator, audit_id):
    with store.database.write() as session:
        ranks = Suspect.rank.in_([2, 25, 30])
        session.execute(update(Suspect).where(ranks).values(tier=Tier.possible))
    pages = walk(annotator, f"/v1/audits/{audit_id}/suspects", limit=4, tier="possible")
    found = [item["rank"] for page in pages for item in page]
    assert found == [2, *range(11, 21), 25, 30]


def test_a_tier_that_is_empty_has_an_empty_page(store, annotator, audit_id):
    with store.database.write() as session:
        session.execute(update(Suspect).values(tier=Tier.none))
    found = annotator.get(f"/v1/audits/{audit_id}/suspects", params={"tier": "obvious"}).json()
    assert found["items"] == []
    assert found["next_cursor"] is None


def test_a_cursor_this_service_did_not_give_is_refused(annotator, audit_id):
    for cursor in FORGED:
        answer = annotator.get(f"/v1/audits/{audit_id}/suspects", params={"cursor": cursor})
        assert answer.status_code == 400, cursor
        assert answer.json()["type"] == "/problems/invalid-cursor"


def test_a_cursor_longer_than_any_of_ours_is_refused(annotator, audit_id):
    path = f"/v1/audits/{audit_id}/suspects"
    answer = annotator.get(path, params={"cursor": "A" * 10_000})
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "cursor")


def test_another_audits_cursor_is_refused(store, annotator, audit_id):
    other = make_audit(store, make_dataset(store, classes=("a", "b", "c", "d")))
    cursor = annotator.get(f"/v1/audits/{other}/suspects?limit=3").json()["next_cursor"]
    answer = annotator.get(f"/v1/audits/{audit_id}/suspects", params={"cursor": cursor})
    assert answer.status_code == 400


@pytest.mark.parametrize("path", ["/v1/datasets", "/v1/audits", "/v1/audits/{}/corrections"])
def test_every_list_refuses_a_cursor_of_another(annotator, audit_id, path):
    answer = annotator.get(path.format(audit_id), params={"cursor": encoded([True])})
    assert answer.status_code == 400


def test_the_table_to_download_has_cleanlabs_columns_worst_first(uploader, audit_id):
    answer = uploader.get(f"/v1/audits/{audit_id}/suspects.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert f"suspects-{audit_id}.csv" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert tuple(rows[0]) == SUSPECT_COLUMNS
    assert {"given_label", "predicted_label", "is_label_issue", "label_score"} <= set(rows[0])
    assert [int(row["rank"]) for row in rows] == list(range(1, 31))
    assert [row["is_label_issue"] for row in rows] == ["True"] * 20 + ["False"] * 10
    scores = [float(row["label_score"]) for row in rows]
    assert scores == sorted(scores)


def test_the_parquet_table_says_the_same_as_the_list(uploader, audit_id):
    answer = uploader.get(f"/v1/audits/{audit_id}/suspects.parquet")
    rows = pq.read_table(io.BytesIO(answer.content)).to_pylist()
    [page] = walk(uploader, f"/v1/audits/{audit_id}/suspects", limit=100)
    for row, item in zip(rows, page, strict=True):
        assert {name: row[name] for name in item if name in row} == {
            name: value for name, value in item.items() if name in row
        }


def test_a_table_in_row_order_has_class_indices_on_request(store, uploader, monkeypatch):
    monkeypatch.setattr("service.audits.whole_ranking.PAGE", 7)
    dataset_id = make_dataset(store, samples=28)
    audit_id = make_audit(store, dataset_id)
    order = {"order": "row", "labels": "code"}
    answer = uploader.get(f"/v1/audits/{audit_id}/suspects.parquet", params=order)
    table = pq.read_table(io.BytesIO(answer.content))
    positions = range(28)
    assert table["sample_id"].to_pylist() == [sample_id(position) for position in positions]
    assert table["given_label"].to_pylist() == [position % 3 for position in positions]
    assert str(table.schema.field("predicted_label").type) == "int64"
    names = ("cat", "dog", "fox")
    answer = uploader.get(f"/v1/audits/{audit_id}/suspects.csv", params={"order": "row"})
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["given_label"] for row in rows] == [names[position % 3] for position in positions]
    answer = uploader.get(f"/v1/audits/{audit_id}/suspects.csv", params={"labels": "code"})
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [int(row["rank"]) for row in rows] == list(range(1, 29))
    assert {row["given_label"] for row in rows} == {"0", "1", "2"}


def test_a_table_larger_than_a_page_is_whole(store, uploader, monkeypatch):
    monkeypatch.setattr("service.audits.whole_ranking.PAGE", 7)
    audit_id = make_audit(store, make_dataset(store, samples=28))
    answer = uploader.get(f"/v1/audits/{audit_id}/suspects.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [int(row["rank"]) for row in rows] == list(range(1, 29))


def test_one_suspect_is_shown_with_all_there_is(annotator, audit_id):
    shown = annotator.get(f"/v1/audits/{audit_id}/suspects/{sample_id(4)}").json()
    assert (shown["rank"], shown["position"]) == (5, 4)
    assert shown["content"] == {"text": "text number 4"}
    assert shown["trajectory"] is None
    assert shown["correction_id"] is None
    decision = {"sample_id": sample_id(4), "verdict": "relabel", "corrected_label": "fox"}
    answer = annotator.post(f"/v1/audits/{audit_id}/corrections", json={"corrections": [decision]})
    [row] = answer.json()["items"]
    shown = annotator.get(f"/v1/audits/{audit_id}/suspects/{sample_id(4)}").json()
    assert (shown["state"], shown["verdict"]) == ("decided", "relabel")
    assert (shown["corrected_label"], shown["correction_id"]) == ("fox", row["id"])
    assert annotator.get(f"/v1/audits/{audit_id}/suspects/nobody").status_code == 404


def test_a_suspects_trajectory_puts_all_shards_side_by_side(store, annotator, audit_id):
    epochs, samples = 3, 30
    for shard, replicas in ((0, 2), (1, 3)):
        with store.storage.writing(audits.shard_key(audit_id, shard)) as folder:
            folder.mkdir()
            shape = (epochs, samples, replicas)
            for name in EPOCH_ARRAYS:
                values = np.broadcast_to(np.arange(samples)[None, :, None] % 3, shape)
                kind = np.uint8 if name == "predicted" else np.float16
                np.save(folder / f"{name}.npy", values.astype(kind))
            np.save(folder / "in_bag.npy", np.full((samples, replicas), shard, np.uint8))
            for name in ("probs_in_bag", "probs_out_of_bag"):
                np.save(folder / f"{name}.npy", np.full((samples, 3), 1 / 3, np.float32))
            header = {"schema_version": 1, "epochs": epochs, "replicas": replicas}
            (folder / "trajectory.json").write_text(json.dumps(header))
    path = f"/v1/audits/{audit_id}/suspects/{sample_id(4)}"
    assert annotator.get(path).json()["trajectory"] is None  # heavy: only if included
    shown = annotator.get(path, params={"include": "trajectory"}).json()["trajectory"]
    assert (shown["epochs"], shown["replicas"]) == (3, 5)
    assert shown["in_bag"] == [0, 0, 1, 1, 1]
    predicted, given, margin = (
        PackedArray.model_validate(shown[name]).values()
        for name in ("predicted_label", "p_given", "margin")
    )
    assert predicted == [[1] * 5] * 3
    assert np.shape(given) == np.shape(margin) == (3, 5)
    assert shown["p_suggested_low"] is None  # a record of the first schema cannot tell
    wanted = {"include": ["trajectory"], "count": 5}
    served = annotator.post(f"/v1/audits/{audit_id}/queue/next", json=wanted).json()["items"]
    assert (served[4]["sample_id"], served[4]["trajectory"]) == (sample_id(4), shown)


@settings(suppress_health_check=[HealthCheck.too_slow])  # on a machine with other work
@given(
    values=arrays(np.float64, (4, 3), elements=st.floats(0, 1)),
    margins=arrays(np.float16, (4, 3), elements=st.floats(-60_000, 60_000, width=16)),
    classes=arrays(np.int64, (4, 3), elements=st.integers(0, 99_999)),
)
def test_what_is_packed_is_read_as_it_was(values, margins, classes):
    for name, wanted, tolerance in (
        ("p_given", values, 0.5e-4),
        ("margin", margins.astype(float), 0.5e-3),
        ("predicted_label", classes, 0),
    ):
        packed = PackedArray.model_validate(pack(name, wanted))
        assert packed.shape == [4, 3]
        found = np.array(packed.values())
        assert np.abs(found - wanted).max() <= tolerance + 1e-9 * np.abs(wanted).max()


def test_the_suggested_labels_probability_is_exact_where_it_leads_and_bounded_elsewhere():
    replicas = 3  # of three classes, given 0, suggested 1: leading is the suggested, given, third
    arrays = {
        "p_given": [0.2, 0.7, 0.1],
        "p_predicted": [0.6, 0.7, 0.5],
        "predicted": [1, 0, 2],
        "margin": [-1.0, 1.0, -1.0],
        "loss": [0.0] * replicas,
    }
    shard = Trajectory(
        **{name: np.array(values).reshape(1, 1, replicas) for name, values in arrays.items()},
        in_bag=np.ones((1, replicas), np.uint8),
        probs_in_bag=np.full((1, 3), 1 / 3, np.float32),
        probs_out_of_bag=np.full((1, 3), 1 / 3, np.float32),
    )
    low, high = p_suggested([shard], 0, 1)
    assert low is not None
    assert high is not None
    np.testing.assert_allclose(low, np.array([[0.6, 0.0, 0.0]]))
    np.testing.assert_allclose(high, np.array([[0.6, 0.3, 0.4]]))
    assert p_suggested([shard], 0, None) == (None, None)


def test_the_list_and_the_queue_are_narrowed_to_similar_samples(store, annotator, audit_id):
    find_nearest(store, audit_id, {4: [7, 2, 25]})
    path = f"/v1/audits/{audit_id}"
    wanted = {"similar_to": sample_id(4)}
    found = annotator.get(f"{path}/suspects", params={**wanted, "total": True}).json()
    assert [one["sample_id"] for one in found["items"]] == [sample_id(n) for n in (2, 4, 7, 25)]
    assert found["total"] == 4
    both = {**wanted, "search": "number 2"}
    found = annotator.get(f"{path}/suspects", params=both).json()["items"]
    assert [one["sample_id"] for one in found] == [sample_id(2), sample_id(25)]
    leased = annotator.post(f"{path}/queue/next", json={"count": 9, **wanted}).json()["items"]
    assert [one["sample_id"] for one in leased] == [sample_id(n) for n in (2, 4, 7)]
    every = {"count": 9, "tier": ["none"], **wanted}
    leased = annotator.post(f"{path}/queue/next", json=every).json()["items"]
    assert [one["sample_id"] for one in leased] == [sample_id(25)]


def test_a_filter_by_similarity_says_why_it_cannot_be_used(annotator, audit_id):
    path = f"/v1/audits/{audit_id}/suspects"
    refused = annotator.get(path, params={"similar_to": sample_id(4)})
    assert refused.status_code == 409
    assert "kept no nearest samples" in refused.json()["detail"]
    assert annotator.get(path, params={"similar_to": "nothing"}).status_code == 404


def test_pages_of_a_search_follow_each_other(annotator, audit_id):
    path = f"/v1/audits/{audit_id}/suspects"
    wanted = {"search": "TEXT 1", "limit": 8}
    first = annotator.get(path, params={**wanted, "total": True}).json()
    second = annotator.get(path, params={**wanted, "cursor": first["next_cursor"]}).json()
    numbers = [n for n in range(30) if "1" in str(n)]
    found = [one["sample_id"] for one in first["items"] + second["items"]]
    assert found == [sample_id(n) for n in numbers]
    assert first["total"] == len(numbers)
    assert second["next_cursor"] is None


def test_the_queue_is_searched_for_words(annotator, audit_id):
    body = {"count": 9, "search": "number 17"}
    items = annotator.post(f"/v1/audits/{audit_id}/queue/next", json=body).json()["items"]
    assert [one["sample_id"] for one in items] == [sample_id(17)]
    body["search"] = "   "
    refused = annotator.post(f"/v1/audits/{audit_id}/queue/next", json=body)
    assert refused.status_code == 422
    assert "at least one word" in refused.json()["detail"]


def test_neighbours_come_with_their_labels_and_what_was_decided(store, annotator, audit_id):
    find_nearest(store, audit_id, {4: [7, 2]})
    path = f"/v1/audits/{audit_id}"
    decision = {"sample_id": sample_id(2), "verdict": "relabel", "corrected_label": "cat"}
    annotator.post(f"{path}/corrections", json={"corrections": [decision]})
    items = annotator.get(f"{path}/suspects/{sample_id(4)}/neighbours").json()["items"]
    assert [(one["sample_id"], one["given_label"], one["corrected_label"]) for one in items] == [
        (sample_id(7), "dog", None),
        (sample_id(2), "fox", "cat"),
    ]
    assert [one["state"] for one in items] == ["open", "decided"]
    assert items[0]["content"] == {"text": "text number 7"}
    one = f"{path}/suspects/{sample_id(4)}"
    assert annotator.get(one).json()["neighbours"] is None
    assert annotator.get(one, params={"include": "neighbours"}).json()["neighbours"] == items
    assert annotator.get(one, params={"include": "everything"}).status_code == 422
    assert annotator.get(f"{path}/suspects/{sample_id(5)}/neighbours").json() == {
        "items": [],
        "next_cursor": None,
    }

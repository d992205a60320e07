"""Rankings from verdicts, and the controls that they need; on both databases."""

from random import Random
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from labelaudit.enums import (
    JobStatus,
    JobType,
    ReviewState,
    Tier,
    Verdict,
)
from service import review
from service.audits import ranking_files
from service.core.errors import BadCursor, NotFound, NotReady
from service.db.engine import Database
from service.db.tables import (
    Correction,
    Job,
    Ranking,
    Suspect,
    new_id,
)
from service.review import (
    NewCorrection,
    SuspectFilter,
    controls,
    corrections,
    reranking,
)
from tests.support.factories import (
    _suspect,
    _write_signals,
    in_threads,
    make_audit,
    make_dataset,
    person,
    revert,
    sample_id,
    start_audit,
)

ANN, BEN = person("Ann"), person("Ben")
COUNT = 30


@pytest.fixture
def audit_id(store):
    return make_audit(store, make_dataset(store, samples=COUNT))


def as_served(held: review.SuspectLease) -> SimpleNamespace:
    return SimpleNamespace(**held.suspect.to_dict(), lease_id=held.lease_id)


def lease(database: Database, audit_id: str, who=ANN, count: int = 1) -> list[SimpleNamespace]:
    with database.write() as session:
        held = review.lease_next(
            session,
            audit_id,
            principal=who,
            wanted=SuspectFilter(state=ReviewState.open),
            count=count,
            lease_seconds=60,
        )
    return [as_served(one) for one in held]


def draw(
    database: Database, audit_id: str, count: int, *tiers: Tier, who=ANN, seconds: float = 60.0
) -> list[SimpleNamespace]:
    with database.write() as session:
        held = controls.lease_controls(
            session,
            audit_id,
            principal=who,
            tiers=tiers or (Tier.none,),
            count=count,
            lease_seconds=seconds,
        )
    return [as_served(one) for one in held]


def decide(database: Database, audit_id: str, *names: str, who=ANN, **options) -> list[Correction]:
    corrections = [NewCorrection(name, Verdict.keep, **options) for name in names]
    with database.write() as session:
        return review.submit(session, audit_id, corrections, principal=who)


def request(database: Database, audit_id: str) -> reranking.RankingJob:
    with database.write() as session:
        return reranking.request_ranking(session, audit_id)


def publish(store, audit_id: str, number: int = 1) -> str:
    """A later ranking, the first one back to front."""
    ranking_id = new_id("ra")
    with store.storage.writing(ranking_files.ranking_key(audit_id, ranking_id)) as path:
        _write_signals(path, COUNT, 3)
    rows = []
    for rank, position in enumerate(reversed(range(COUNT)), start=1):
        rows.append(_suspect(position, COUNT, 3)._replace(rank=rank))
    with store.database.write() as session:
        reranking.publish_ranking(
            session,
            audit_id,
            number=number,
            ranking_id=ranking_id,
            suspects=rows,
            summary={"verdicts": {"n": number}},
        )
    return ranking_id


# ---------------------------------------------------------------------------------------- requests


def test_without_a_verdict_there_is_nothing_to_rank_by(database, audit_id):
    with pytest.raises(NotReady, match="Nobody has reviewed"):
        request(database, audit_id)
    with database.write() as session:
        skip = [NewCorrection(sample_id(0), Verdict.skip)]
        review.submit(session, audit_id, skip, principal=ANN)
    with pytest.raises(NotReady, match="Nobody has reviewed"):
        request(database, audit_id)


def test_an_audit_that_is_not_completed_has_no_later_ranking(store):
    audit_id = start_audit(store, make_dataset(store))
    with pytest.raises(NotReady):
        request(store.database, audit_id)


def test_a_request_enqueues_one_numbered_job(database, audit_id):
    decide(database, audit_id, sample_id(0))
    assert request(database, audit_id).number == 1
    with database.read() as session:
        job = session.get_one(Job, (audit_id, JobType.rank, 1))
        assert job.status is JobStatus.queued


def test_one_that_has_not_begun_is_not_asked_for_twice(store, audit_id):
    decide(store.database, audit_id, sample_id(0))
    found = in_threads(6, lambda _: request(store.database, audit_id).number)
    assert set(found) == {1}


def test_one_that_is_under_way_may_have_missed_a_verdict_so_another_follows(database, audit_id):
    decide(database, audit_id, sample_id(0))
    request(database, audit_id)
    with database.write() as session:
        session.get_one(Job, (audit_id, JobType.rank, 1)).status = JobStatus.running
    assert request(database, audit_id).number == 2
    with database.read() as session:
        jobs = reranking.list_rankings(session, audit_id)
    assert [job.number for job in jobs] == [2, 1, 0]
    assert [job.status for job in jobs] == [
        JobStatus.queued,
        JobStatus.running,
        JobStatus.completed,
    ]


def test_a_ranking_that_nobody_asked_for_is_not_found(database, audit_id):
    with database.read() as session, pytest.raises(NotFound):
        reranking.get_ranking_job(session, audit_id, 7)


# ----------------------------------------------------------------------------------------- publish


def test_states_and_leases_move_to_the_new_ranking(store, audit_id):
    database = store.database
    held = lease(database, audit_id, BEN)[0]
    decide(database, audit_id, sample_id(5))
    ranking_id = publish(store, audit_id)
    with database.read() as session:
        assert review.newest_ranking(session, audit_id).id == ranking_id
        decided = review.get_suspect(session, audit_id, sample_id(5))
        moved = review.get_suspect(session, audit_id, held.sample_id)
    assert decided.state is ReviewState.decided
    assert decided.rank == COUNT - 5
    assert moved.full_until is not None
    row = decide(database, audit_id, held.sample_id, who=BEN, lease_id=held.lease_id)[0]
    assert row.sample_id == held.sample_id


def test_the_queue_serves_the_new_ranking_and_never_what_is_held(store, audit_id):
    held = lease(store.database, audit_id, BEN, count=3)
    publish(store, audit_id)
    served = lease(store.database, audit_id, count=COUNT)
    assert served[0].sample_id == sample_id(9)  # the worst of the obvious ones, back to front
    assert {one.sample_id for one in served}.isdisjoint(one.sample_id for one in held)


def test_pages_of_the_old_ranking_can_still_be_walked(store, audit_id):
    with store.database.read() as session:
        old = review.newest_ranking(session, audit_id)
    publish(store, audit_id)
    with store.database.read() as session:
        kept = review.get_ranking(session, audit_id, old.id)
        page = review.list_suspects(session, kept.id, wanted=SuspectFilter(), after=2, limit=3)
    assert [suspect.sample_id for suspect in page] == [sample_id(n) for n in (2, 3, 4)]


def test_old_rankings_keep_their_summary_alone(store, annotator, audit_id):
    decide(store.database, audit_id, sample_id(0))
    made = [publish(store, audit_id, number) for number in (1, 2, 3)]
    with store.database.read() as session:
        kept = set(session.scalars(select(Suspect.ranking_id).distinct()))
        numbers = set(session.scalars(select(Ranking.number).where(Ranking.id.in_(kept))))
        assert numbers == {0, 2, 3}  # controls are drawn by the tiers of the first
        assert [one.id for one in reranking.pruned_rankings(session, audit_id)] == made[:1]
        assert [job.number for job in reranking.list_rankings(session, audit_id)] == [3, 2, 1, 0]
        review.get_ranking(session, audit_id, made[1])
        with pytest.raises(BadCursor, match="replaced by newer ones"):
            review.get_ranking(session, audit_id, made[0])


def test_a_reverted_decision_is_open_in_the_next_ranking(store, audit_id):
    row = decide(store.database, audit_id, sample_id(4))[0]
    with store.database.write() as session:
        revert(session, audit_id, row.id, principal=ANN)
    publish(store, audit_id)
    with store.database.read() as session:
        assert review.get_suspect(session, audit_id, sample_id(4)).state is ReviewState.open


def test_a_ranking_that_was_overtaken_does_not_become_the_newest(store, audit_id):
    newest = publish(store, audit_id, number=2)
    publish(store, audit_id, number=1)
    with store.database.read() as session:
        assert review.newest_ranking(session, audit_id).id == newest
        summaries = session.scalars(select(Ranking.summary).order_by(Ranking.number)).all()
    assert [summary["verdicts"]["n"] for summary in summaries] == [0, 1, 2]


def test_decisions_made_while_a_ranking_is_published_are_never_lost(store, audit_id):
    def work(number: int) -> None:
        if number == 0:
            publish(store, audit_id)
        else:
            decide(store.database, audit_id, sample_id(number), who=person(f"p{number}"))

    in_threads(9, work)
    with store.database.read() as session:
        states = {
            number: review.get_suspect(session, audit_id, sample_id(number)).state
            for number in range(1, 9)
        }
    assert set(states.values()) == {ReviewState.decided}


def test_a_ranking_published_just_before_a_decision_is_written_shows_it(
    store, audit_id, monkeypatch
):
    if store.database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite lets nobody write in between")
    append = corrections.append  # type: ignore[attr-defined]

    def published_first(*given):
        publish(store, audit_id)
        append(*given)

    monkeypatch.setattr(corrections, "append", published_first)
    decide(store.database, audit_id, sample_id(1))
    with store.database.read() as session:
        assert review.newest_ranking(session, audit_id).number == 1
        suspect = review.get_suspect(session, audit_id, sample_id(1))
    assert suspect.state is ReviewState.decided


# ---------------------------------------------------------------------------------------- controls


def test_controls_come_from_outside_the_tiers_in_an_order_of_chance(database, audit_id):
    found = draw(database, audit_id, 10)
    ranks = [suspect.rank for suspect in found]
    assert {suspect.tier for suspect in found} == {Tier.none}
    assert sorted(ranks) == list(range(21, 31))
    assert ranks != sorted(ranks)
    assert draw(database, audit_id, 1, who=BEN) == []


def test_what_is_decided_is_not_drawn(database, audit_id):
    """Nor by somebody who had no part in it."""
    decide(database, audit_id, sample_id(21), sample_id(28))
    drawn = {suspect.position for suspect in draw(database, audit_id, 10, who=BEN)}
    assert drawn == {20, *range(22, 28), 29}


def test_controls_of_the_whole_list_are_drawn_by_value():
    """Over many audits: as often as their deviations say, and none never."""
    p_wrong = {1: 0.5, 2: 0.9, 3: 0.02}
    values = [controls.verdict_value(p) for p in p_wrong.values()]
    orders = [controls.weighted_order(p_wrong, Random(n)) for n in range(4000)]
    firsts = [sum(order[0] == rank for order in orders) / len(orders) for rank in p_wrong]
    assert firsts == pytest.approx([one / sum(values) for one in values], abs=0.03)
    assert {tuple(sorted(order)) for order in orders} == {(1, 2, 3)}


def test_without_tiers_controls_come_from_the_whole_list(database, audit_id):
    with database.write() as session:
        held = controls.lease_controls(
            session, audit_id, principal=ANN, tiers=None, count=30, lease_seconds=60
        )
        assert {one.suspect.tier for one in held} == set(Tier)
        assert [one.suspect.rank for one in held] != sorted(one.suspect.rank for one in held)


def test_the_same_audit_draws_the_same_order_again(database, audit_id):
    first = [suspect.sample_id for suspect in draw(database, audit_id, 4, seconds=-1)]
    again = [suspect.sample_id for suspect in draw(database, audit_id, 4, who=BEN)]
    assert first == again


def test_a_tier_can_be_asked_for(database, audit_id):
    assert {one.tier for one in draw(database, audit_id, 20, Tier.obvious)} == {Tier.obvious}


def test_people_who_draw_at_once_get_different_controls(store):
    audit_id = make_audit(store, make_dataset(store, samples=90))
    found = in_threads(8, lambda n: draw(store.database, audit_id, 3, who=person(f"p{n}")))
    names = [suspect.sample_id for batch in found for suspect in batch]
    assert len(names) == len(set(names)) == 24


def test_a_correction_says_whether_it_was_a_control(database, audit_id):
    drawn = draw(database, audit_id, 1)[0]
    queued = lease(database, audit_id)[0]
    rows = decide(database, audit_id, drawn.sample_id, queued.sample_id)
    assert [row.control for row in rows] == [True, False]
    again = decide(database, audit_id, drawn.sample_id, supersedes=rows[0].id)[0]
    assert again.control


def test_a_control_given_back_and_served_by_the_queue_is_none(database, audit_id):
    drawn = draw(database, audit_id, 1, Tier.obvious, seconds=-1)[0]
    served = lease(database, audit_id, BEN, count=20)
    assert drawn.sample_id in {one.sample_id for one in served}
    row = decide(database, audit_id, drawn.sample_id, who=BEN)[0]
    assert not row.control


def test_after_a_new_ranking_controls_still_come_from_the_first_ones_tiers(store, audit_id):
    publish(store, audit_id)
    found = draw(store.database, audit_id, 10)
    assert sorted(suspect.position for suspect in found) == list(range(20, 30))


# -------------------------------------------------------------------------------------------- HTTP


def test_a_control_shows_nothing_of_what_the_machine_thinks(store, annotator, audit_id):
    answer = annotator.post(
        f"/v1/audits/{audit_id}/queue/next", json={"purpose": "control", "count": 2}
    )
    items = answer.json()["items"]
    assert len(items) == 2
    assert set(items[0]) == {
        "sample_id",
        "position",
        "given_label",
        "state",
        "content",
        "media_url",
        "lease",
    }
    row = annotator.post(
        f"/v1/audits/{audit_id}/corrections",
        json={
            "corrections": [
                {
                    "sample_id": items[0]["sample_id"],
                    "verdict": "keep",
                    "lease_id": items[0]["lease"]["lease_id"],
                }
            ]
        },
    ).json()["items"][0]
    assert row["control"] is True


def test_a_ranking_is_asked_for_watched_and_listed(store, annotator, audit_id):
    path = f"/v1/audits/{audit_id}/rankings"
    refused = annotator.post(path)
    assert refused.status_code == 409
    decide(store.database, audit_id, sample_id(0))
    answer = annotator.post(path)
    assert answer.status_code == 202
    assert answer.headers["location"] == f"{path}/1"
    assert annotator.get(f"{path}/1").json()["status"] == "queued"
    assert annotator.get(f"{path}/9").status_code == 404
    assert [job["number"] for job in annotator.get(path).json()["items"]] == [1, 0]
    assert annotator.get("/v1/audits/au_none/rankings").status_code == 404

"""The queue and the corrections, as many people use them at once."""

import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select, text, update

from labelaudit.enums import (
    JobStatus,
    ReviewState,
    Tier,
    Verdict,
)
from service import review
from service.core.errors import (
    BadInput,
    Conflict,
    LeaseLost,
    NotFound,
    NotReady,
)
from service.core.principal import Principal
from service.datasets import deletion
from service.db.engine import Database, clock
from service.db.tables import (
    Audit,
    Correction,
    Dataset,
    Lease,
    Sample,
    Suspect,
)
from service.review import NewCorrection, SuspectFilter
from tests.support import factories
from tests.support.factories import (
    Store,
    in_threads,
    make_audit,
    make_dataset,
    person,
    sample_id,
    set_status,
    start_audit,
)

ANN, BEN = person("Ann"), person("Ben")
ANY = SuspectFilter(state=ReviewState.open)


@pytest.fixture
def audit_id(store):
    return make_audit(store, make_dataset(store))


@pytest.fixture
def on_postgres(postgres_url, storage):
    database = Database(postgres_url, lock_seconds=20)
    yield Store(database, storage)
    database.dispose()


def lease(
    database: Database,
    audit_id: str,
    who: Principal = ANN,
    *,
    count: int = 1,
    wanted: SuspectFilter = ANY,
    seconds: float = 60.0,
) -> list[SimpleNamespace]:
    with database.write() as session:
        held = review.lease_next(
            session, audit_id, principal=who, wanted=wanted, count=count, lease_seconds=seconds
        )
    return [SimpleNamespace(**one.suspect.to_dict(), lease_id=one.lease_id) for one in held]


def submit(
    database: Database, audit_id: str, *corrections: NewCorrection, who: Principal = ANN
) -> list[Correction]:
    with database.write() as session:
        return review.submit(session, audit_id, corrections, principal=who)


def revert(database: Database, audit_id: str, correction_id: str) -> Correction:
    with database.write() as session:
        return factories.revert(session, audit_id, correction_id, principal=ANN)


def keep(position: int, **options: Any) -> NewCorrection:
    return NewCorrection(sample_id(position), Verdict.keep, **options)


def relabel(position: int, label: int | None, **options: Any) -> NewCorrection:
    return NewCorrection(sample_id(position), Verdict.relabel, corrected_label=label, **options)


def suspect(database: Database, audit_id: str, position: int) -> Suspect:
    with database.read() as session:
        return review.get_suspect(session, audit_id, sample_id(position))


def version(database: Database, audit_id: str) -> int:
    with database.read() as session:
        found = select(Dataset.version).join(Audit).where(Audit.id == audit_id)
        return session.scalars(found).one()


def standing(
    database: Database, audit_id: str, at: int
) -> dict[int, tuple[Verdict | None, int | None]]:
    with database.read() as session:
        dataset_id = session.get_one(Audit, audit_id).dataset_id
        rows = review.corrections_at(session, dataset_id, at)
        return {position: (row.verdict, row.corrected_label) for position, row in rows.items()}


# ------------------------------------------------------------------------------------------- leases


def test_the_queue_serves_the_worst_open_suspects_first(database, audit_id):
    assert [found.rank for found in lease(database, audit_id, count=3)] == [1, 2, 3]
    assert [found.rank for found in lease(database, audit_id, BEN, count=2)] == [4, 5]


def test_40_people_who_ask_at_once_never_get_the_same_sample(store):
    audit_id = make_audit(store, make_dataset(store, samples=100))

    def ask(number: int) -> list[str]:
        found = lease(store.database, audit_id, person(f"person {number}"))
        return [suspect.sample_id for suspect in found]

    served = [name for names in in_threads(40, ask) for name in names]
    assert sorted(served) == [sample_id(position) for position in range(40)]


def test_batches_asked_for_at_once_do_not_overlap_and_empty_the_queue(store):
    audit_id = make_audit(store, make_dataset(store, samples=60))
    served = in_threads(8, lambda n: lease(store.database, audit_id, person(f"p{n}"), count=10))
    names = [found.sample_id for batch in served for found in batch]
    assert sorted(names) == [sample_id(position) for position in range(60)]
    assert lease(store.database, audit_id) == []


def test_who_waited_in_vain_keeps_nobody_waiting(on_postgres):
    """On SQLite there is one writer at a time, and nobody to wait."""
    database = on_postgres.database
    audit_id = make_audit(on_postgres, make_dataset(on_postgres, samples=6))
    locked = select(Sample).with_for_update(nowait=True)
    with (
        database.write() as first,
        database.write() as second,
        database.write() as third,
        ThreadPoolExecutor(1) as pool,
    ):
        assert len(first.scalars(locked).all()) == 6
        asked: dict[str, Any] = {"principal": ANN, "wanted": ANY, "count": 1, "lease_seconds": 60.0}
        waiting = pool.submit(review.lease_next, second, audit_id, **asked)
        _until_somebody_waits(database)
        first.execute(update(Suspect).values(state=ReviewState.decided))
        first.commit()
        assert waiting.result() == []
        assert len(third.scalars(locked).all()) == 6


def test_who_is_refused_need_not_wait_for_somebody_elses_decision(on_postgres):
    database = on_postgres.database
    audit_id = make_audit(on_postgres, make_dataset(on_postgres))
    submit(database, audit_id, keep(3))
    with database.write() as writing:
        review.submit(writing, audit_id, [keep(4)], principal=ANN)  # holds the dataset
        with pytest.raises(Conflict):
            submit(database, audit_id, keep(3), who=BEN)


def test_who_judged_what_is_found_soon_where_postgres_takes_the_log_for_empty(on_postgres):
    """It then crosses tables with each other; of a join of joins that made minutes."""
    database = on_postgres.database
    audit_id = make_audit(on_postgres, make_dataset(on_postgres, samples=20))
    for row in submit(database, audit_id, *(keep(position) for position in range(20))):
        revert(database, audit_id, row.id)
    skips = [NewCorrection(sample_id(position), Verdict.skip) for position in range(20)]
    submit(database, audit_id, *skips)
    with database.write() as session:
        for way in ("indexscan", "bitmapscan", "hashjoin", "mergejoin", "material"):
            session.execute(text(f"SET LOCAL enable_{way} = off"))
        session.execute(text("SET LOCAL statement_timeout = '20s'"))
        skipped = SuspectFilter(state=ReviewState.skipped)
        asked: dict[str, Any] = {"wanted": skipped, "count": 40, "lease_seconds": 60.0}
        assert len(review.lease_next(session, audit_id, principal=ANN, **asked)) == 20


def _until_somebody_waits(database: Database) -> None:
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    for _ in range(1000):
        with database.read() as session:
            if session.scalar(waiting):
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits")


def test_a_lease_that_ran_out_puts_the_sample_back(database, audit_id):
    first = lease(database, audit_id, seconds=-1.0)[0]
    second = lease(database, audit_id, BEN)[0]
    assert second.sample_id == first.sample_id
    assert second.lease_id != first.lease_id


def test_a_renewed_lease_holds_on_and_only_its_holder_can_renew(database, audit_id):
    held = lease(database, audit_id, seconds=-1.0)[0]
    with database.write() as session:
        review.renew_lease(
            session, audit_id, held.sample_id, lease_id=held.lease_id, lease_seconds=60
        )
    assert lease(database, audit_id, BEN)[0].rank == 2
    with pytest.raises(LeaseLost), database.write() as session:
        review.renew_lease(session, audit_id, held.sample_id, lease_id="no", lease_seconds=60)


def test_a_lease_somebody_else_took_over_cannot_be_renewed(database, audit_id):
    held = lease(database, audit_id, seconds=-1.0)[0]
    lease(database, audit_id, BEN)
    with pytest.raises(LeaseLost), database.write() as session:
        review.renew_lease(
            session, audit_id, held.sample_id, lease_id=held.lease_id, lease_seconds=60
        )


def test_a_released_sample_is_the_next_one_served(database, audit_id):
    held = lease(database, audit_id)[0]
    with database.write() as session:
        review.release_lease(session, audit_id, held.sample_id, lease_id=held.lease_id)
    assert lease(database, audit_id, BEN)[0].sample_id == held.sample_id


@pytest.mark.parametrize(
    ("wanted", "ranks"),
    [
        (SuspectFilter(tier=[Tier.possible]), [11, 12, 13]),
        (SuspectFilter(tier=[Tier.none, Tier.possible]), [11, 12, 13]),
        (SuspectFilter(given_label=1), [2, 5, 8]),
        (SuspectFilter(predicted_label=0), [3, 6, 9]),
        (SuspectFilter(tier=[Tier.possible], given_label=0), [13, 16, 19]),
        (SuspectFilter(state=ReviewState.skipped), []),
    ],
)
def test_the_queue_serves_only_what_is_wanted(database, audit_id, wanted, ranks):
    assert [found.rank for found in lease(database, audit_id, wanted=wanted, count=3)] == ranks


def test_an_audit_that_is_not_completed_has_no_queue(store):
    audit_id = start_audit(store, make_dataset(store))
    with pytest.raises(NotReady):
        lease(store.database, audit_id)


# ---------------------------------------------------------------------------------------- decisions


def test_a_decision_is_recorded_with_its_author_and_raises_the_version(database, audit_id):
    held = lease(database, audit_id)[0]
    [row] = submit(
        database,
        audit_id,
        NewCorrection(held.sample_id, Verdict.keep, lease_id=held.lease_id, note="clear"),
    )
    assert (row.seq, row.annotator, row.note) == (1, "Ann", "clear")
    assert (row.given_label, row.corrected_label) == (0, 0)
    found = suspect(database, audit_id, 0)
    assert (found.state, found.full_until) == (ReviewState.decided, None)
    assert version(database, audit_id) == 1


def test_each_verdict_means_its_own_label(database, audit_id):
    rows = submit(
        database,
        audit_id,
        keep(0),
        NewCorrection(sample_id(1), Verdict.accept_suggestion),
        relabel(2, 0),
        NewCorrection(sample_id(3), Verdict.exclude),
        NewCorrection(sample_id(4), Verdict.skip),
    )
    assert [row.corrected_label for row in rows] == [0, 2, 0, None, None]
    states = [suspect(database, audit_id, position).state for position in range(5)]
    assert states == [ReviewState.decided] * 4 + [ReviewState.skipped]


@pytest.mark.parametrize("label", [None, -1, 3])
def test_a_relabel_without_a_class_of_the_dataset_is_refused(database, audit_id, label):
    with pytest.raises(BadInput):
        submit(database, audit_id, relabel(0, label))


def test_a_suggestion_that_is_not_there_cannot_be_accepted(database, audit_id):
    with pytest.raises(BadInput, match="no suggestion"):
        submit(database, audit_id, NewCorrection(sample_id(29), Verdict.accept_suggestion))


def test_a_sample_the_audit_did_not_rank_is_not_found(database, audit_id):
    with pytest.raises(NotFound, match="sample-99999"):
        submit(database, audit_id, keep(0), keep(99999))
    assert version(database, audit_id) == 0


def test_one_sample_twice_in_a_batch_is_refused(database, audit_id):
    with pytest.raises(BadInput, match="twice"):
        submit(database, audit_id, keep(0), relabel(0, 1))


def test_a_batch_with_one_conflict_stores_nothing_and_lists_it(database, audit_id):
    [first] = submit(database, audit_id, keep(1), who=BEN)
    with pytest.raises(Conflict) as caught:
        submit(database, audit_id, keep(0), relabel(1, 2), keep(2))
    assert caught.value.type == "already-decided"
    assert caught.value.errors == [
        {
            "sample_id": sample_id(1),
            "detail": "decided by Ben",
            "correction_id": first.id,
            "verdict": Verdict.keep,
        }
    ]
    assert version(database, audit_id) == 1
    assert suspect(database, audit_id, 0).state is ReviewState.open


def test_a_batch_with_one_bad_label_stores_nothing(database, audit_id):
    with pytest.raises(BadInput):
        submit(database, audit_id, keep(0), relabel(1, 99))
    assert version(database, audit_id) == 0
    assert suspect(database, audit_id, 0).state is ReviewState.open


def test_a_late_answer_is_taken_if_nobody_else_took_the_sample(database, audit_id):
    held = lease(database, audit_id, seconds=-1.0)[0]
    [row] = submit(database, audit_id, keep(0, lease_id=held.lease_id))
    assert row.seq == 1


def test_a_late_answer_is_refused_once_somebody_else_holds_the_sample(database, audit_id):
    held = lease(database, audit_id, seconds=-1.0)[0]
    lease(database, audit_id, BEN)
    with pytest.raises(LeaseLost) as caught:
        submit(database, audit_id, keep(0, lease_id=held.lease_id))
    assert caught.value.errors == [{"sample_id": sample_id(0), "detail": "held by somebody else"}]


def test_a_late_answer_is_refused_once_somebody_else_decided(database, audit_id):
    held = lease(database, audit_id, seconds=-1.0)[0]
    submit(database, audit_id, relabel(0, 1), who=BEN)
    with pytest.raises(Conflict, match="already decided"):
        submit(database, audit_id, keep(0, lease_id=held.lease_id))


def test_the_holder_may_answer_without_naming_the_lease(database, audit_id):
    lease(database, audit_id)
    assert submit(database, audit_id, keep(0))[0].seq == 1


def test_of_two_who_decide_one_sample_at_once_one_wins(database, audit_id):
    def decide(number: int) -> str:
        try:
            submit(database, audit_id, relabel(0, number % 3), who=person(f"person {number}"))
        except Conflict:
            return "conflict"
        return "stored"

    outcomes = in_threads(8, decide)
    assert sorted(outcomes) == ["conflict"] * 7 + ["stored"]
    assert version(database, audit_id) == 1


def test_batches_in_opposite_order_do_not_wait_for_each_other_in_a_circle(database, audit_id):
    def decide(number: int) -> str:
        positions = range(30) if number % 2 else reversed(range(30))
        try:
            submit(database, audit_id, *(keep(p) for p in positions), who=person(f"p{number}"))
        except Conflict:
            return "conflict"
        return "stored"

    assert sorted(in_threads(4, decide)) == ["conflict"] * 3 + ["stored"]
    assert version(database, audit_id) == 30


def test_versions_have_no_gap_and_no_repeat_however_many_decide_at_once(store):
    audit_id = make_audit(store, make_dataset(store, samples=96))

    def decide(number: int) -> None:
        for batch in range(3):
            first = 12 * number + 4 * batch
            corrections = [keep(position) for position in range(first, first + 4)]
            submit(store.database, audit_id, *corrections, who=person(f"person {number}"))

    in_threads(8, decide)
    with store.database.read() as session:
        seqs = session.scalars(select(Correction.seq).order_by(Correction.seq)).all()
    assert list(seqs) == list(range(1, 97))
    assert version(store.database, audit_id) == 96


# ---------------------------------------------------------------------------- replacing and undoing


def test_a_decision_is_replaced_only_by_one_that_names_it(database, audit_id):
    [first] = submit(database, audit_id, keep(0))
    with pytest.raises(Conflict):
        submit(database, audit_id, relabel(0, 2))
    [elsewhere] = submit(database, audit_id, keep(1))
    for strange in ("co_other", elsewhere.id):
        with pytest.raises(BadInput) as refused:
            submit(database, audit_id, relabel(0, 2, supersedes=strange))
        assert refused.value.errors[0]["pointer"] == "/corrections/0/supersedes"
    [second] = submit(database, audit_id, relabel(0, 2, supersedes=first.id), who=BEN)
    assert second.seq == 3
    with pytest.raises(Conflict):  # it names a decision that stands no more
        submit(database, audit_id, relabel(0, 1, supersedes=first.id))
    assert standing(database, audit_id, 3)[0] == (Verdict.relabel, 2)


def test_a_skip_is_replaced_without_ceremony(database, audit_id):
    submit(database, audit_id, NewCorrection(sample_id(0), Verdict.skip))
    assert submit(database, audit_id, relabel(0, 2), who=BEN)[0].seq == 2
    assert suspect(database, audit_id, 0).state is ReviewState.decided


def test_a_skip_that_supersedes_a_decision_takes_it_back(database, audit_id):
    [first] = submit(database, audit_id, relabel(0, 2))
    submit(database, audit_id, NewCorrection(sample_id(0), Verdict.skip, supersedes=first.id))
    assert suspect(database, audit_id, 0).state is ReviewState.skipped
    assert standing(database, audit_id, 1) == {0: (Verdict.relabel, 2)}
    assert standing(database, audit_id, 2) == {}


def test_reverting_the_only_decision_opens_the_sample_again(database, audit_id):
    [row] = submit(database, audit_id, relabel(0, 2))
    undone = revert(database, audit_id, row.id)
    assert (undone.seq, undone.reverts, undone.verdict) == (2, row.id, None)
    assert suspect(database, audit_id, 0).state is ReviewState.open
    assert lease(database, audit_id)[0].rank == 1


def test_reverting_a_decision_after_a_skip_makes_the_sample_skipped_again(database, audit_id):
    submit(database, audit_id, NewCorrection(sample_id(0), Verdict.skip))
    [row] = submit(database, audit_id, keep(0))
    revert(database, audit_id, row.id)
    assert suspect(database, audit_id, 0).state is ReviewState.skipped


def test_reverting_a_replacement_puts_the_earlier_decision_in_force(database, audit_id):
    [first] = submit(database, audit_id, relabel(0, 1))
    [second] = submit(database, audit_id, relabel(0, 2, supersedes=first.id))
    revert(database, audit_id, second.id)
    assert suspect(database, audit_id, 0).state is ReviewState.decided
    assert standing(database, audit_id, 3) == {0: (Verdict.relabel, 1)}
    with pytest.raises(Conflict) as caught:
        submit(database, audit_id, keep(0))
    assert caught.value.errors[0]["correction_id"] == first.id


def test_reverting_a_replaced_decision_leaves_its_replacement_in_force(database, audit_id):
    [first] = submit(database, audit_id, relabel(0, 1))
    submit(database, audit_id, relabel(0, 2, supersedes=first.id))
    revert(database, audit_id, first.id)
    assert standing(database, audit_id, 3) == {0: (Verdict.relabel, 2)}
    assert suspect(database, audit_id, 0).state is ReviewState.decided


def test_a_correction_is_reverted_once_even_by_many_at_once(database, audit_id):
    [row] = submit(database, audit_id, keep(0))

    def undo(_: int) -> str:
        try:
            revert(database, audit_id, row.id)
        except Conflict as error:
            return error.type
        return "reverted"

    assert sorted(in_threads(4, undo)) == ["nothing-to-revert"] * 3 + ["reverted"]
    assert version(database, audit_id) == 2


def test_undoing_an_undo_brings_the_decision_back_and_can_be_undone_again(database, audit_id):
    [row] = submit(database, audit_id, keep(0))
    undone = revert(database, audit_id, row.id)
    revert(database, audit_id, undone.id)
    assert standing(database, audit_id, 3) == {0: (Verdict.keep, 0)}
    with pytest.raises(Conflict):
        revert(database, audit_id, undone.id)
    revert(database, audit_id, row.id)
    assert [standing(database, audit_id, at) for at in (2, 4)] == [{}, {}]
    assert suspect(database, audit_id, 0).state is ReviewState.open


def test_a_correction_of_another_audit_is_not_found(store):
    dataset_id = make_dataset(store)
    one, other = make_audit(store, dataset_id), make_audit(store, dataset_id)
    [row] = submit(store.database, one, keep(0))
    with pytest.raises(NotFound):
        revert(store.database, other, row.id)


def test_each_version_shows_what_stood_then(database, audit_id):
    [first] = submit(database, audit_id, relabel(0, 1))  # 1
    submit(database, audit_id, NewCorrection(sample_id(1), Verdict.exclude))  # 2
    submit(database, audit_id, NewCorrection(sample_id(2), Verdict.skip))  # 3
    [other] = submit(database, audit_id, relabel(0, 2, supersedes=first.id))  # 4
    revert(database, audit_id, other.id)  # 5
    revert(database, audit_id, first.id)  # 6
    excluded = {1: (Verdict.exclude, None)}
    assert [standing(database, audit_id, at) for at in range(7)] == [
        {},
        {0: (Verdict.relabel, 1)},
        {0: (Verdict.relabel, 1)} | excluded,
        {0: (Verdict.relabel, 1)} | excluded,
        {0: (Verdict.relabel, 2)} | excluded,
        {0: (Verdict.relabel, 1)} | excluded,
        excluded,
    ]


def test_corrections_are_listed_oldest_first_by_sequence(database, audit_id):
    submit(database, audit_id, *(keep(position) for position in range(5)))
    with database.read() as session:
        first = review.list_corrections(session, audit_id, after=0, limit=3, reader="nobody")
        rest = review.list_corrections(session, audit_id, after=3, limit=3, reader="nobody")
    assert [row.seq for row in first] == [1, 2, 3]
    assert [row.seq for row in rest] == [4, 5]


# ----------------------------------------------------------------------------------- several audits


def test_a_decision_can_be_made_anew_after_its_revert_in_an_earlier_audit(store):
    dataset_id = make_dataset(store)
    earlier = make_audit(store, dataset_id)
    [row] = submit(store.database, earlier, relabel(0, 2))
    later = make_audit(store, dataset_id)
    revert(store.database, earlier, row.id)
    [anew] = submit(store.database, later, relabel(0, 1))
    assert standing(store.database, later, anew.seq) == {0: (Verdict.relabel, 1)}


def test_a_decision_of_an_earlier_audit_can_be_superseded_in_the_later_one(store):
    dataset_id = make_dataset(store)
    [row] = submit(store.database, make_audit(store, dataset_id), relabel(0, 2))
    later = make_audit(store, dataset_id)
    with pytest.raises(Conflict):
        submit(store.database, later, keep(0))
    [anew] = submit(store.database, later, keep(0, supersedes=row.id))
    assert anew.seq == 2


def test_a_correction_says_the_uploaded_label_even_in_an_audit_of_corrected_ones(store):
    dataset_id = make_dataset(store)
    audit_id = make_audit(store, dataset_id)
    with store.database.write() as session:  # the audit saw class 2 where class 0 was uploaded
        session.execute(update(Suspect).where(Suspect.rank == 1).values(given_label=2))
    [row] = submit(store.database, audit_id, keep(0))
    assert (row.given_label, row.corrected_label) == (0, 2)


def test_state_counts_add_up_over_tiers(database, audit_id):
    submit(database, audit_id, keep(0), NewCorrection(sample_id(10), Verdict.skip))
    with database.read() as session:
        ranking = review.newest_ranking(session, audit_id)
        counts = review.state_counts(session, ranking.id)
    assert counts[Tier.obvious] == {
        ReviewState.open: 9,
        ReviewState.skipped: 0,
        ReviewState.disputed: 0,
        ReviewState.decided: 1,
    }
    assert counts[Tier.possible][ReviewState.skipped] == 1
    assert sum(sum(states.values()) for states in counts.values()) == 30


def test_a_failed_audit_takes_no_corrections(store):
    audit_id = make_audit(store, make_dataset(store))
    set_status(store, audit_id, JobStatus.failed)
    with pytest.raises(NotReady):
        submit(store.database, audit_id, keep(0))


def test_leases_end_by_the_databases_clock(database, audit_id):
    lease(database, audit_id, seconds=600)
    with database.read() as session:
        left = session.scalar(select(Lease.until - clock()))
    assert 590 < left <= 600


def test_deleting_the_dataset_deletes_its_corrections_too(database, audit_id):
    [row] = submit(database, audit_id, keep(0))
    revert(database, audit_id, row.id)
    with database.write() as session:
        deletion.delete_dataset(session, row.dataset_id)
    with database.read() as session:
        assert session.scalars(select(Correction)).all() == []
        assert session.scalars(select(Suspect)).all() == []

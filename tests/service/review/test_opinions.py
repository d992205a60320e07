"""Several opinions of one sample: who is served what, what is decided, who adjudicates, undoing."""

from types import SimpleNamespace

import pytest
from sqlalchemy import select

from labelaudit.enums import (
    ReviewState,
    Role,
    Tier,
    Verdict,
)
from service import review
from service.core.errors import (
    Conflict,
    LeaseLost,
    NotFound,
    NotPermitted,
)
from service.db.tables import ApiKey, Audit, Correction, Lease
from service.review import NewCorrection, SuspectFilter, assignments
from tests.support.factories import (
    in_threads,
    make_audit,
    make_dataset,
    person,
    revert,
    sample_id,
)

ANN, BEN, CAT = person("Ann"), person("Ben"), person("Cat")
LEAD = person("Lea", Role.uploader)
OPEN = SuspectFilter(state=ReviewState.open)
DISPUTED = SuspectFilter(state=ReviewState.disputed)


@pytest.fixture
def audit_id(store):
    """Every sample wants two opinions."""
    audit_id = make_audit(store, make_dataset(store))
    want(store.database, audit_id, 2)
    return audit_id


def want(database, audit_id, opinions, adjudicators=()):
    with database.write() as session:
        assignments.update_review_settings(
            session, audit_id, opinions=opinions, adjudicators=adjudicators
        )


def lease(database, audit_id, who, count=1, wanted=OPEN, seconds=60.0):
    with database.write() as session:
        held = review.lease_next(
            session, audit_id, principal=who, wanted=wanted, count=count, lease_seconds=seconds
        )
    return [SimpleNamespace(**one.suspect.to_dict(), lease_id=one.lease_id) for one in held]


def ids(served):
    return [found.sample_id for found in served]


def say(database, audit_id, who, position, label, **options):
    correction = NewCorrection(
        sample_id(position), Verdict.relabel, corrected_label=label, **options
    )
    with database.write() as session:
        return review.submit(session, audit_id, [correction], principal=who)[0]


def state(database, audit_id, position=0):
    with database.read() as session:
        return review.get_suspect(session, audit_id, sample_id(position)).state


def decided(database, audit_id):
    with database.read() as session:
        dataset_id = session.get_one(Audit, audit_id).dataset_id
        rows = review.corrections_at(session, dataset_id, 10_000)
        return {position: row.corrected_label for position, row in rows.items()}


def test_each_sample_goes_to_two_people_and_never_twice_to_one(database, audit_id):
    served = {who.name: ids(lease(database, audit_id, who, 3)) for who in (ANN, BEN, CAT)}
    assert served["Ann"] == served["Ben"] == [sample_id(n) for n in range(3)]
    assert served["Cat"] == [sample_id(n) for n in range(3, 6)]
    assert ids(lease(database, audit_id, ANN, 2)) == [sample_id(3), sample_id(4)]


def test_who_holds_samples_is_served_the_next_ones(database, audit_id):
    """Though a second person is still wanted for those that are held."""
    assert ids(lease(database, audit_id, ANN, 3)) == [sample_id(n) for n in range(3)]
    assert ids(lease(database, audit_id, ANN, 2)) == [sample_id(3), sample_id(4)]


def test_of_what_seemed_free_only_what_is_free_is_leased(database, audit_id):
    """As whoever waited for a lock finds it: all were free when they were found."""
    with database.read() as session:
        audit = session.get_one(Audit, audit_id)
        found = [review.get_suspect(session, audit_id, sample_id(n)) for n in range(6)]
    say(database, audit_id, BEN, 0, 1)  # one opinion is missing, and nobody holds it
    found[0].opinions = 1
    lease(database, audit_id, BEN, 3)  # samples 1 to 3
    lease(database, audit_id, CAT)  # sample 0: the missing opinion is promised
    lease(database, audit_id, CAT)  # and so is the other one of sample 1
    say(database, audit_id, ANN, 4, 1)  # has changed since it was found

    def take(who):
        with database.write() as session:
            held = review.lease_suspects(session, audit, found, principal=who, lease_seconds=60)
            return [one.suspect.position for one in held]

    assert take(BEN) == [5]
    assert take(ANN) == [2, 3, 5]
    assert take(ANN) == []
    assert take(CAT) == []


def leases_on(database, position):
    with database.read() as session:
        held = session.scalars(select(Lease).where(Lease.position == position))
        return sorted(row.holder_name for row in held)


def test_an_opinion_ends_its_own_lease_and_a_decision_ends_all(database, audit_id):
    for who in (ANN, BEN):
        lease(database, audit_id, who, 2)
    say(database, audit_id, ANN, 0, 1)
    assert (leases_on(database, 0), leases_on(database, 1)) == (["Ben"], ["Ann", "Ben"])
    say(database, audit_id, BEN, 0, 1)
    assert leases_on(database, 0) == []
    lead_decides = NewCorrection(sample_id(1), Verdict.keep)
    with database.write() as session:
        assignments.update_review_settings(session, audit_id, opinions=1, adjudicators=())
        review.submit(session, audit_id, [lead_decides], principal=ANN)
    assert leases_on(database, 1) == []


def test_who_has_judged_is_not_asked_again_and_what_is_begun_comes_first(database, audit_id):
    say(database, audit_id, ANN, 7, 0)
    assert ids(lease(database, audit_id, BEN)) == [sample_id(7)]
    assert ids(lease(database, audit_id, ANN, 30)) == [sample_id(n) for n in range(30) if n != 7]


@pytest.mark.parametrize("opinions", [2, 3])
def test_an_opinion_that_was_undone_and_brought_back_is_not_asked_for_again(store, opinions):
    database, audit_id = store.database, make_audit(store, make_dataset(store))
    want(database, audit_id, opinions)
    say(database, audit_id, BEN, 7, 0)
    row = say(database, audit_id, ANN, 7, 0)
    for undone in range(1, 7):
        with database.write() as session:
            row = revert(session, audit_id, row.id, principal=LEAD)
        [served] = lease(database, audit_id, ANN)
        assert (served.sample_id == sample_id(7)) == (undone % 2 == 1), undone
        with database.write() as session:
            review.release_lease(session, audit_id, served.sample_id, lease_id=served.lease_id)


def test_people_who_ask_at_once_share_each_sample_by_two(store):
    audit_id = make_audit(store, make_dataset(store, samples=48))
    want(store.database, audit_id, 2)

    def ask(number):
        return ids(lease(store.database, audit_id, person(f"p{number}"), 4))

    served = [name for names in in_threads(24, ask) for name in names]
    assert max(served.count(name) for name in served) == 2
    for late in ("late", "later"):  # what was locked while somebody asked is there afterwards
        served += ids(lease(store.database, audit_id, person(late), 96))
    assert [served.count(sample_id(n)) for n in range(48)] == [2] * 48


def test_one_opinion_decides_nothing_and_two_that_agree_decide(database, audit_id):
    say(database, audit_id, ANN, 0, 2)
    assert (state(database, audit_id), decided(database, audit_id)) == (ReviewState.open, {})
    say(database, audit_id, BEN, 0, 2)
    assert state(database, audit_id) is ReviewState.decided
    assert decided(database, audit_id) == {0: 2}


def test_two_that_differ_are_a_dispute_that_only_an_adjudicator_ends(database, audit_id):
    for who, label in ((ANN, 1), (BEN, 2)):
        say(database, audit_id, who, 0, label)
    assert (state(database, audit_id), decided(database, audit_id)) == (ReviewState.disputed, {})
    with pytest.raises(NotPermitted):
        say(database, audit_id, CAT, 0, 2)
    assert ids(lease(database, audit_id, LEAD, wanted=DISPUTED)) == [sample_id(0)]
    assert lease(database, audit_id, person("Max", Role.admin), wanted=DISPUTED) == []
    row = say(database, audit_id, LEAD, 0, 1)
    assert row.adjudication
    assert decided(database, audit_id) == {0: 1}
    with pytest.raises(NotPermitted):
        say(database, audit_id, CAT, 0, 2, supersedes=row.id)


def test_parties_to_a_dispute_are_not_served_it(database, audit_id):
    say(database, audit_id, LEAD, 0, 1)
    say(database, audit_id, BEN, 0, 2)
    assert lease(database, audit_id, LEAD, wanted=DISPUTED) == []


def test_of_three_two_are_enough(store):
    audit_id = make_audit(store, make_dataset(store))
    want(store.database, audit_id, 3)
    for who, label in ((ANN, 1), (BEN, 2), (CAT, 1)):
        assert decided(store.database, audit_id) == {}
        say(store.database, audit_id, who, 0, label)
    assert decided(store.database, audit_id) == {0: 1}


def test_a_change_of_mind_names_ones_own_opinion_and_reopens_the_question(database, audit_id):
    first = say(database, audit_id, ANN, 0, 1)
    with pytest.raises(Conflict):
        say(database, audit_id, ANN, 0, 2)
    say(database, audit_id, BEN, 0, 1)
    say(database, audit_id, ANN, 0, 2, supersedes=first.id)
    assert state(database, audit_id) is ReviewState.disputed


def test_a_third_who_was_not_asked_is_refused_while_two_hold_it(database, audit_id):
    for who in (ANN, BEN):
        lease(database, audit_id, who)
    with pytest.raises(LeaseLost):
        say(database, audit_id, CAT, 0, 1)


def test_a_lower_or_higher_number_later_changes_nothing_that_was_decided(database, audit_id):
    say(database, audit_id, ANN, 0, 1)
    want(database, audit_id, 1)
    assert state(database, audit_id) is ReviewState.open
    say(database, audit_id, ANN, 1, 2)
    want(database, audit_id, 3)
    assert decided(database, audit_id) == {1: 2}


def test_nobody_is_told_what_others_said_of_what_still_waits(database, audit_id):
    say(database, audit_id, ANN, 0, 1)
    say(database, audit_id, ANN, 1, 2)
    say(database, audit_id, BEN, 1, 2)

    def told(reader):
        with database.read() as session:
            rows = review.list_corrections(session, audit_id, after=0, limit=9, reader=reader)
            return [(row.annotator, row.position) for row in rows]

    assert told(BEN.key_id) == [("Ann", 1), ("Ben", 1)]
    assert told(LEAD.key_id) == told(BEN.key_id)
    assert told(ANN.key_id) == [("Ann", 0), ("Ann", 1), ("Ben", 1)]


# ------------------------------------------------------------------------------------------ undoing


def test_a_batch_is_undone_by_one_call_and_brought_back_by_another(database, audit_id):
    want(database, audit_id, 1)
    with database.write() as session:
        rows = review.submit(
            session,
            audit_id,
            [NewCorrection(sample_id(n), Verdict.exclude) for n in range(5)],
            principal=ANN,
        )
    assert len({row.batch_id for row in rows}) == 1
    with database.write() as session:
        revert(session, audit_id, rows[0].id, principal=ANN)
    with database.write() as session:
        undone = review.create_revert(session, audit_id, batch_id=rows[0].batch_id, principal=ANN)
    assert (undone.reverted, decided(database, audit_id)) == (4, {})
    with database.write() as session:
        back = review.create_revert(session, audit_id, batch_id=undone.id, principal=ANN)
    assert back.reverted == 4
    assert decided(database, audit_id) == dict.fromkeys(range(1, 5))


def test_a_persons_work_is_undone_by_who_leads_since_a_moment_or_all_of_it(database, audit_id):
    want(database, audit_id, 1)
    say(database, audit_id, ANN, 0, 1)
    middle = say(database, audit_id, ANN, 1, 2)
    say(database, audit_id, BEN, 2, 1)

    def undo(who, since=None):
        with database.write() as session:
            return review.create_revert(
                session, audit_id, person_id=ANN.key_id, since=since, principal=who
            ).reverted

    with pytest.raises(NotPermitted):
        undo(BEN)
    assert undo(LEAD, middle.created_at) == 1
    assert undo(LEAD) == 1
    with pytest.raises(Conflict, match="in force"):
        undo(ANN)
    assert decided(database, audit_id) == {2: 1}
    with pytest.raises(NotFound), database.write() as session:
        review.create_revert(session, audit_id, person_id=CAT.key_id, principal=LEAD)


def test_annotators_undo_only_what_they_did_themselves(database, audit_id):
    row = say(database, audit_id, ANN, 0, 1)
    with pytest.raises(NotPermitted), database.write() as session:
        revert(session, audit_id, row.id, principal=BEN)


# ---------------------------------------------------------------------------- audits of one dataset


def test_a_decision_shows_in_every_audit_of_the_dataset(store):
    dataset_id = make_dataset(store)
    one, other = make_audit(store, dataset_id), make_audit(store, dataset_id)
    row = say(store.database, one, ANN, 0, 2)
    assert state(store.database, other) is ReviewState.decided
    assert ids(lease(store.database, other, BEN)) == [sample_id(1)]
    assert ids(lease(store.database, one, ANN)) == [sample_id(2)]  # held through the other audit
    with store.database.write() as session:
        revert(session, one, row.id, principal=ANN)
    assert state(store.database, other) is ReviewState.open


# -------------------------------------------------------------------------------------- assignments


@pytest.fixture
def keys(store):
    with store.database.write() as session:
        session.add_all(
            ApiKey(
                id=who.key_id,
                tenant_id=who.tenant_id,
                name=who.name,
                role=who.role,
                secret_hash="0" * 64,
            )
            for who in (ANN, BEN, CAT)
        )


def assign(database, audit_id, people, wanted, **options):
    with database.write() as session:
        return assignments.create_assignment(
            session,
            audit_id,
            name="a part",
            wanted=wanted,
            people=[who.key_id for who in people],
            principal=LEAD,
            **({"split": False, "reserved": False} | options),
        ).id


def serve(database, audit_id, who, count=1, **options):
    wanted = SuspectFilter(tier=[Tier.obvious, Tier.possible], state=ReviewState.open)
    with database.write() as session:
        return [
            held.suspect.position
            for held in assignments.lease_for(
                session,
                session.get_one(Audit, audit_id),
                wanted,
                principal=who,
                count=count,
                lease_seconds=60,
                **options,
            )
        ]


def test_an_assignment_comes_first_or_alone(store, keys):
    audit_id = make_audit(store, make_dataset(store))
    assign(store.database, audit_id, [ANN], SuspectFilter(tier=[Tier.possible], given_label=0))
    assert serve(store.database, audit_id, ANN, 5, assigned="only") == [12, 15, 18]
    assert serve(store.database, audit_id, ANN, 2) == [0, 1]
    assert serve(store.database, audit_id, BEN, assigned="only") == []


def test_a_split_assignment_gives_each_their_share_and_a_reserved_one_nobody_else(store, keys):
    audit_id = make_audit(store, make_dataset(store))
    part = SuspectFilter(tier=[Tier.obvious])
    assign(store.database, audit_id, [ANN, BEN], part, split=True, reserved=True)
    assert serve(store.database, audit_id, ANN, 9, assigned="only") == [0, 2, 4, 6, 8]
    assert serve(store.database, audit_id, BEN, 9, assigned="only") == [1, 3, 5, 7, 9]
    assert serve(store.database, audit_id, CAT, 2) == [10, 11]


def test_what_was_stored_says_how_many_opinions_were_wanted(database, audit_id):
    say(database, audit_id, ANN, 0, 1)
    with database.read() as session:
        assert session.scalars(select(Correction.wanted)).all() == [2]

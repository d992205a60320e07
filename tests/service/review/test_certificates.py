"""Certificates in the service: what they serve, promise, fix and undo."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from labelaudit.enums import Goal, ReviewState, Role, Tier, Verdict
from service import review
from service.audits.records import get_audit
from service.core.errors import Conflict, NotFound
from service.core.principal import Principal
from service.db.tables import Correction, Suspect
from service.operations.verify.chain import broken_links
from service.reports.findings import read_findings
from service.review import (
    NewCorrection,
    SuspectFilter,
    assignments,
    certificates,
    certified_fixes,
    reranking,
    team,
)
from service.review.certificates import CertificateState, LevelPromise
from tests.support.factories import Store, make_audit, make_dataset, person, sample_id

ANN, BEN, LEA = person("Ann"), person("Ben"), person("Lea", Role.uploader)
SAMPLES = 90  # the models would rather give each the class after the given one

Truth = Callable[[int], int]  # position -> the true class


def suggested(position: int) -> int:
    return (position + 1) % 3


def given(position: int) -> int:
    return position % 3


@pytest.fixture
def audit_id(store: Store) -> str:
    return make_audit(store, make_dataset(store, samples=SAMPLES))


def open_one(
    store: Store,
    audit_id: str,
    goal: Goal = Goal.suggestion_right,
    level: float = 0.95,
    wanted: SuspectFilter | None = None,
) -> str:
    with store.database.write() as session:
        return certificates.open_certificate(
            session,
            audit_id,
            goal=goal,
            level=level,
            wanted=wanted or SuspectFilter(),
            principal=LEA,
        ).certificate.id


def read(store: Store, audit_id: str, certificate_id: str) -> CertificateState:
    with store.database.read() as session:
        return certificates.read_certificate(session, audit_id, certificate_id)


def promise(state: CertificateState, level: float = 0.8) -> LevelPromise:
    return next(one for one in state.promises if one.level == level)


def lease(
    store: Store, audit_id: str, certificate_id: str, who: Principal = ANN, count: int = 1
) -> list[tuple[str, int]]:
    """(lease, position) of the samples that a person is served."""
    with store.database.write() as session:
        return [
            (one.lease_id, one.suspect.position)
            for one in certificates.lease_next(
                session, audit_id, certificate_id, principal=who, count=count, lease_seconds=60
            )
        ]


def judge(
    store: Store,
    audit_id: str,
    certificate_id: str,
    verdicts: int,
    truth: Truth = suggested,
    who: Principal = ANN,
) -> list[int]:
    judged = []
    for _ in range(verdicts):
        for lease_id, position in lease(store, audit_id, certificate_id, who):
            correction = NewCorrection(
                sample_id(position), Verdict.relabel, truth(position), lease_id
            )
            with store.database.write() as session:
                review.submit(session, audit_id, [correction], principal=who)
            judged.append(position)
    return judged


def apply(store: Store, audit_id: str, certificate_id: str, level: float = 0.8) -> CertificateState:
    with store.database.write() as session:
        return certified_fixes.apply(session, audit_id, certificate_id, level=level, principal=LEA)


def decided(store: Store, audit_id: str) -> set[int]:
    with store.database.read() as session:
        ranking = review.newest_ranking(session, audit_id)
        found = session.scalars(
            select(Suspect.position).where(
                Suspect.ranking_id == ranking.id, Suspect.state == ReviewState.decided
            )
        )
        return set(found)


def test_right_answers_let_the_rest_be_fixed_in_one_batch(store: Store, audit_id: str) -> None:
    one = open_one(store, audit_id)
    assert promise(read(store, audit_id, one)).size == 0
    judged = judge(store, audit_id, one, 30)
    assert len(set(judged)) == 30
    found = promise(read(store, audit_id, one))
    assert found.size > 30
    assert (found.wrong, found.unjudged) == (0, found.size - found.right)
    assert found.right_at_least >= 0.8 * found.size
    state = apply(store, audit_id, one)
    assert (state.applied, state.batch_id is not None) == (found.unjudged, True)
    with store.database.read() as session:
        rows = session.scalars(
            select(Correction).where(Correction.certificate_id == one).order_by(Correction.seq)
        ).all()
        assert {row.batch_id for row in rows} == {state.batch_id}
        assert all(row.corrected_label == suggested(row.position) for row in rows)
        assert list(broken_links(session)) == []
    assert len(decided(store, audit_id)) == 30 + state.applied


def test_applying_again_changes_nothing_and_one_call_undoes_it(store: Store, audit_id: str) -> None:
    one = open_one(store, audit_id)
    judged = judge(store, audit_id, one, 30)
    first = apply(store, audit_id, one)
    assert apply(store, audit_id, one).batch_id == first.batch_id
    with pytest.raises(Conflict, match="was applied"):
        lease(store, audit_id, one)
    with store.database.write() as session:
        done = review.create_revert(session, audit_id, batch_id=first.batch_id, principal=LEA)
    assert done.reverted == first.applied
    assert decided(store, audit_id) == set(judged)
    assert read(store, audit_id, one).batch_id is None
    assert lease(store, audit_id, one)


def test_wrong_answers_certify_nothing(store: Store, audit_id: str) -> None:
    one = open_one(store, audit_id)
    judge(store, audit_id, one, 20, truth=given)
    assert all(found.size == 0 for found in read(store, audit_id, one).promises)
    with pytest.raises(Conflict, match="Nothing is certified"):
        apply(store, audit_id, one)


def test_the_same_verdicts_serve_both_goals(store: Store, audit_id: str) -> None:
    """Labels are wrong, but not as suggested."""
    fix, wrong = open_one(store, audit_id), open_one(store, audit_id, Goal.label_wrong)
    judge(store, audit_id, fix, 30, truth=lambda position: (position + 2) % 3)
    assert promise(read(store, audit_id, fix)).size == 0
    state = read(store, audit_id, wrong)
    assert state.right == 30
    assert promise(state).size > 0
    assert apply(store, audit_id, wrong).applied == promise(state).unjudged
    with store.database.read() as session:
        fixed = session.scalars(select(Correction).where(Correction.certificate_id == wrong)).all()
        assert {row.verdict for row in fixed} == {Verdict.exclude}


def test_a_revert_takes_its_answer_back(store: Store, audit_id: str) -> None:
    one = open_one(store, audit_id)
    judge(store, audit_id, one, 30)
    before = promise(read(store, audit_id, one)).size
    with store.database.write() as session:
        review.create_revert(session, audit_id, person_id=ANN.key_id, principal=ANN)
    state = read(store, audit_id, one)
    assert before > 0
    assert (state.judged, promise(state).size) == (0, 0)


def test_two_judges_never_get_the_same_sample(store: Store, audit_id: str) -> None:
    one = open_one(store, audit_id)
    ann = {position for _, position in lease(store, audit_id, one, ANN, 10)}
    ben = {position for _, position in lease(store, audit_id, one, BEN, 10)}
    assert (len(ann), len(ben), ann & ben) == (10, 10, set())


def test_what_is_wanted_from_two_people_counts_once_both_have_spoken(
    store: Store, audit_id: str
) -> None:
    with store.database.write() as session:
        assignments.update_review_settings(session, audit_id, opinions=2, adjudicators=[])
    one = open_one(store, audit_id)
    first = judge(store, audit_id, one, 5, who=ANN)
    assert read(store, audit_id, one).judged == 0
    second = judge(store, audit_id, one, 5, who=BEN)
    assert sorted(first) == sorted(second)
    assert read(store, audit_id, one).judged == 5


def test_what_somebody_holds_or_has_begun_is_left_to_them(store: Store, audit_id: str) -> None:
    one = open_one(store, audit_id)
    judge(store, audit_id, one, 30)
    held = lease(store, audit_id, one, BEN, 3)
    size = promise(read(store, audit_id, one)).unjudged
    with store.database.write() as session:
        assignments.update_review_settings(session, audit_id, opinions=2, adjudicators=[])
    state = apply(store, audit_id, one)
    positions = {position for _, position in held}
    assert size - 3 <= state.applied < size
    assert not positions & decided(store, audit_id)


def test_a_part_is_the_same_for_everybody_who_opens_it(store: Store, audit_id: str) -> None:
    pair = SuspectFilter(given_label=0, predicted_label=1)
    one = open_one(store, audit_id, wanted=pair)
    assert open_one(store, audit_id, wanted=pair) == one
    assert open_one(store, audit_id, wanted=SuspectFilter(tier=[Tier.obvious])) != one
    assert all(position % 3 == 0 for _, position in lease(store, audit_id, one, count=10))
    with store.database.read() as session:
        assert len(certificates.list_certificates(session, audit_id)) == 2
        with pytest.raises(NotFound):
            certificates.read_certificate(session, audit_id, "ce_none")


def test_what_a_certificate_fixed_is_nobodys_verdict(store: Store, audit_id: str) -> None:
    one = open_one(store, audit_id)
    judged = judge(store, audit_id, one, 30)
    apply(store, audit_id, one)
    with store.database.read() as session:
        ranking = review.newest_ranking(session, audit_id)
        audit = get_audit(session, audit_id)
        assert set(reranking.verdicts_of(session, audit)) == set(judged)
        assert read_findings(session, audit_id, ranking.id).reviewed == 30
        assert [(row.name, row.verdicts) for row in team.list_members(session, audit_id)] == [
            ("Ann", 30)
        ]
    later = read(store, audit_id, open_one(store, audit_id))
    assert later.certificate.id != one
    assert later.listed <= SAMPLES - read(store, audit_id, one).applied


def test_judging_the_wrong_labels_of_a_tier_makes_controls(store: Store, audit_id: str) -> None:
    """They are a random sample of their ranks; those chosen by suggestion or class are not."""
    obvious = SuspectFilter(tier=[Tier.obvious])
    for goal, wanted, expected in (
        (Goal.label_wrong, obvious, True),
        (Goal.label_wrong, SuspectFilter(given_label=1), False),
        (Goal.suggestion_right, obvious, False),
    ):
        one = open_one(store, audit_id, goal, wanted=wanted)
        (position,) = judge(store, audit_id, one, 1)
        with store.database.read() as session:
            row = session.scalars(select(Correction).where(Correction.position == position)).one()
            assert row.control is expected

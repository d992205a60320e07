"""Certificates against a model of dictionaries, in any order of acts.

More orders: LABELAUDIT_MACHINE_EXAMPLES=500 before pytest and the name of this file
"""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from labelaudit.enums import Goal, ReviewState, Verdict
from service import review
from service.core.errors import Conflict
from service.core.principal import Principal
from service.db.tables import Correction, Suspect
from service.operations.verify.chain import broken_links
from service.review import NewCorrection, SuspectFilter, certificates, certified_fixes
from service.review.certificates import CertificateState
from tests.service.review.test_review_machine import EXAMPLES, LEA
from tests.support.factories import Store, make_audit, make_dataset, person, sample_id

pytestmark = pytest.mark.slow

SAMPLES = 40
ANN, BEN = person("Ann"), person("Ben")
people = st.sampled_from([ANN, BEN])


class Machine(RuleBasedStateMachine):
    """People judge what they are served; a certificate is applied and reverted at any time."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store, self.database = store, store.database

    @initialize(goal=st.sampled_from(Goal))
    def begin(self, goal: Goal) -> None:
        self.audit_id = make_audit(self.store, make_dataset(self.store, samples=SAMPLES))
        with self.database.write() as session:
            self.certificate_id = certificates.open_certificate(
                session,
                self.audit_id,
                goal=goal,
                level=0.9,
                wanted=SuspectFilter(),
                principal=LEA,
            ).certificate.id
        self.goal = goal
        self.labels: dict[int, int] = {}  # by hand, in force
        self.fixed: set[int] = set()
        self.by: dict[int, tuple[Principal, str]] = {}

    def state(self) -> CertificateState:
        with self.database.read() as session:
            return certificates.read_certificate(session, self.audit_id, self.certificate_id)

    def is_right(self, position: int) -> bool:
        label = self.labels[position]
        if self.goal is Goal.label_wrong:
            return label != position % 3
        return label == (position + 1) % 3

    @rule(who=people, count=st.integers(1, 12), slips=st.sets(st.integers(0, 11), max_size=1))
    def judge(self, who: Principal, count: int, slips: set[int]) -> None:
        """Blind verdicts, nearly all of them right; none while the certificate is applied."""
        with self.database.write() as session:
            try:
                leased = certificates.lease_next(
                    session,
                    self.audit_id,
                    self.certificate_id,
                    principal=who,
                    count=count,
                    lease_seconds=60,
                )
            except Conflict:
                assert self.fixed
                return
            assert not self.fixed
            served = [(one.lease_id, one.suspect.position) for one in leased]
        assert not {position for _, position in served} & set(self.labels)
        for turn, (lease_id, position) in enumerate(served):
            label = position % 3 if turn in slips else (position + 1) % 3
            self.submit(who, position, label, lease_id)

    @rule(who=people, position=st.integers(0, SAMPLES - 1), label=st.integers(0, 2))
    def judge_from_the_queue(self, who: Principal, position: int, label: int) -> None:
        """A verdict that the certificate did not ask for counts as well."""
        if position not in self.labels and position not in self.fixed:
            self.submit(who, position, label, None)

    def submit(self, who: Principal, position: int, label: int, lease_id: str | None) -> None:
        new = NewCorrection(sample_id(position), Verdict.relabel, label, lease_id)
        with self.database.write() as session:
            (row,) = review.submit(session, self.audit_id, [new], principal=who)
            self.by[position] = who, row.id
        self.labels[position] = label

    @rule(data=st.data())
    def revert_a_verdict(self, data: st.DataObject) -> None:
        if self.labels:
            position = data.draw(st.sampled_from(sorted(self.labels)))
            who, correction_id = self.by.pop(position)
            with self.database.write() as session:
                review.create_revert(
                    session, self.audit_id, correction_id=correction_id, principal=who
                )
            del self.labels[position]

    @rule(level=st.sampled_from([0.8, 0.9]), killed=st.booleans())
    def apply(self, level: float, killed: bool) -> None:
        """All of it or, if the process dies before it commits, nothing."""
        before = next(one for one in self.state().promises if one.level == level)
        with self.database.write() as session:
            try:
                certified_fixes.apply(
                    session, self.audit_id, self.certificate_id, level=level, principal=LEA
                )
            except Conflict:
                assert before.unjudged == 0
                return
            if killed:
                session.rollback()
                return
        if not self.fixed:
            self.fixed = self.certified_positions()
            assert len(self.fixed) == before.unjudged

    def certified_positions(self) -> set[int]:
        with self.database.read() as session:
            rows = session.scalars(
                select(Correction).where(
                    Correction.certificate_id == self.certificate_id,
                    Correction.batch_id == self.state().batch_id,
                )
            )
            return {row.position for row in rows}

    @rule()
    def revert(self) -> None:
        batch_id = self.state().batch_id
        if batch_id is None:
            assert not self.fixed
            return
        with self.database.write() as session:
            done = review.create_revert(session, self.audit_id, batch_id=batch_id, principal=LEA)
        assert done.reverted == len(self.fixed)
        self.fixed = set()

    @invariant()
    def counts_what_people_said(self) -> None:
        state = self.state()
        assert state.applied == len(self.fixed)
        assert not self.fixed & set(self.labels)
        assert state.judged == len(self.labels)  # the largest head has all samples
        assert state.right == sum(map(self.is_right, self.labels))
        for one in state.promises:
            assert one.right + one.wrong + one.unjudged == one.size
            assert one.right_at_least >= one.level * (one.size - one.wrong) - 1e-9

    @invariant()
    def what_is_decided_was_judged_or_fixed(self) -> None:
        with self.database.read() as session:
            ranking = review.newest_ranking(session, self.audit_id)
            decided = session.scalars(
                select(Suspect.position).where(
                    Suspect.ranking_id == ranking.id, Suspect.state == ReviewState.decided
                )
            )
            assert set(decided) == set(self.labels) | self.fixed

    def teardown(self) -> None:
        with self.database.read() as session:
            assert list(broken_links(session)) == []


def test_any_order_of_acts(store: Store) -> None:
    run_state_machine_as_test(
        lambda: Machine(store),  # type: ignore[arg-type]
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

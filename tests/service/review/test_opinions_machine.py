"""Samples that want two or three opinions against a model of dictionaries, in any order of acts.

More orders: LABELAUDIT_MACHINE_EXAMPLES=500 pytest tests/service/review/test_opinions_machine.py
"""

from collections import Counter

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from labelaudit.enums import ReviewState, Verdict
from service import review
from service.db.tables import Suspect
from service.review import NewCorrection, SuspectFilter, assignments
from service.review.log import MAX_REVERT_DEPTH
from tests.service.review.test_review_machine import (
    CLASSES,
    EXAMPLES,
    LEA,
    Row,
)
from tests.support.factories import (
    Store,
    make_audit,
    make_dataset,
    person,
    revert,
    sample_id,
)

pytestmark = pytest.mark.slow

SAMPLES = 6
people = st.sampled_from([person(name) for name in ("Ann", "Ben", "Cat", "Dan")])
labels = st.integers(0, CLASSES - 1)


class Machine(RuleBasedStateMachine):
    """Everybody takes what they are served and judges it; anything is undone and brought back."""

    def __init__(self, store: Store, opinions: int) -> None:
        super().__init__()
        self.store, self.database, self.wanted = store, store.database, opinions

    @initialize()
    def begin(self) -> None:
        self.audit_id = make_audit(self.store, make_dataset(self.store, samples=SAMPLES))
        with self.database.write() as session:
            assignments.update_review_settings(
                session, self.audit_id, opinions=self.wanted, adjudicators=[]
            )
        self.log: dict[str, Row] = {}  # oldest first
        self.authors: dict[str, str] = {}

    # ------------------------------------------------------------------------------------ the model

    def opinions(self, position: int) -> dict[str, int | None]:
        """Each person's newest label that stands, the oldest opinion first."""
        found: dict[str, int | None] = {}
        for name, row in self.log.items():
            if row.position == position and row.stands and row.reverts is None:
                found[self.authors[name]] = row.label
        return found

    def state(self, position: int) -> ReviewState:
        said = self.opinions(position)
        if len(said) < self.wanted:
            return ReviewState.open
        [(_, most)] = Counter(said.values()).most_common(1)
        return ReviewState.decided if 2 * most > len(said) else ReviewState.disputed

    def next_for(self, who: str) -> int | None:
        """What somebody has begun comes before what is fresh."""
        waiting = [p for p in range(SAMPLES) if self.state(p) is ReviewState.open]
        begun = [p for p in waiting if self.opinions(p) and who not in self.opinions(p)]
        fresh = [p for p in waiting if not self.opinions(p)]
        return next(iter([*begun, *fresh]), None)

    def flip(self, name: str) -> None:
        row = self.log[name]
        row.stands = not row.stands
        if row.reverts is not None:
            self.flip(row.reverts)

    def undoings(self, name: str) -> int:
        """How many rows lead from this one to the decision at its root."""
        named = self.log[name].reverts
        return 0 if named is None else 1 + self.undoings(named)

    def last_of(self, name: str) -> str:
        """The newest row of those that undid this one and each other: what an undo names."""
        later = [one for one, row in self.log.items() if row.reverts == name]
        return self.last_of(later[-1]) if later else name

    # --------------------------------------------------------------------------------------- acts

    @rule(who=people, label=labels, stays=st.sampled_from([True, True, True, False]))
    def take_the_next(self, who, label, stays):
        with self.database.write() as session:
            held = review.lease_next(
                session,
                self.audit_id,
                principal=who,
                wanted=SuspectFilter(state=ReviewState.open),
                count=1,
                lease_seconds=600,
            )
            served = [(one.suspect.position, one.lease_id) for one in held]
        expected = self.next_for(who.key_id)
        assert [position for position, _ in served] == ([] if expected is None else [expected])
        for position, lease_id in served:
            with self.database.write() as session:
                if not stays:
                    review.release_lease(
                        session, self.audit_id, sample_id(position), lease_id=lease_id
                    )
                    continue
                correction = NewCorrection(
                    sample_id(position), Verdict.relabel, label, lease_id=lease_id
                )
                [row] = review.submit(session, self.audit_id, [correction], principal=who)
                self.log[row.id] = Row(position, Verdict.relabel, label)
                self.authors[row.id] = who.key_id

    @precondition(lambda self: any(row.stands for row in self.log.values()))
    @rule(data=st.data())
    def undo_or_bring_back(self, data):
        standing = [
            name
            for name, row in self.log.items()
            if row.stands and self.undoings(self.last_of(name)) < MAX_REVERT_DEPTH
        ]
        if not standing:
            return
        name = data.draw(st.sampled_from(standing[::-1]))
        with self.database.write() as session:
            row = revert(session, self.audit_id, name, principal=LEA)
            self.log[row.id] = Row(row.position, None, None, reverts=row.reverts)
        self.flip(row.reverts)  # type: ignore[arg-type]

    @invariant()
    def the_queue_reads_what_the_log_says(self):
        with self.database.read() as session:
            ranking = review.newest_ranking(session, self.audit_id)
            found = session.execute(
                select(Suspect.position, Suspect.state, Suspect.opinions).where(
                    Suspect.ranking_id == ranking.id
                )
            ).all()
        told = {position: (state, opinions) for position, state, opinions in found}
        assert told == {p: (self.state(p), len(self.opinions(p))) for p in range(SAMPLES)}


@pytest.mark.parametrize("opinions", [2, 3])
def test_nobody_is_served_what_they_have_judged_and_everybody_what_is_left(store, opinions):
    run_state_machine_as_test(
        lambda: Machine(store, opinions),  # type: ignore[arg-type]
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=40,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

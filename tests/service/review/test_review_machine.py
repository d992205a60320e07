"""The queue and the log of corrections against a model of a few dictionaries, in any order of acts.

More orders: LABELAUDIT_MACHINE_EXAMPLES=500 pytest tests/service/review/test_review_machine.py
"""

import os
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select, update

from labelaudit.enums import ReviewState, Role, Verdict
from service import review
from service.api import idempotency
from service.core.errors import Conflict, LeaseLost
from service.db.engine import clock
from service.db.tables import (
    Correction,
    Dataset,
    Lease,
    Suspect,
    new_id,
)
from service.operations.verify.chain import broken_links
from service.review import NewCorrection, SuspectFilter
from tests.support import factories
from tests.support.factories import (
    Store,
    make_audit,
    make_dataset,
    person,
    sample_id,
)

pytestmark = pytest.mark.slow

EXAMPLES = int(os.environ.get("LABELAUDIT_MACHINE_EXAMPLES", "6"))
SAMPLES = 6
CLASSES = 3
LEA = person("Lea", Role.uploader)
OPEN, SKIPPED = ReviewState.open, ReviewState.skipped

people = st.sampled_from([person("Ann"), person("Ben"), person("Cat")])
positions = st.integers(0, SAMPLES - 1)
verdicts = st.sampled_from([Verdict.keep, Verdict.relabel, Verdict.exclude, Verdict.skip])
labels = st.integers(0, CLASSES - 1)


@dataclass
class Held:
    """A lease as the model has it."""

    lease_id: str
    holder: str
    live: bool = True


@dataclass
class Row:
    """A row of the log as the model has it; it stands until something undoes it."""

    position: int
    verdict: Verdict | None
    label: int | None
    reverts: str | None = None
    stands: bool = True


class Machine(RuleBasedStateMachine):
    """One audit whose samples want one opinion each."""

    held = Bundle("held")
    decided = Bundle("decided")
    batches = Bundle("batches")

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.database = store.database
        self.store = store

    @initialize()
    def begin(self) -> None:
        self.dataset_id = make_dataset(self.store, samples=SAMPLES)
        self.audit_id = make_audit(self.store, self.dataset_id)
        self.leases: dict[int, Held] = {}
        self.log: dict[str, Row] = {}  # oldest first

    # ------------------------------------------------------------------------------------ the model

    def newest(self, position: int) -> tuple[str, Row] | None:
        """The row that decides the sample or skips it."""
        standing = [
            (name, row)
            for name, row in self.log.items()
            if row.position == position and row.stands and row.verdict is not None
        ]
        return standing[-1] if standing else None

    def state(self, position: int) -> ReviewState:
        found = self.newest(position)
        if found is None:
            return OPEN
        return SKIPPED if found[1].verdict is Verdict.skip else ReviewState.decided

    def holder(self, position: int) -> str | None:
        held = self.leases.get(position)
        return held.holder if held is not None and held.live else None

    def flip(self, name: str) -> None:
        """Undo a row, and so bring back what it undid; or bring it back, and so undo that again."""
        row = self.log[name]
        row.stands = not row.stands
        if row.reverts is not None:
            self.flip(row.reverts)

    def note(self, rows: Iterable[Correction]) -> None:
        """Take what the service wrote into the model."""
        touched = set()
        for row in rows:
            self.log[row.id] = Row(row.position, row.verdict, row.corrected_label, row.reverts)
            if row.reverts is not None:
                self.flip(row.reverts)
            touched.add(row.position)
        for position in touched:  # nobody holds what waits for nobody
            if self.state(position) is ReviewState.decided:
                self.leases.pop(position, None)

    def refusal(self, correction: NewCorrection, who: str) -> type[Exception] | None:
        position = int(correction.sample_id.removeprefix("sample-"))
        newest = self.newest(position)
        if self.state(position) is ReviewState.decided:
            return None if newest[0] == correction.supersedes else Conflict
        return None if self.holder(position) in (None, who) else LeaseLost

    # --------------------------------------------------------------------------------------- leases

    @rule(target=held, who=people, count=st.integers(1, 3), state=st.sampled_from([OPEN, SKIPPED]))
    def lease(self, who, count, state):
        with self.database.write() as session:
            served = review.lease_next(
                session,
                self.audit_id,
                principal=who,
                wanted=SuspectFilter(state=state),
                count=count,
                lease_seconds=600,
            )
        found = [one.suspect.position for one in served]
        free = [p for p in range(SAMPLES) if self.state(p) is state and self.holder(p) is None]
        if state is OPEN:
            assert found == free[:count]
        else:  # not to whoever had decided it before it was skipped
            assert set(found) <= set(free)
        for one in served:
            self.leases[one.suspect.position] = Held(one.lease_id, who.key_id)
        return multiple(*((one.suspect.position, one.lease_id) for one in served))

    @rule(lease=held)
    def let_run_out(self, lease):
        position, lease_id = lease
        if self.mine(position, lease_id):
            self.leases[position].live = False
        past = clock() - 1
        with self.database.write() as session:
            gone = session.execute(update(Lease).where(Lease.id == lease_id).values(until=past))
            if gone.rowcount:  # type: ignore[attr-defined]
                session.execute(
                    update(Suspect)
                    .where(Suspect.position == position, Suspect.full_until.is_not(None))
                    .values(full_until=past)
                )

    @rule(lease=held)
    def renew(self, lease):
        position, lease_id = lease
        with self.database.write() as session:
            try:
                review.renew_lease(
                    session,
                    self.audit_id,
                    sample_id(position),
                    lease_id=lease_id,
                    lease_seconds=600,
                )
            except LeaseLost:
                assert not self.mine(position, lease_id)
            else:
                assert self.mine(position, lease_id)
                self.leases[position].live = True

    @rule(lease=consumes(held))
    def release(self, lease):
        position, lease_id = lease
        with self.database.write() as session:
            try:
                review.release_lease(session, self.audit_id, sample_id(position), lease_id=lease_id)
            except LeaseLost:
                assert not self.mine(position, lease_id)
            else:
                assert self.mine(position, lease_id)
                del self.leases[position]

    def mine(self, position: int, lease_id: str) -> bool:
        return position in self.leases and self.leases[position].lease_id == lease_id

    # ------------------------------------------------------------------------------------ decisions

    @rule(target=decided, who=people, position=positions, verdict=verdicts, label=labels)
    def decide(self, who, position, verdict, label):
        return self.submit(who, [self.correction(position, verdict, label)])

    @rule(target=decided, who=people, earlier=decided, verdict=verdicts, label=labels)
    def supersede(self, who, earlier, verdict, label):
        position = self.log[earlier].position
        return self.submit(who, [self.correction(position, verdict, label, supersedes=earlier)])

    @rule(
        target=batches,
        who=people,
        chosen=st.lists(positions, min_size=2, max_size=4, unique=True),
        verdict=verdicts,
        label=labels,
    )
    def decide_many(self, who, chosen, verdict, label):
        names = self.submit(who, [self.correction(p, verdict, label) for p in chosen])
        if not names.values:
            return multiple()
        with self.database.read() as session:
            return session.get_one(Correction, names.values[0]).batch_id

    @rule(target=decided, who=people, position=positions, verdict=verdicts, label=labels)
    def decide_twice_with_one_key(self, who, position, verdict, label):
        correction = self.correction(position, verdict, label)
        key, rows = new_id("key"), []
        refused = self.refusal(correction, who.key_id)
        for _ in range(2):
            with (
                self.refused(refused),
                self.database.write() as session,
                idempotency.once(session, who, key, "the same") as answer,
            ):
                if answer.body is None:
                    rows += review.submit(session, self.audit_id, [correction], principal=who)
                    answer.body = {"id": rows[0].id}
                assert answer.body == {"id": rows[0].id}
        assert len(rows) == (refused is None)
        return self.stored(who, rows)

    @staticmethod
    def correction(position, verdict, label, supersedes=None) -> NewCorrection:
        given = label if verdict is Verdict.relabel else None
        return NewCorrection(sample_id(position), verdict, given, supersedes=supersedes)

    def submit(self, who, corrections):
        refusals = [self.refusal(correction, who.key_id) for correction in corrections]
        wanted = next((kind for kind in (Conflict, LeaseLost) if kind in refusals), None)
        rows = []
        with self.refused(wanted), self.database.write() as session:
            rows = review.submit(session, self.audit_id, corrections, principal=who)
        return self.stored(who, rows)

    @staticmethod
    def refused(kind):
        return nullcontext() if kind is None else pytest.raises(kind)

    def stored(self, who, rows):
        for row in rows:
            held = self.leases.get(row.position)
            if held is not None and held.holder == who.key_id:
                del self.leases[row.position]
        self.note(rows)
        return multiple(*(row.id for row in rows))

    # -------------------------------------------------------------------------------------- undoing

    @rule(target=decided, name=decided)
    def revert(self, name):
        """Also reverts of reverts: they come into the bundle of what was decided."""
        stood = self.log[name].stands
        try:
            with self.database.write() as session:
                row = factories.revert(session, self.audit_id, name, principal=LEA)
        except Conflict:
            assert not stood
            return multiple()
        assert stood
        self.note([row])
        assert not self.log[name].stands
        return row.id

    @rule(batch=batches)
    def revert_batch(self, batch):
        with self.database.read() as session:
            names = session.scalars(select(Correction.id).where(Correction.batch_id == batch)).all()
        stood = sum(self.log[name].stands for name in names)
        try:
            with self.database.write() as session:
                done = review.create_revert(session, self.audit_id, batch_id=batch, principal=LEA)
                of_batch = select(Correction).where(Correction.batch_id == done.id)
                rows = session.scalars(of_batch.order_by(Correction.seq)).all()
        except Conflict:
            assert stood == 0
            return
        assert (done.reverted, len(rows)) == (stood, stood)
        self.note(rows)
        assert not any(self.log[name].stands for name in names)

    # ------------------------------------------------------------------------ what must always hold

    @invariant()
    def no_sample_is_held_by_two(self):
        with self.database.read() as session:
            live = session.execute(
                select(Lease.position, Lease.holder).where(
                    Lease.dataset_id == self.dataset_id, Lease.until > clock()
                )
            ).all()
        expected = [(p, self.holder(p)) for p in range(SAMPLES) if self.holder(p) is not None]
        assert sorted(map(tuple, live)) == expected

    @invariant()
    def the_log_only_grows_by_what_was_acknowledged(self):
        with self.database.read() as session:
            rows = session.execute(
                select(Correction.seq, Correction.id)
                .where(Correction.dataset_id == self.dataset_id)
                .order_by(Correction.seq)
            ).all()
            version = session.get_one(Dataset, self.dataset_id).version
        assert [tuple(row) for row in rows] == list(enumerate(self.log, start=1))
        assert version == len(self.log)

    @invariant()
    def what_is_decided_is_what_the_model_says(self):
        expected = {}
        for position in range(SAMPLES):
            if self.state(position) is ReviewState.decided:
                name, row = self.newest(position)  # type: ignore[misc]
                given = position % CLASSES
                label = given if row.verdict is Verdict.keep else row.label
                expected[position] = (name, row.verdict, label)
        with self.database.read() as session:
            found = review.corrections_at(session, self.dataset_id, len(self.log))
            states = dict(
                session.execute(
                    select(Suspect.position, Suspect.state).where(
                        Suspect.ranking_id == review.newest_ranking(session, self.audit_id).id
                    )
                ).all()
            )
        told = {p: (row.id, row.verdict, row.corrected_label) for p, row in found.items()}
        assert told == expected
        assert states == {p: self.state(p) for p in range(SAMPLES)}

    def teardown(self):
        with self.database.read() as session:
            assert list(broken_links(session)) == []


def test_the_queue_and_the_log_do_what_a_few_dictionaries_say(store):
    run_state_machine_as_test(
        lambda: Machine(store),  # type: ignore[arg-type]
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=30,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

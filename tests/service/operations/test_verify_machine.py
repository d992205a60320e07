"""Whatever the service does by itself, in any order, leaves a store that `verify` finds whole.

More orders: LABELAUDIT_MACHINE_EXAMPLES=100 pytest tests/service/operations/test_verify_machine.py
"""

import io
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
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
from sqlalchemy import select
from starlette.testclient import TestClient

from labelaudit.enums import JobStatus, JobType, Verdict
from service.audits import records as audits
from service.db.tables import Audit, Dataset, Job
from service.jobs.records import MAX_ATTEMPTS, Claim
from service.operations.cleanup import clean_up
from service.operations.verify import verify
from tests.support.factories import Store, make_audit, make_dataset
from worker.runtime.context import Commit, Handlers, Worker
from worker.runtime.lease import JobLease
from worker.runtime.runner import run_one

EXAMPLES = int(os.environ.get("LABELAUDIT_MACHINE_EXAMPLES", "4"))
STEPS = 30
SAMPLES, CLASSES = 30, 3
LEASE = "lease_id"

verdicts = st.sampled_from(list(Verdict))
# Jobs that train need torch and seconds: here they are ended without running.
SLOW = {JobType.encoding, JobType.train, JobType.classifier}


def probabilities() -> bytes:
    """An upload whose audit trains nothing: every tenth label is wrong."""
    rng = np.random.default_rng(7)
    labels = np.arange(SAMPLES) % CLASSES
    given = rng.dirichlet(np.ones(CLASSES), SAMPLES) + 2 * np.eye(CLASSES)[labels]
    labels[::10] = (labels[::10] + 1) % CLASSES
    target = io.BytesIO()
    pred_probs = (given / given.sum(1, keepdims=True)).astype(np.float32)
    np.savez(target, pred_probs=pred_probs, labels=labels)
    return target.getvalue()


UPLOADS = {"good.npz": probabilities(), "bad.csv": b"a,b\n1,2\n", "no.npz": b"not a zip"}


class Machine(RuleBasedStateMachine):
    """People, workers and the cleanup on one store."""

    datasets = Bundle("datasets")
    reviewed = Bundle("reviewed")  # completed audits
    begun = Bundle("begun")  # audits in any state

    def __init__(self, store: Store, client: TestClient, worker: Worker) -> None:
        super().__init__()
        self.store, self.client = store, client
        self.worker = replace(worker, handlers=self.interruptible(worker.handlers))
        self.before_commit: Callable[[Claim], None] = lambda _: None

    def interruptible(self, handlers: Handlers) -> Handlers:
        """The real handlers; between what they compute and their commit something may happen."""

        def wrapped(run: Callable[..., Commit]) -> Callable[..., Commit]:
            def act(worker: Worker, claim: Claim, lease: JobLease) -> Commit:
                if claim.type in SLOW:
                    raise RuntimeError("not run here")
                commit = run(worker, claim, lease)
                self.before_commit(claim)
                return commit

            return act

        return {type: replace(one, run=wrapped(one.run)) for type, one in handlers.items()}

    @initialize(target=reviewed)
    def begin(self):
        return self.complete(self.upload_whole())

    # ------------------------------------------------------------------------------------- datasets

    def upload_whole(self) -> str:
        dataset_id = self.send("good.npz")
        self.work()
        return dataset_id

    def send(self, filename: str) -> str:
        answer = self.client.post(
            "/v1/datasets", params={"filename": filename}, content=UPLOADS[filename]
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    @rule(target=datasets, filename=st.sampled_from(list(UPLOADS)))
    def upload(self, filename):
        return self.send(filename)

    @rule(target=datasets)
    def make_text_dataset(self):
        return make_dataset(self.store, samples=SAMPLES)

    @rule(dataset_id=consumes(datasets), amid=st.booleans())
    def delete(self, dataset_id, amid):
        def act(_claim: Claim | None = None) -> None:
            self.client.delete(f"/v1/datasets/{dataset_id}")

        if amid:
            self.amid_a_job(act)
        else:
            act()

    # --------------------------------------------------------------------------------------- audits

    def complete(self, dataset_id: str) -> str:
        answer = self.client.post(f"/v1/datasets/{dataset_id}/audits", json={})
        assert answer.status_code == 202, answer.text
        self.work()
        return str(answer.json()["id"])

    @rule(target=begun, dataset_id=datasets)
    def start(self, dataset_id):
        answer = self.client.post(f"/v1/datasets/{dataset_id}/audits", json={})
        return answer.json()["id"] if answer.status_code == 202 else multiple()

    @rule(target=reviewed)
    def make_completed_audit(self):
        """Of a dataset whose classes are texts, by the factory: nothing is trained."""
        return make_audit(self.store, make_dataset(self.store, samples=SAMPLES))

    @rule(audit_id=begun, amid=st.booleans())
    def cancel(self, audit_id, amid):
        def act(_claim: Claim | None = None) -> None:
            self.client.post(f"/v1/audits/{audit_id}/cancel")

        if amid:
            self.amid_a_job(act)
        else:
            act()

    @rule(audit_id=begun)
    def fail(self, audit_id):
        with self.store.database.write() as session:
            if session.get(Audit, audit_id) is not None:
                audits.fail_audit(session, audit_id, {"type": "/problems/x", "detail": "It broke."})

    # ----------------------------------------------------------------------------------- the worker

    def work(self) -> None:
        """Until nothing is due."""
        while run_one(self.worker):
            self.due()

    def due(self) -> None:
        """Nobody waits for what failed and is to be tried again."""
        with self.store.database.write() as session:
            for job in session.scalars(select(Job).where(Job.status == JobStatus.queued)):
                job.ready_at = 0.0

    @rule()
    def work_once(self):
        self.due()
        run_one(self.worker)

    @rule()
    def work_off(self):
        self.due()
        self.work()

    def amid_a_job(self, act: Callable[[Claim], None]) -> None:
        """Something happens after a job was computed and before it is committed."""
        self.due()
        self.before_commit = act
        try:
            run_one(self.worker)
        finally:
            self.before_commit = lambda _: None

    @rule(attempts=st.sampled_from([1, MAX_ATTEMPTS]))
    def a_worker_dies(self, attempts):
        """Between what it computed and its commit; its lease is over when the next one looks."""

        class Killed(BaseException):
            pass

        def die(_claim: Claim) -> None:
            raise Killed

        for _ in range(attempts):
            try:
                self.amid_a_job(die)
            except Killed:
                self.end_leases()

    def end_leases(self) -> None:
        with self.store.database.write() as session:
            for job in session.scalars(select(Job).where(Job.status == JobStatus.running)):
                job.lease_until = 0.0

    @rule(settled=st.sampled_from([0.0, 3600.0]))
    def clean_up(self, settled):
        clean_up(self.store.database, self.store.storage, min_age_seconds=settled)

    # --------------------------------------------------------------------------------------- review

    @rule(audit_id=reviewed, verdict=verdicts, count=st.integers(1, 4), leased=st.booleans())
    def decide(self, audit_id, verdict, count, leased):
        held = self.client.post(f"/v1/audits/{audit_id}/queue/next", json={"count": count})
        if held.status_code != 200 or not leased:
            return
        corrections = [self.correction(item, verdict) for item in held.json()["items"]]
        if corrections:
            self.client.post(
                f"/v1/audits/{audit_id}/corrections", json={"corrections": corrections}
            )

    def correction(self, item: dict[str, Any], verdict: Verdict) -> dict[str, Any]:
        told = {"sample_id": item["sample_id"], "verdict": verdict}
        if verdict is Verdict.relabel:
            told["corrected_label"] = item["given_label"]
        return {**told, LEASE: item["lease"][LEASE]}

    @rule(audit_id=reviewed, index=st.integers(0, 5))
    def revert(self, audit_id, index):
        listed = self.client.get(f"/v1/audits/{audit_id}/corrections")
        rows = listed.json()["items"] if listed.status_code == 200 else []
        if index < len(rows):
            undo = {"correction_id": rows[index]["id"]}
            self.client.post(f"/v1/audits/{audit_id}/reverts", json=undo)

    @rule(audit_id=reviewed)
    def delete_audit(self, audit_id):
        """Refused where it has corrections or comments."""
        self.client.delete(f"/v1/audits/{audit_id}")

    @rule(audit_id=reviewed, opinions=st.integers(1, 3))
    def ask_for_opinions(self, audit_id, opinions):
        self.client.put(f"/v1/audits/{audit_id}/review-settings", json={"opinions": opinions})

    @rule(audit_id=reviewed)
    def comment(self, audit_id):
        listed = self.client.get(f"/v1/audits/{audit_id}/suspects")
        if listed.status_code == 200:
            sample_id = listed.json()["items"][0]["sample_id"]
            dataset_id = self.client.get(f"/v1/audits/{audit_id}").json()["dataset_id"]
            comments = f"/v1/datasets/{dataset_id}/samples/{sample_id}/comments"
            answer = self.client.post(comments, json={"text": "Look again."})
            assert answer.status_code == 201, answer.text

    @rule(audit_id=reviewed, count=st.integers(1, 4), late=st.booleans())
    def rerank(self, audit_id, count, late):
        """Some times, or with a newer one published before."""
        for _ in range(count):
            self.decide(audit_id, Verdict.keep, 1, True)
            self.client.post(f"/v1/audits/{audit_id}/rankings")
            if not late:
                self.due()
                self.work()

    @rule(audit_id=reviewed)
    def audit_again(self, audit_id):
        """At the newest version; with a class excluded as a whole, that fails."""
        found = self.client.get(f"/v1/audits/{audit_id}")
        if found.status_code == 200:
            self.start_of(found.json()["dataset_id"])

    def start_of(self, dataset_id: str) -> None:
        self.client.post(f"/v1/datasets/{dataset_id}/audits", json={})

    @rule(audit_id=reviewed, format=st.sampled_from(["original", "csv", "patch"]))
    def export(self, audit_id, format):
        found = self.client.get(f"/v1/audits/{audit_id}")
        if found.status_code == 200:
            dataset_id = found.json()["dataset_id"]
            self.client.post(f"/v1/datasets/{dataset_id}/exports", json={"format": format})

    # ------------------------------------------------------------------------ what must always hold

    @invariant()
    def everything_holds_together(self):
        report = verify(self.store.database, self.store.storage)
        assert report.whole, [str(one) for one in report.violations]

    def teardown(self):
        with self.store.database.read() as session:
            found = session.scalars(select(Dataset.id)).all()
        for dataset_id in found:
            self.client.delete(f"/v1/datasets/{dataset_id}")


@pytest.mark.slow
def test_whatever_the_service_does_holds_together(store, admin, worker, database_url):
    examples = EXAMPLES if database_url.startswith("sqlite") else max(1, EXAMPLES // 4)
    run_state_machine_as_test(
        lambda: Machine(store, admin, worker),  # type: ignore[arg-type]
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

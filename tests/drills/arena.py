"""What every drill works with: a running stack, clients, workloads whose right result is known, and
the check that ends it."""

import contextlib
import hashlib
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sqlalchemy.exc import OperationalError

from labelaudit.enums import UNFINISHED, JobType, Role
from service.accounts.api_keys import create_key
from service.operations.cleanup import clean_up
from service.operations.verify import verify
from tests.drills.ledger import Caller, Ledger
from tests.drills.stack import PATIENCE, Stack, until
from tests.support import road

# Two shards of some seconds each.
TRAINING = {"epochs": 120, "replicas": 4, "replicas_per_shard": 2, "families": ["network"]}
# One shard of some ten seconds, of which each epoch takes one or two.
FINE_TUNING = {
    "network": "fine_tuned",
    "encoder": "efficientnet-lite0",
    "families": ["network"],
    "epochs": 10,
    "replicas": 2,
    "batch_size": 16,
}
QUICK = {"epochs": 4, "replicas": 2, "replicas_per_shard": 1, "families": ["network"]}
SAMPLES = 300
TO_DECIDE = 80
CALM_TRIES = 3

Result = tuple[list[tuple[Any, ...]], str]


@dataclass
class Arena:
    stack: Stack
    rng: random.Random = field(default_factory=random.Random)
    ledger: Ledger = field(default_factory=Ledger)
    undisturbed: dict[str, Result] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)  # figures of a drill that fit no column
    workloads: dict[str, tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=dict)
    by_way_of: str | None = None  # the address people use, where it is not the service's own

    @cached_property
    def client(self) -> Caller:
        return self.new_client("the drill", Role.admin)

    def new_client(self, name: str, role: Role = Role.annotator) -> Caller:
        token = until(lambda: self._key(name, role))
        return Caller(self.by_way_of or self.stack.url, self.ledger, token)  # type: ignore[arg-type]

    def _key(self, name: str, role: Role) -> str | None:
        """None where the database is away, which a soak may have it."""
        with (
            contextlib.suppress(OperationalError),
            self.stack.deployment.database() as database,
            database.write() as session,
        ):
            return create_key(session, name=name, role=role)[1]
        return None

    @cached_property
    def dataset(self) -> dict[str, Any]:
        return self.upload(road.vectors(SAMPLES))

    def upload(self, upload: road.Upload) -> dict[str, Any]:
        dataset = road.send(self.client, upload, lambda: time.sleep(0.1))
        shared = self.client.call(
            "PATCH", f"/v1/datasets/{dataset['id']}/members", json={"shared": True}
        )
        assert shared.status_code == 200, shared.text
        self.ledger.uploads[dataset["id"]] = hashlib.sha256(upload.content).hexdigest()
        return dataset

    def start(self, workload: dict[str, Any], dataset: dict[str, Any] | None = None) -> str:
        """The path of a new audit."""
        dataset = dataset or self.dataset
        audit = road.start(self.client, dataset, workload)
        name = f"{dataset['id']} {sorted(workload.items())}"
        self.workloads[name] = workload, dataset
        self.ledger.audits[audit] = name
        return audit

    def completed(self, audit: str, *, seconds: float = PATIENCE) -> None:
        job = road.finished(self.client, audit, lambda: time.sleep(0.1), seconds=seconds)
        assert job["status"] == "completed", job["problem"]

    def result(self, audit: str) -> Result:
        """The ranking, and a hash of every byte that the shards wrote."""
        ranking = [
            (item["rank"], item["sample_id"], item["p_wrong"], item["p_wrong_low"], item["tier"])
            for item in road.ranked(self.client, audit)
        ]
        digest = hashlib.sha256()
        folder = self.stack.storage.path(f"audits/{audit.rsplit('/', 1)[1]}/shards")
        for path in sorted(folder.glob("[0-9]*/*")):
            digest.update(f"{path.relative_to(folder)}".encode() + path.read_bytes())
        return ranking, digest.hexdigest()

    def expect_undisturbed(self, audit: str) -> None:
        """The audit came to what the same audit comes to when nothing goes wrong."""
        self.completed(audit)
        name = self.ledger.audits[audit]
        if name not in self.undisturbed:
            self.undisturbed[name] = self.result(self._calm(*self.workloads[name]))
        ranking, digest = self.result(audit)
        assert ranking == self.undisturbed[name][0], "the ranking differs"
        assert digest == self.undisturbed[name][1], "the shards' bytes differ"

    def _calm(self, workload: dict[str, Any], dataset: dict[str, Any]) -> str:
        """An audit whose every job ran once. A starved machine may let a lease of these few
        seconds lapse with nobody hurt, so one that was disturbed is started again."""
        for _ in range(CALM_TRIES):
            calm = self.start(workload, dataset)
            self.completed(calm)
            if not self.stack.run_again(calm):
                return calm
            self.notes.append("a lease lapsed in an undisturbed run")
        raise AssertionError(self.stack.said("no undisturbed run was left in peace"))

    def reviewable(self) -> str:
        """A completed audit with a full queue: of a dataset of its own, since what is decided in
        one audit stays decided in the dataset's next."""
        audit = self.start(QUICK, self.upload(road.vectors(TO_DECIDE)))
        self.completed(audit)
        return audit

    @contextlib.contextmanager
    def annotators(self, audit: str, count: int) -> Iterator[None]:
        """Some people work the audit's queue to its end; the block ends when they have, or fails
        once they have put down what they hold."""
        before = len(self.ledger.corrections)
        clients = [self.new_client(f"annotator {number}") for number in range(count)]
        failed: list[BaseException] = []
        stop = threading.Event()

        def work(client: Caller) -> None:
            try:
                while not stop.is_set() and client.decide(audit):
                    pass
            except BaseException as error:
                failed.append(error)
            finally:
                client.http.close()

        threads = [threading.Thread(target=work, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        try:
            yield
        except BaseException:
            stop.set()
            raise
        finally:
            for thread in threads:
                thread.join(PATIENCE)
        for thread in threads:
            assert not thread.is_alive(), "an annotator never got to the end"
        assert not failed, failed
        assert len(self.ledger.corrections) > before, "nobody decided anything"

    def settle(self) -> None:
        """Nothing is left to do: every audit has ended, every model is trained."""
        for audit in self.ledger.audits:
            until(lambda audit=audit: self.stack.finished(audit))  # type: ignore[misc]
            until(
                lambda audit=audit: (
                    not self.stack.jobs(  # type: ignore[misc]
                        audit, _unfinished()
                    )
                )
            )

    def check(self) -> None:
        """The invariants of every drill: nothing lost, nothing twice, everything holds together."""
        self.settle()
        assert not self.ledger.faults, self.ledger.faults
        assert not (lost := self.ledger.lost(self.stack)), f"lost: {lost}"
        assert not (doubled := self.ledger.doubled(self.stack)), f"twice: {doubled}"
        with self.stack.deployment.database() as database:
            clean_up(database, self.stack.storage, min_age_seconds=0)
            report = verify(database, self.stack.storage, min_age_seconds=0)
        assert report.whole, [str(one) for one in report.violations]
        assert not report.leftovers, report.leftovers


def _unfinished() -> Any:
    from service.db.tables import Job

    return Job.status.in_(UNFINISHED) & (Job.type != JobType.predict)

"""What the service acknowledged to its clients, kept on the client's side: it must all be there.

Every call ends as ok (acknowledged), refused (a problem that will not change by itself) or unknown
(the connection broke; 503; 507, a full disk); unknown ones are sent again with the same
Idempotency-Key.
"""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2
from sqlalchemy import select

from labelaudit.enums import Tier, Verdict
from service.db.tables import Audit, Correction, Dataset
from tests.drills.stack import Stack

GIVE_UP_SECONDS = 180.0


@dataclass
class Ledger:
    """Acknowledged operations and how calls ended; many threads may write."""

    uploads: dict[str, str] = field(default_factory=dict)  # dataset id -> sha256
    audits: dict[str, str] = field(default_factory=dict)  # path -> the workload's name
    corrections: dict[str, tuple[str, str]] = field(default_factory=dict)  # id -> audit, sample
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)  # answers that must never be
    recoveries: list[float] = field(default_factory=list)  # seconds
    lock: threading.Lock = field(default_factory=threading.Lock)

    def recovered(self, since: float) -> None:
        """The system does again what a fault interrupted; `since` is the fault's moment."""
        with self.lock:
            self.recoveries.append(time.monotonic() - since)

    def lost(self, stack: Stack) -> list[str]:
        """What was acknowledged and is not there."""
        with stack.deployment.database() as database, database.read() as session:
            datasets = dict(session.execute(select(Dataset.id, Dataset.sha256)).all())
            audits = set(session.scalars(select(Audit.id)))
            corrections = {
                row.id: (row.audit_id, row.sample_id) for row in session.scalars(select(Correction))
            }
        missing = [
            f"dataset {name}" for name, sha in self.uploads.items() if datasets.get(name) != sha
        ]
        missing += [f"audit {a}" for a in self.audits if a.rsplit("/", 1)[1] not in audits]
        missing += [f"correction {c}" for c, said in self.corrections.items()
                    if corrections.get(c) != said]  # fmt: skip
        return missing

    def doubled(self, stack: Stack) -> list[str]:
        """Samples with two standing decisions in one audit: nobody here ever supersedes one."""
        with stack.deployment.database() as database, database.read() as session:
            rows = session.execute(
                select(Correction.audit_id, Correction.sample_id, Correction.id).where(
                    Correction.verdict.is_not(None),
                    Correction.verdict != Verdict.skip,
                    Correction.id.not_in(
                        select(Correction.reverts).where(Correction.reverts.is_not(None))
                    ),
                )
            ).all()
        counted = Counter((row.audit_id, row.sample_id) for row in rows)
        return [f"{audit} {sample}" for (audit, sample), count in counted.items() if count > 1]


class Caller:
    """One client: calls, tries again what may be repeated, notes how it ended."""

    def __init__(self, url: str, ledger: Ledger, token: str) -> None:
        self.ledger, self.token = ledger, token
        headers = {"Authorization": f"Bearer {token}"}
        self.http = httpx2.Client(base_url=url, headers=headers, timeout=60)

    def call(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """The last answer. Whatever the service must never say goes into the ledger's faults."""
        headers = {"Idempotency-Key": uuid4().hex}
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while True:
            pause = 0.1
            try:
                answer = self.http.request(method, path, headers=headers, **options)
            except httpx2.TransportError as error:
                self._note(f"unknown: {type(error).__name__}")
            else:
                if answer.status_code not in (503, 507):
                    if answer.status_code >= 500:
                        self.ledger.faults.append(f"{method} {path}: {answer.text[:300]}")
                    self._note("ok" if answer.is_success else f"refused: {answer.status_code}")
                    return answer
                if "retry-after" not in answer.headers:
                    self.ledger.faults.append(
                        f"{method} {path}: {answer.status_code} without Retry-After"
                    )
                self._note(f"unknown: {answer.status_code}")
                pause = float(answer.headers.get("retry-after", 0.1))
            assert time.monotonic() < deadline, f"{method} {path} was never answered"
            time.sleep(pause)

    def get(self, path: str, **options: Any) -> httpx2.Response:
        return self.call("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx2.Response:
        return self.call("POST", path, **options)

    def _note(self, outcome: str) -> None:
        with self.ledger.lock:
            self.ledger.outcomes[outcome] += 1

    def decide(self, audit: str) -> bool:
        """Take the next sample of the queue, the last that nothing speaks against included, and
        keep its label. False where none is left."""
        asked = self.call("POST", f"{audit}/queue/next", json={"count": 1, "tier": list(Tier)})
        assert asked.is_success, asked.text
        if not asked.json()["items"]:
            return False
        (item,) = asked.json()["items"]
        decision = {
            "sample_id": item["sample_id"],
            "verdict": "keep",
            "lease_id": item["lease"]["lease_id"],
        }
        answer = self.call("POST", f"{audit}/corrections", json={"corrections": [decision]})
        assert answer.status_code == 201, answer.text
        (made,) = answer.json()["items"]
        with self.ledger.lock:
            said = (audit.rsplit("/", 1)[1], made["sample_id"])
            self.ledger.corrections[made["id"]] = said
        return True

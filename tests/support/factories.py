"""Puts things into the store as a test needs them, without running what would make them."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from labelaudit.enums import (
    JobStatus,
    JobType,
    Role,
    Tier,
)
from service import review
from service.audits import ranking_files
from service.audits import records as audits
from service.audits.suspect_row import SuspectRow
from service.core.principal import DEFAULT_TENANT, Principal
from service.datasets import records as datasets
from service.datasets import votes as annotators
from service.db.engine import Database
from service.db.tables import Correction, Job, Suspect, new_id
from service.ingest import ColumnRoles, Limits, ingest
from service.ingest.votes import SCHEMA
from service.issues import FLAGS
from service.issues.dataset_checks import Check
from service.jobs import records as jobs
from service.options.training import TrainingConfig
from service.ranking.looks import LooksPlan
from service.ranking.rate import Interval
from service.ranking.result import ClassSummary, Summary, VerdictCount
from service.ranking.tiers import TierPromise
from service.storage.local import Received, Storage

CLASSES = ("cat", "dog", "fox")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Store:
    """A database and the storage beside it."""

    database: Database
    storage: Storage


def person(
    name: str = "Ann", role: Role = Role.annotator, tenant_id: str = DEFAULT_TENANT
) -> Principal:
    """Somebody who calls; the key is the name's, so equal names are the same person."""
    return Principal(key_id=f"k-{name}"[:16], name=name, role=role, tenant_id=tenant_id)


def sample_id(position: int) -> str:
    return f"sample-{position:05d}"


def make_dataset(
    store: Store,
    *,
    samples: int = 30,
    classes: Sequence[str] = CLASSES,
    unlabeled: Sequence[int] = (),
    shared: bool = True,
    tenant_id: str = DEFAULT_TENANT,
) -> str:
    """A ready text dataset; the sample at position p is given class p modulo their number."""
    dataset_id = new_id("ds")
    given = [None if p in unlabeled else p % len(classes) for p in range(samples)]
    names = [None if label is None else classes[label] for label in given]
    upload = "sample_id,label,text\n" + "".join(
        f"{sample_id(p)},{names[p] or ''},text number {p}\n" for p in range(samples)
    )
    with store.storage.writing(datasets.upload_key(dataset_id)) as path:
        path.write_text(upload)
    report = ingest(
        store.storage.path(datasets.upload_key(dataset_id)),
        filename="animals.csv",
        roles=ColumnRoles(sample_id="sample_id", label="label", text="text"),
        destination=store.storage.path(datasets.folder(dataset_id)),
        limits=Limits(smallest_dataset=1),
    )
    assert report.class_names == list(classes)
    with store.database.write() as session:
        datasets.create_dataset(
            session,
            dataset_id=dataset_id,
            name="animals",
            filename="animals.csv",
            received=Received(len(upload), hashlib.sha256(upload.encode()).hexdigest()),
            columns=None,
            principal=person("Uma", Role.uploader, tenant_id),
            shared=shared,
        )
        datasets.publish(
            session,
            dataset_id,
            report,
            [
                pa.record_batch(
                    {
                        "position": pa.array(range(samples), pa.int64()),
                        "sample_id": [sample_id(p) for p in range(samples)],
                        "given_label": pa.array(given, pa.int32()),
                    }
                )
            ],
        )
        session.get_one(Job, (dataset_id, JobType.ingest, 0)).status = JobStatus.completed
    return dataset_id


def start_audit(
    store: Store,
    dataset_id: str,
    *,
    version: int | None = None,
    tenant_id: str = DEFAULT_TENANT,
) -> str:
    """A queued audit with its first job."""
    with store.database.write() as session:
        return audits.start_audit(
            session,
            dataset_id,
            config={**TrainingConfig().model_dump(mode="json"), "encoder": "auto"},
            dataset_version=version,
            principal=person("Uma", Role.uploader, tenant_id),
        ).id


def make_audit(
    store: Store,
    dataset_id: str,
    *,
    count: int | None = None,
    version: int | None = None,
) -> str:
    """A completed audit that ranks position p at rank p + 1.

    The first third of the ranks is obvious, the second possible, the last none; what has a tier has
    the next class as its suggestion, the others have none.
    """
    audit_id = start_audit(store, dataset_id, version=version)
    with store.database.read() as session:
        dataset = datasets.get_dataset(session, dataset_id)
    count = dataset.sample_count if count is None else count
    classes = len(dataset.class_names)
    ranking_id = new_id("ra")
    with store.storage.writing(ranking_files.ranking_key(audit_id, ranking_id)) as path:
        _write_signals(path, count, classes)
    with store.database.write() as session:
        jobs.cancel(session, audit_id)
        audits.begin(session, audit_id)
        audits.ranked(
            session,
            audit_id,
            ranking_id=ranking_id,
            suspects=(_suspect(p, count, classes) for p in range(count)),
            summary=_summary(dataset.class_names, Interval(0.1, 0.05, 0.15), count=count),
        )
        review.sync_ranking(session, dataset_id, ranking_id)
    return audit_id


def summarise(store: Store, audit_id: str, classes: Sequence[str] = CLASSES) -> None:
    """Give the audit's ranking a whole summary; the first two classes are confused."""
    share = np.eye(len(classes))
    share[:2, :2] = [[0.9, 0.1], [0.02, 0.98]]
    with store.database.write() as session:
        review.newest_ranking(session, audit_id).summary = _summary(
            classes,
            Interval(0.08, 0.04, 0.2),
            share,
            cannot_judge=[f"too few samples (under 30) to judge these classes: {classes[-1]}"],
        )


def _summary(
    classes: Sequence[str],
    rate: Interval,
    share: NDArray[np.float64] | None = None,
    *,
    count: int = 30,
    cannot_judge: Sequence[str] = (),
) -> dict[str, Any]:
    """A summary as a ranking stores it."""
    share = np.eye(len(classes)) if share is None else share
    third = count // 3
    return Summary(
        noise_rate=rate,
        noise_matrix=share,
        per_class=[
            ClassSummary(
                class_index=index,
                given_count=10,
                wrong_count=10 * (1 - float(share[index, index])),
                noise_rate=rate,
                most_confused_with=0 if index == 1 else None,
            )
            for index in range(len(classes))
        ],
        tiers={
            "obvious": TierPromise(third, 0.93, 0.81),
            "possible": TierPromise(third, 0.4, 0.1),
            "none": TierPromise(count - 2 * third, None, None),
        },
        cannot_judge=[words.replace("{", "{{").replace("}", "}}") for words in cannot_judge],
        looks=LooksPlan(34, 412, 0.9),
        verdicts={tier.value: VerdictCount(0, 0) for tier in Tier},
    ).to_dict(classes)


def give_votes(store: Store, dataset_id: str, *votes: tuple[int, str, int, float]) -> None:
    """Votes as an upload brings them: position, annotator, class, count."""
    columns = zip(SCHEMA.names, zip(*votes, strict=True), strict=True)
    with store.storage.writing(annotators.votes_key(dataset_id)) as path:
        pq.write_table(pa.table(dict(columns), schema=SCHEMA), path)


def flag_issues(store: Store, audit_id: str, **ranks: Sequence[int]) -> None:
    """Give the suspects at these ranks an issue each, and the summary its counts."""
    with store.database.write() as session:
        ranking = review.newest_ranking(session, audit_id)
        for issue, flagged in ranks.items():
            for rank in flagged:
                session.get_one(Suspect, (ranking.id, rank)).issues |= FLAGS[issue]
        counts = {issue: len(ranks.get(issue, ())) for issue in FLAGS}
        ranking.summary = {**(ranking.summary or {}), "issues": counts}


def find_groups(store: Store, audit_id: str) -> None:
    """Give the summary two checks of the dataset, of which one found a group."""
    group = {
        "kind": "column",
        "name": "region = south",
        "size": 300,
        "accuracy": 0.5767,
        "accuracy_low": 0.5201,
        "accuracy_high": 0.6313,
        "elsewhere": 0.8983,
        "sample_ids": ["s001", "s004"],
    }
    detail = "In region = south, predictions agree with 58% of 300 labels."
    worse = Check("underperforming_group", True, 300, detail, [group])
    even = Check("class_imbalance", False, 0, "The rarest class is fox with 33% of the labels.")
    with store.database.write() as session:
        ranking = review.newest_ranking(session, audit_id)
        checks = [even.to_dict(), worse.to_dict()]
        ranking.summary = {**(ranking.summary or {}), "checks": checks}


def find_nearest(
    store: Store, audit_id: str, near: dict[int, Sequence[int]], *, samples: int = 30
) -> None:
    """Give some samples, by position, their nearest others."""
    np.save(store.storage.path(audits.folder(audit_id)) / "positions.npy", np.arange(samples))
    nearest = np.full((samples, 12), -1, np.int32)
    for position, others in near.items():
        nearest[position, : len(others)] = others
    with store.storage.writing(audits.shard_key(audit_id, 0)) as folder:
        folder.mkdir()
        np.save(folder / "nearest.npy", nearest)


def _suspect(position: int, count: int, classes: int) -> SuspectRow:
    given = position % classes
    predicted = (given + 1) % classes
    tier = (Tier.obvious, Tier.possible, Tier.none)[min(2, 3 * position // count)]
    suggested = None if tier is Tier.none else predicted
    p_wrong = 1 - (position + 0.5) / count
    return SuspectRow(
        rank=position + 1,
        position=position,
        sample_id=sample_id(position),
        given_label=given,
        predicted_label=predicted,
        suggested_label=suggested,
        suggested_label_confidence=None if suggested is None else 0.9,
        p_wrong=p_wrong,
        p_wrong_low=max(0.0, p_wrong - 0.05),
        p_wrong_high=min(1.0, p_wrong + 0.05),
        tier=tier.value,
        reason=f"most replicas say class {predicted}",
    )


def _write_signals(path: Any, count: int, classes: int) -> None:
    rows = np.arange(count, dtype=np.int64)
    table = pa.table(
        {
            "row": rows,
            "signal.margin": np.linspace(-1, 1, count, dtype=np.float32),
            "signal.p_given": np.linspace(0, 1, count, dtype=np.float32),
            "signal.variability": np.linspace(0, 0.5, count, dtype=np.float32),
            "signal.agreement": np.full(count, np.nan, np.float32),
            "top_labels": [[(int(row) + 1) % classes, int(row) % classes] for row in rows],
            "top_probabilities": [[0.75, 0.25] for _ in rows],
        }
    )
    pq.write_table(table, path, row_group_size=ranking_files.ROW_GROUP)


def revert(
    session: Session, audit_id: str, correction_id: str, *, principal: Principal
) -> Correction:
    """The row that reverts one correction."""
    made = review.create_revert(session, audit_id, correction_id=correction_id, principal=principal)
    return session.scalars(select(Correction).where(Correction.batch_id == made.id)).one()


def set_status(store: Store, audit_id: str, status: JobStatus) -> None:
    with store.database.write() as session:
        audits.get_audit(session, audit_id).status = status


@contextmanager
def tampering(database: Database) -> Iterator[Session]:
    """A session of somebody who owns the tables and takes the guards of the logs away first."""
    with database.write() as session:
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text("SET LOCAL session_replication_role = replica"))
        else:
            for act in ("update", "delete"):
                session.execute(text(f"DROP TRIGGER IF EXISTS correction_no_{act}"))
        yield session


def in_threads(count: int, work: Callable[[int], Result]) -> list[Result]:
    """What `work(0)` … `work(count - 1)` give when all begin at one moment, each in its thread."""
    barrier = threading.Barrier(count)

    def begin(number: int) -> Result:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return [future.result() for future in [pool.submit(begin, n) for n in range(count)]]

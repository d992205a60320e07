"""What an operator watches, in Prometheus' text form.

Gauges of work are read from the database at each scrape, so they are right whatever process died
and however many serve. Only what a process alone can know is counted in it: requests and their
problems.
"""

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import case, func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from labelaudit.enums import JobStatus
from service.db.engine import Database, clock
from service.db.tables import (
    Audit,
    Dataset,
    Export,
    Job,
)
from service.storage.local import Storage

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """One process's counters, and the collector of the database's facts."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "labelaudit_http_request_duration_seconds",
            "From the first byte of a request to the first of its answer.",
            ("method", "route", "status"),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.problems = Counter(
            "labelaudit_http_problems",
            "Answers that were problems, by the problem's type.",
            ("type",),
            registry=self.registry,
        )
        self.streams = Gauge(
            "labelaudit_progress_streams", "Open progress streams.", registry=self.registry
        )
        self.registry.register(Facts(database, storage))

    def text(self) -> bytes:
        return generate_latest(self.registry)


class Facts(Collector):
    """What the database and the disk say at the moment of the scrape."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self.database, self.storage = database, storage

    def describe(self) -> list[GaugeMetricFamily]:
        return []  # registering must not ask the database

    def collect(self) -> Iterator[GaugeMetricFamily]:
        started = time.monotonic()
        try:
            with self.database.read() as session:
                families = [*_work(session), *_things(session)]
        except OperationalError:  # the scrape goes on, and this gauge is what alerts
            families = []
        yield GaugeMetricFamily(
            "labelaudit_database_up", "1 where the database answered.", value=bool(families)
        )
        yield GaugeMetricFamily(
            "labelaudit_scrape_duration_seconds",
            "How long the database took to tell.",
            value=time.monotonic() - started,
        )
        yield from families
        yield GaugeMetricFamily(
            "labelaudit_database_connections_in_use",
            "Connections this process has taken from its pool.",
            value=self.database.connections_in_use,
        )
        yield GaugeMetricFamily(
            "labelaudit_storage_free_bytes",
            "Free space where uploads and results lie.",
            value=self.storage.free_bytes(),
        )


def _work(session: Session) -> Iterator[GaugeMetricFamily]:
    jobs = GaugeMetricFamily(
        "labelaudit_jobs", "Jobs by status.", labels=("status", "type", "queue")
    )
    retries = GaugeMetricFamily(
        "labelaudit_job_retries", "Starts of jobs beyond the first.", labels=("type",)
    )
    again: dict[str, int] = {}
    rows = session.execute(
        select(
            Job.status,
            Job.type,
            Job.queue,
            func.count(),
            func.sum(case((Job.attempt > 1, Job.attempt - 1), else_=0)),
        ).group_by(Job.status, Job.type, Job.queue)
    )
    for status, type, queue, count, extra in rows:
        jobs.add_metric((status.value, type.value, queue), count)
        again[type.value] = again.get(type.value, 0) + int(extra)
    for type, count in again.items():
        retries.add_metric((type,), count)
    yield jobs
    yield retries
    yield _oldest_queued(session)
    yield GaugeMetricFamily(
        "labelaudit_jobs_without_worker",
        "Running jobs whose lease has run out: their worker is gone or cut off.",
        value=session.scalar(
            select(func.count()).where(Job.status == JobStatus.running, Job.lease_until < clock())
        )
        or 0,
    )


def _oldest_queued(session: Session) -> GaugeMetricFamily:
    oldest = GaugeMetricFamily(
        "labelaudit_oldest_queued_job_seconds",
        "How long the oldest job that nobody has taken has waited.",
        labels=("queue",),
    )
    rows = session.execute(
        select(Job.queue, func.min(Job.created_at), func.max(clock()))
        .where(Job.status == JobStatus.queued)
        .group_by(Job.queue)
    )
    for queue, since, at in rows:
        oldest.add_metric((queue,), max(0.0, at - since.timestamp()))
    return oldest


def _things(session: Session) -> Iterator[GaugeMetricFamily]:
    for name, column in (
        ("audits", Audit.status),
        ("datasets", Dataset.status),
        ("exports", Export.status),
    ):
        family = GaugeMetricFamily(
            f"labelaudit_{name}", f"{name.capitalize()} by status.", labels=("status",)
        )
        for status, count in session.execute(select(column, func.count()).group_by(column)):
            family.add_metric((status.value,), count)
        yield family
    # A dataset's version is the number of its corrections, and costs no count of them.
    samples, corrections = session.execute(
        select(func.sum(Dataset.sample_count), func.sum(Dataset.version))
    ).one()
    yield GaugeMetricFamily(
        "labelaudit_samples", "Samples of every dataset.", value=int(samples or 0)
    )
    yield GaugeMetricFamily(
        "labelaudit_corrections",
        "Corrections of every dataset, reverts included.",
        value=int(corrections or 0),
    )
    slowest = session.scalar(
        select(func.min(Audit.started_at)).where(Audit.status == JobStatus.running)
    )
    if slowest is not None:
        yield GaugeMetricFamily(
            "labelaudit_longest_running_audit_seconds",
            "How long the audit that has run longest has.",
            value=max(0.0, (session.scalar(select(clock())) or 0.0) - slowest.timestamp()),
        )

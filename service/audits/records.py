"""Audits: start, move from job to job, report progress, cancel, finish.

`service.jobs.graph` says which job follows which. The last train job to finish starts the ranking:
each counts `remaining` down in its finishing transaction, so only one can reach zero.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.orm import Session

from labelaudit.enums import (
    FINISHED,
    DatasetKind,
    JobStatus,
    JobType,
)
from service.audits.suspect_row import SuspectRow
from service.core.errors import BadInput, Conflict, NotFound, NotReady
from service.core.principal import Principal
from service.datasets.records import get_ready_dataset
from service.db.bulk import bulk_insert
from service.db.listing import Order, RowFilter
from service.db.lookup import find
from service.db.statements import cached_statement
from service.db.tables import (
    Audit,
    AuditEvent,
    Dataset,
    Ranking,
    Suspect,
    new_id,
    now,
)
from service.jobs import records as jobs
from service.jobs.graph import FIRST_OF_AUDIT, GRAPH
from service.options.encoders import (
    DEFAULTS,
    check_encoder,
    check_fine_tunable,
    check_model_name,
)
from service.webhooks.outbox import announce_end

_WITH_DATASET = cached_statement(
    select(Audit, Dataset)
    .join(Dataset, Dataset.id == Audit.dataset_id)
    .where(Audit.id == bindparam("audit"), Audit.status == JobStatus.completed)
)


def folder(audit_id: str) -> str:
    return f"audits/{audit_id}"


def shard_key(audit_id: str, shard: int) -> str:
    return f"{folder(audit_id)}/shards/{shard}"


def start_audit(
    session: Session,
    dataset_id: str,
    *,
    config: dict[str, Any],
    dataset_version: int | None,
    principal: Principal,
) -> Audit:
    """Ask for an audit of a dataset version (the newest by default)."""
    dataset = get_ready_dataset(session, dataset_id, lock=True)
    version = dataset.version if dataset_version is None else dataset_version
    if not 0 <= version <= dataset.version:
        raise BadInput(
            f"The dataset has versions 0 to {dataset.version}, not {version}.",
            errors=[{"pointer": "/dataset_version", "detail": f"0 to {dataset.version}"}],
        )
    config = {**config, "encoder": chosen_encoder(dataset.kind, config["encoder"])}
    if config.get("network") == "fine_tuned":
        check_fine_tunable(dataset.kind or "", config["encoder"])
    audit = Audit(
        id=new_id("au"),
        tenant_id=dataset.tenant_id,
        dataset_id=dataset_id,
        dataset_version=version,
        status=JobStatus.queued,
        config=config,
        created_by=principal,
    )
    session.add(audit)
    needs_training = dataset.kind is not DatasetKind.probabilities
    jobs.enqueue_first(session, audit.id, FIRST_OF_AUDIT, needs_training=needs_training)
    session.flush()
    record_event(session, audit.id, {"status": JobStatus.queued, "job": None, "progress": 0.0})
    return audit


def chosen_encoder(kind: DatasetKind | None, encoder: str | None) -> str | None:
    """The encoder's own name: `auto` becomes the default of the dataset's kind. Raises BadInput."""
    if kind is None or kind is DatasetKind.probabilities:
        return None
    if encoder == "auto":
        return DEFAULTS[kind]
    check_encoder(kind, encoder)
    if encoder is not None and ":" in encoder:
        check_model_name(encoder.partition(":")[2])
    return encoder


def find_audit(session: Session, audit_id: str) -> Audit | None:
    return find(session, Audit, audit_id)


def get_audit(session: Session, audit_id: str) -> Audit:
    audit = find_audit(session, audit_id)
    if audit is None:
        raise NotFound(f"There is no audit {audit_id!r}.")
    return audit


def get_completed_audit(session: Session, audit_id: str) -> Audit:
    audit = get_audit(session, audit_id)
    if audit.status is not JobStatus.completed:
        raise NotReady(f"The audit is {audit.status}; it has results once it is `completed`.")
    return audit


def dataset_of(session: Session, audit: Audit) -> Dataset:
    dataset = find(session, Dataset, audit.dataset_id)
    assert dataset is not None  # it takes its audits with it
    return dataset


def completed_with_dataset(session: Session, audit_id: str) -> tuple[Audit, Dataset]:
    """`get_completed_audit` and `dataset_of` in one look."""
    found = session.execute(_WITH_DATASET, {"audit": audit_id}).first()
    if found is None:
        audit = get_completed_audit(session, audit_id)  # says why there is none
        return audit, dataset_of(session, audit)
    return found[0], found[1]


def list_audits(
    session: Session, wanted: RowFilter, order: Order, limit: int, *, dataset_id: str | None
) -> list[Audit]:
    query = wanted.apply(select(Audit), Audit)
    if dataset_id is not None:
        query = query.where(Audit.dataset_id == dataset_id)
    return order.first(session, query, Audit, limit)


def cancel_audit(session: Session, audit_id: str) -> Audit:
    """Stop an audit; cancelling one that is cancelled already changes nothing."""
    audit = get_audit(session, audit_id)
    if audit.status is JobStatus.cancelled:
        return audit
    if audit.status in FINISHED:
        raise Conflict(f"The audit is {audit.status} and cannot be cancelled any more.")
    jobs.cancel(session, audit_id)
    _end(session, audit, JobStatus.cancelled)
    return audit


def begin(session: Session, audit_id: str) -> None:
    """The first job of the audit was claimed: it runs."""
    session.execute(
        update(Audit)
        .where(Audit.id == audit_id, Audit.status == JobStatus.queued)
        .values(status=JobStatus.running, started_at=now())
    )


def encoded(session: Session, audit_id: str, *, plan: dict[str, Any], shards: int) -> None:
    """Store the plan and train every shard."""
    audit = get_audit(session, audit_id)
    audit.plan = plan
    audit.remaining = shards
    jobs.enqueue_next(session, audit_id, JobType.encoding, count=shards)


def shard_trained(session: Session, audit_id: str) -> None:
    """Count one shard as trained; the last one starts the ranking."""
    remaining = session.scalar(
        update(Audit)
        .where(Audit.id == audit_id)
        .values(remaining=Audit.remaining - 1)
        .returning(Audit.remaining)
    )
    if remaining == 0:
        jobs.enqueue_next(session, audit_id, JobType.train)


def ranked(
    session: Session,
    audit_id: str,
    *,
    ranking_id: str,
    suspects: Iterable[SuspectRow],
    summary: dict[str, Any],
) -> None:
    """Publish the first ranking; `suspects` are worst first."""
    audit = get_audit(session, audit_id)
    session.add(Ranking(id=ranking_id, audit_id=audit_id, summary=summary))
    session.flush()
    table = Suspect.__table__
    assert isinstance(table, Table)
    bulk_insert(session, table, ((ranking_id, *suspect) for suspect in suspects))
    audit.summary = summary
    _end(session, audit, JobStatus.completed)


def fail_audit(session: Session, audit_id: str, problem: dict[str, Any]) -> None:
    audit = get_audit(session, audit_id)
    if audit.status in FINISHED:
        return
    jobs.cancel(session, audit_id)
    audit.problem = problem
    _end(session, audit, JobStatus.failed)


def _end(session: Session, audit: Audit, status: JobStatus) -> None:
    audit.status = status
    audit.finished_at = now()
    session.flush()
    report_progress(session, audit.id)
    if status is not JobStatus.cancelled:
        announce_end(session, audit)


def progress_of(session: Session, audit: Audit) -> dict[str, Any]:
    """`status`, `job`, `progress` in [0, 1] and `eta_seconds` (null while it is unknown)."""
    if audit.status is JobStatus.completed:
        return {"status": audit.status, "job": None, "progress": 1.0, "eta_seconds": 0.0}
    type, done, _ = jobs.progress_of(session, audit.id)
    low, high = (GRAPH[type].progress if type else None) or (0.0, 0.0)
    progress = low + (high - low) * done
    running = audit.status is JobStatus.running
    return {
        "status": audit.status,
        "job": type if running else None,
        "progress": round(progress, 4),
        "eta_seconds": _eta(audit.started_at, progress) if running else None,
    }


def _eta(started_at: datetime | None, progress: float) -> float | None:
    if started_at is None or progress < 0.02:
        return None
    elapsed = (now() - started_at).total_seconds()
    return round(elapsed * (1 - progress) / progress, 1)


def report_progress(session: Session, audit_id: str) -> None:
    audit = get_audit(session, audit_id)
    record_event(session, audit_id, progress_of(session, audit))


def record_event(session: Session, audit_id: str, data: dict[str, Any]) -> None:
    """Append to the progress stream. The counter's row lock makes `seq` gapless in commit order."""
    seq = session.scalar(
        update(Audit)
        .where(Audit.id == audit_id)
        .values(last_event=Audit.last_event + 1)
        .returning(Audit.last_event)
    )
    session.add(AuditEvent(audit_id=audit_id, seq=seq, data=data))


def events_after(session: Session, audit_id: str, seq: int) -> Sequence[AuditEvent]:
    return session.scalars(
        select(AuditEvent)
        .where(AuditEvent.audit_id == audit_id, AuditEvent.seq > seq)
        .order_by(AuditEvent.seq)
    ).all()

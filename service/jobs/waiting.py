"""Where a job waits: what its organisation queued before it."""

from sqlalchemy import func, or_, select, tuple_
from sqlalchemy.orm import Session

from labelaudit.enums import JobStatus
from service.db.tables import Job
from service.jobs.suspension import SUBJECTS


def place(session: Session, subject_id: str, tenant_id: str) -> int | None:
    """The place of a subject among the organisation's subjects that wait for the same workers: 1
    starts next. None if no job of it waits. Counts datasets that the caller cannot see, too: it
    reads the tables themselves, to which the session's filter does not apply."""
    own = session.execute(
        select(Job.queue, Job.created_at)
        .where(Job.subject_id == subject_id, Job.status == JobStatus.queued)
        .order_by(Job.created_at)
        .limit(1)
    ).first()
    if own is None:
        return None
    queue, created_at = own
    tables = [subject.__table__.c for subject in SUBJECTS]
    of_tenant = [select(table.id).where(table.tenant_id == tenant_id) for table in tables]
    before = session.scalar(
        select(func.count(Job.subject_id.distinct())).where(
            Job.queue == queue,
            Job.status == JobStatus.queued,
            tuple_(Job.created_at, Job.subject_id) < (created_at, subject_id),
            or_(*(Job.subject_id.in_(ids) for ids in of_tenant)),
        )
    )
    return (before or 0) + 1

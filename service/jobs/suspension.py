"""Jobs of suspended organisations: none starts, and those that run are stopped."""

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session

from labelaudit.enums import JobStatus
from service.db.tables import Audit, Dataset, Export, Job, Tenant

SUBJECTS = (Dataset, Audit, Export)


def may_run() -> ColumnElement[bool]:
    """Whether the job's organisation is not suspended."""
    owners = [
        select(Tenant.id)
        .join(table, table.tenant_id == Tenant.id)
        .where(table.id == Job.subject_id, Tenant.suspended_at.is_not(None))
        .correlate(Job)
        .exists()
        for table in SUBJECTS
    ]
    return ~or_(*owners)


def stop_running(session: Session, tenant_id: str) -> None:
    """Take the organisation's running jobs from their workers, which notice at the next renewal.

    The jobs are queued again and go on from their checkpoints if the suspension ends; this attempt
    does not count.
    """
    for table in SUBJECTS:
        subjects = select(table.id).where(table.tenant_id == tenant_id)
        session.execute(
            update(Job)
            .where(Job.status == JobStatus.running, Job.subject_id.in_(subjects))
            .values(
                status=JobStatus.queued,
                fence=Job.fence + 1,
                attempt=Job.attempt - 1,
                lease_until=None,
            )
            .execution_options(synchronize_session=False)
        )

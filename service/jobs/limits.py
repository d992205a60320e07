"""How many unfinished jobs of one type an organisation may have."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from labelaudit.enums import UNFINISHED, JobType
from service.core.errors import TooManyRequests
from service.db.tables import Audit, Export, Job

RETRY_SECONDS = 10
Owner = type[Audit] | type[Export]


def require_room(session: Session, type: JobType, owner: Owner, tenant_id: str, limit: int) -> None:
    """Raises TooManyRequests if the organisation has `limit` unfinished jobs of this type, whose
    subjects are rows of `owner`. 0: no limit."""
    if not limit:
        return
    unfinished = session.scalar(
        select(func.count())
        .select_from(Job)
        .join(owner, owner.id == Job.subject_id)
        .where(owner.tenant_id == tenant_id, Job.type == type, Job.status.in_(UNFINISHED))
    )
    if (unfinished or 0) >= limit:
        raise TooManyRequests(
            f"Your organisation already has {unfinished} unfinished {type} jobs; the limit is "
            f"{limit}. Try again when one of them has ended.",
            type="too-many-at-once",
            retry_after=RETRY_SECONDS,
        )

"""Deletes an audit: its rows in one transaction, its files after the commit."""

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from labelaudit.enums import FINISHED
from service.accounts import access_log
from service.audits import records as audits
from service.core.errors import Conflict
from service.datasets.deletion import Deleted, forget_answers
from service.db.tables import Audit, Comment, Correction
from service.jobs import records as jobs


def delete_audit(session: Session, audit_id: str) -> Deleted:
    """Cancel the audit if it still runs, and remove it. Pass the answer to `delete_files` after the
    commit.

    Raises
    ------
    Conflict
        Somebody corrected or commented on a sample in it: the dataset's log refers to the audit.
    """
    audit = audits.get_audit(session, audit_id)
    # Whoever adds to the log now waits for this row, and is then told that the audit is gone.
    session.execute(select(Audit.id).where(Audit.id == audit_id).with_for_update())
    if _is_in_log(session, audit_id):
        raise Conflict(
            "This audit has corrections or comments, which the log of its dataset keeps. Delete "
            "the dataset to delete them all.",
            type="audit-has-corrections",
        )
    if audit.status not in FINISHED:
        audits.cancel_audit(session, audit_id)
    key = (audit.plan or {}).get("encoding")
    jobs.delete_jobs(session, audit_id)
    forget_answers(session, [audit_id])
    access_log.record(session, "audit.delete", audit_id, dataset_id=audit.dataset_id)
    session.delete(audit)
    return Deleted(keys=[audits.folder(audit_id)], encodings=[key] if key else [])


def _is_in_log(session: Session, audit_id: str) -> bool:
    corrected = exists().where(Correction.audit_id == audit_id)
    commented = exists().where(Comment.audit_id == audit_id)
    return bool(session.scalar(select(corrected | commented)))

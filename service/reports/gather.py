"""Collects what the pictures and the report of an audit are made of."""

from sqlalchemy.orm import Session

from labelaudit.enums import DatasetKind
from service.audits import records as audits
from service.reports.data_map import read_data_map
from service.reports.findings import read_findings
from service.reports.plots import NAMES
from service.reports.plots.subject import Subject
from service.reports.report import WORST, Reported, write_report
from service.review import SuspectFilter, list_suspects, newest_ranking
from service.storage.local import Storage


def gather(session: Session, storage: Storage, audit_id: str) -> Subject:
    """What every picture is drawn of; the data map is read only by the picture that shows it."""
    audit = audits.get_completed_audit(session, audit_id)
    ranking = newest_ranking(session, audit_id)
    return Subject(
        summary=ranking.summary or audit.summary or {},
        class_names=audits.dataset_of(session, audit).class_names,
        findings=read_findings(session, audit_id, ranking.id),
        data_map=lambda: read_data_map(session, storage, audit_id, ranking.id),
    )


def report(session: Session, storage: Storage, audit_id: str) -> str:
    """The one-file HTML report."""
    audit = audits.get_completed_audit(session, audit_id)
    dataset = audits.dataset_of(session, audit)
    ranking = newest_ranking(session, audit_id)
    mapped = dataset.kind is not DatasetKind.probabilities
    reported = Reported(
        audit=audit,
        dataset=dataset,
        subject=gather(session, storage, audit_id),
        pictures=[name for name in NAMES if mapped or name != "data_map"],
        worst=list_suspects(session, ranking.id, wanted=SuspectFilter(), after=0, limit=WORST),
    )
    return write_report(reported)

"""Collects the data of an audit's plots and report."""

from sqlalchemy.orm import Session

from labelaudit.enums import DatasetKind
from service.audits import records as audits
from service.reports.data_map import read_data_map
from service.reports.findings import read_certified, read_findings
from service.reports.plots import NAMES
from service.reports.plots.plot_data import PlotData
from service.reports.report import MAX_SUSPECTS, ReportData, render_report
from service.review import SuspectFilter, list_suspects, newest_ranking
from service.storage.local import Storage


def read_plot_data(session: Session, storage: Storage, audit_id: str) -> PlotData:
    """What the plots show. The data map is read only by the plot that draws it."""
    audit = audits.get_completed_audit(session, audit_id)
    ranking = newest_ranking(session, audit_id)
    return PlotData(
        summary=ranking.summary or audit.summary or {},
        class_names=audits.dataset_of(session, audit).class_names,
        findings=read_findings(session, audit_id, ranking.id),
        data_map=lambda: read_data_map(session, storage, audit_id, ranking.id),
    )


def build_report(session: Session, storage: Storage, audit_id: str) -> str:
    """The HTML report."""
    audit, dataset = audits.completed_with_dataset(session, audit_id)
    ranking = newest_ranking(session, audit_id)
    has_data_map = dataset.kind is not DatasetKind.probabilities
    data = ReportData(
        audit=audit,
        certified=read_certified(session, audit_id),
        dataset=dataset,
        plot_data=read_plot_data(session, storage, audit_id),
        plots=[name for name in NAMES if has_data_map or name != "data_map"],
        worst=list_suspects(
            session, ranking.id, wanted=SuspectFilter(), after=0, limit=MAX_SUSPECTS
        ),
    )
    return render_report(data)

"""Every type of job with the functions that run it and deal with its end, as the graph says."""

import shutil
from collections.abc import Callable, Mapping

from sqlalchemy.orm import Session

from labelaudit.enums import FINISHED, JobType
from service.audits import records as audits
from service.datasets import records as datasets
from service.exports import records as exports
from service.jobs.graph import GRAPH, Cleanup, OnFailure
from service.jobs.records import Claim
from worker.handlers.classifier import run_classifier, run_predict
from worker.handlers.export import run_export
from worker.handlers.ingest import run_ingest
from worker.handlers.rank import run_rank
from worker.handlers.train import run_encode, run_train
from worker.runtime.context import Commit, Handlers, JobHandler, Problem, Worker
from worker.runtime.lease import JobLease


def delete_rejected_upload(worker: Worker, dataset_id: str, problem: Problem | None) -> None:
    """Delete a rejected dataset's files, but keep an upload that other column roles may save."""
    if problem is None:
        return
    if datasets.can_retry_with_columns(problem):
        worker.storage.delete(datasets.samples_key(dataset_id))
    else:
        worker.storage.delete(datasets.folder(dataset_id))


def delete_checkpoints(worker: Worker, audit_id: str, _problem: Problem | None) -> None:
    """Delete the checkpoints of an audit whose training will not continue."""
    with worker.database.read() as session:
        audit = audits.find_audit(session, audit_id)
        if audit is not None and audit.status not in FINISHED:
            return
    for working in worker.storage.path(audits.folder(audit_id)).glob("shards/.*"):
        shutil.rmtree(working, ignore_errors=True)


def _start_audit(session: Session, audit_id: str) -> None:
    audits.begin(session, audit_id)
    audits.report_progress(session, audit_id)


def _do_nothing(*_: object) -> None:
    pass


RUN: Mapping[JobType, Callable[[Worker, Claim, JobLease], Commit]] = {
    JobType.ingest: run_ingest,
    JobType.encoding: run_encode,
    JobType.train: run_train,
    JobType.rank: run_rank,
    JobType.classifier: run_classifier,
    JobType.predict: run_predict,
    JobType.export: run_export,
}
ON_START: Mapping[JobType, Callable[[Session, str], None]] = {
    JobType.ingest: datasets.begin,
    JobType.export: exports.begin,
}
ON_FAILURE: Mapping[OnFailure, Callable[[Session, str, Problem], None]] = {
    OnFailure.reject_dataset: datasets.reject,
    OnFailure.fail_export: exports.fail_export,
    OnFailure.fail_audit: audits.fail_audit,
    OnFailure.keep: _do_nothing,
}
CLEANUP: Mapping[Cleanup, Callable[[Worker, str, Problem | None], None]] = {
    Cleanup.none: _do_nothing,
    Cleanup.rejected_upload: delete_rejected_upload,
    Cleanup.checkpoints: delete_checkpoints,
}


def _handler(type: JobType) -> JobHandler:
    spec = GRAPH[type]
    moves_audit = spec.progress is not None
    return JobHandler(
        run=RUN[type],
        on_start=ON_START.get(type, _start_audit if moves_audit else _do_nothing),
        on_progress=audits.report_progress if moves_audit else _do_nothing,
        on_failure=ON_FAILURE[spec.on_failure],
        cleanup=CLEANUP[spec.cleanup],
    )


HANDLERS: Handlers = {type: _handler(type) for type in GRAPH}

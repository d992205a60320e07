"""The jobs themselves: load, compute, say what to save. Torch is imported only where it is used.

Each handler may be killed anywhere and run again: files appear by rename under names that depend on
what they hold, and rows are written by the function that it returns, in the finishing transaction.
"""

from collections.abc import Callable

from labelaudit.enums import JobType
from service.jobs.records import Claim
from worker.handlers.classifier import run_classifier, run_predict
from worker.handlers.export import run_export
from worker.handlers.ingest import run_ingest
from worker.handlers.rank import run_rank
from worker.handlers.train import run_encode, run_train
from worker.runtime.context import Commit, JobLease, Worker

Handler = Callable[[Worker, Claim, JobLease], Commit]

HANDLERS: dict[JobType, Handler] = {
    JobType.ingest: run_ingest,
    JobType.encoding: run_encode,
    JobType.train: run_train,
    JobType.rank: run_rank,
    JobType.classifier: run_classifier,
    JobType.predict: run_predict,
    JobType.export: run_export,
}

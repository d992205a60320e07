"""The graph of jobs, as data: which queue runs a job, what follows it, and what a failure does.

An audit is encode -> train (one job per shard) -> rank -> classifier. It is completed by its
ranking: nobody waits for the classifier, and a classifier that fails leaves the ranking as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from labelaudit.enums import JobType, Word


class Queue(Word):
    cpu = "cpu"
    gpu = "gpu"


class OnFailure(Word):
    """What a job that failed for good does to its subject."""

    reject_dataset = "reject_dataset"
    fail_export = "fail_export"
    fail_audit = "fail_audit"
    keep = "keep"  # the subject is unaffected: the job's own status and problem say what happened


class Cleanup(Word):
    """What is deleted from storage after a job that failed or was lost."""

    none = "none"
    rejected_upload = "rejected_upload"
    checkpoints = "checkpoints"


@dataclass(frozen=True)
class JobSpec:
    """A node of the graph."""

    queue: Queue
    on_failure: OnFailure
    then: JobType | None = None
    cleanup: Cleanup = Cleanup.none
    # its share of the audit's progress, from and to
    progress: tuple[float, float] | None = None
    # not run for datasets that come with predicted probabilities
    needs_training: bool = False


GRAPH: Mapping[JobType, JobSpec] = {
    JobType.ingest: JobSpec(
        Queue.cpu,
        OnFailure.reject_dataset,
        cleanup=Cleanup.rejected_upload,
    ),
    JobType.encoding: JobSpec(
        Queue.gpu,
        OnFailure.fail_audit,
        then=JobType.train,
        progress=(0.0, 0.35),
        needs_training=True,
    ),
    JobType.train: JobSpec(
        Queue.gpu,
        OnFailure.fail_audit,
        then=JobType.rank,  # once all of them are completed
        cleanup=Cleanup.checkpoints,
        progress=(0.35, 0.95),
        needs_training=True,
    ),
    JobType.rank: JobSpec(
        Queue.cpu,
        OnFailure.fail_audit,
        then=JobType.classifier,  # after an audit's first ranking only
        progress=(0.95, 1.0),
    ),
    JobType.classifier: JobSpec(
        Queue.gpu,
        OnFailure.keep,
        needs_training=True,
    ),
    JobType.predict: JobSpec(
        Queue.cpu,  # short: it must not wait behind training
        OnFailure.keep,
    ),
    JobType.export: JobSpec(
        Queue.cpu,
        OnFailure.fail_export,
    ),
}
FIRST_OF_AUDIT = JobType.encoding

"""The words that columns hold, each checked by the database."""

from enum import StrEnum


class Role(StrEnum):
    admin = "admin"
    uploader = "uploader"
    annotator = "annotator"


class Kind(StrEnum):
    image = "image"
    text = "text"
    table = "table"
    vector = "vector"
    probabilities = "probabilities"


class DatasetStatus(StrEnum):
    processing = "processing"
    ready = "ready"
    rejected = "rejected"


class JobStatus(StrEnum):
    queued = "queued"
    running = "running"
    completed = "completed"
    failed = "failed"
    cancelled = "cancelled"


FINISHED = (JobStatus.completed, JobStatus.failed, JobStatus.cancelled)


class StepKind(StrEnum):
    ingest = "ingest"
    encoding = "encode"  # `encode` is a method of str
    train = "train"
    rank = "rank"
    model = "model"
    predict = "predict"
    export = "export"


class StepState(StrEnum):
    ready = "ready"
    running = "running"
    done = "done"
    failed = "failed"
    cancelled = "cancelled"


class Tier(StrEnum):
    obvious = "obvious"
    possible = "possible"
    none = "none"


class Verdict(StrEnum):
    keep = "keep"
    accept_suggestion = "accept_suggestion"
    relabel = "relabel"
    exclude = "exclude"
    skip = "skip"


class ReviewState(StrEnum):
    open = "open"
    skipped = "skipped"
    decided = "decided"

"""The words that columns hold, each checked by the database."""

from enum import StrEnum


class Role(StrEnum):
    """A bundle of scopes; `service.core.principal` says which."""

    operator = "operator"
    admin = "admin"
    uploader = "uploader"
    annotator = "annotator"
    viewer = "viewer"


class Scope(StrEnum):
    """One thing that a caller may do."""

    review_read = "review:read"
    review_write = "review:write"
    datasets_write = "datasets:write"
    audits_run = "audits:run"
    export = "export"
    metrics = "metrics"
    admin = "admin"
    tenants = "tenants"


class TenantStatus(StrEnum):
    """Whether an organisation may use the service."""

    active = "active"
    suspended = "suspended"


class AccessOutcome(StrEnum):
    """What became of a request in the access log."""

    done = "done"
    refused = "refused"


class DatasetKind(StrEnum):
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
    """How far an audit, an export, a ranking or a single job is."""

    queued = "queued"
    running = "running"
    completed = "completed"
    failed = "failed"
    cancelled = "cancelled"


UNFINISHED = (JobStatus.queued, JobStatus.running)
FINISHED = (JobStatus.completed, JobStatus.failed, JobStatus.cancelled)


class JobType(StrEnum):
    ingest = "ingest"
    encoding = "encode"  # `encode` is a method of str
    train = "train"
    rank = "rank"
    classifier = "classifier"
    predict = "predict"
    export = "export"


class Tier(StrEnum):
    obvious = "obvious"
    possible = "possible"
    none = "none"


class Issue(StrEnum):
    """What may be amiss with a sample beside a wrong label."""

    ambiguous = "ambiguous"
    near_duplicate = "near_duplicate"
    conflicting_duplicate = "conflicting_duplicate"
    outlier = "outlier"


class Verdict(StrEnum):
    keep = "keep"
    accept_suggestion = "accept_suggestion"
    relabel = "relabel"
    exclude = "exclude"
    skip = "skip"


class ReviewState(StrEnum):
    open = "open"
    skipped = "skipped"
    disputed = "disputed"  # the opinions differ: an adjudicator decides
    decided = "decided"

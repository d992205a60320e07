"""The words that columns hold, each checked by the database."""

from enum import StrEnum


class Word(StrEnum):
    """An enum whose members look like their words everywhere, so that a message with `{kind!r}`
    says 'text' and not `<DatasetKind.text: 'text'>`."""

    def __repr__(self) -> str:
        return repr(self.value)


class Role(Word):
    """A bundle of scopes; `service.core.principal` says which."""

    operator = "operator"
    admin = "admin"
    uploader = "uploader"
    annotator = "annotator"
    viewer = "viewer"


class Scope(Word):
    """One thing that a caller may do."""

    review_read = "review:read"
    review_write = "review:write"
    datasets_write = "datasets:write"
    audits_run = "audits:run"
    export = "export"
    metrics = "metrics"
    admin = "admin"
    tenants = "tenants"


class TenantStatus(Word):
    """Whether an organisation may use the service."""

    active = "active"
    suspended = "suspended"


class AccessOutcome(Word):
    """The result of a request, in the access log."""

    done = "done"
    refused = "refused"


class DatasetKind(Word):
    image = "image"
    text = "text"
    table = "table"
    vector = "vector"
    probabilities = "probabilities"


class JobStatus(Word):
    """How far a dataset, an upload, an audit, a ranking, an export or a single job is."""

    queued = "queued"
    running = "running"
    completed = "completed"
    failed = "failed"
    cancelled = "cancelled"


UNFINISHED = (JobStatus.queued, JobStatus.running)
FINISHED = (JobStatus.completed, JobStatus.failed, JobStatus.cancelled)


class JobType(Word):
    ingest = "ingest"
    encoding = "encode"  # `encode` is a method of str
    train = "train"
    rank = "rank"
    classifier = "classifier"
    predict = "predict"
    export = "export"


class Tier(Word):
    obvious = "obvious"
    possible = "possible"
    none = "none"


class Basis(Word):
    """The source of an estimate."""

    estimated = "estimated"  # by models
    verified = "verified"  # by models and enough verdicts
    counted = "counted"  # the share of what was counted


class Issue(Word):
    """An issue of a sample other than a wrong label."""

    ambiguous = "ambiguous"
    near_duplicate = "near_duplicate"
    conflicting_duplicate = "conflicting_duplicate"
    outlier = "outlier"
    # of pictures
    dark = "dark"
    light = "light"
    blurry = "blurry"
    low_information = "low_information"
    odd_aspect_ratio = "odd_aspect_ratio"
    odd_size = "odd_size"
    grayscale = "grayscale"


class Verdict(Word):
    keep = "keep"
    accept_suggestion = "accept_suggestion"
    relabel = "relabel"
    exclude = "exclude"
    skip = "skip"


class Standing(Word):
    """Whether a person's decision is the one that counts for them."""

    current = "current"
    replaced = "replaced"  # by a later decision of the same person
    undone = "undone"


class MatrixOrigin(Word):
    """Where the noise matrix that an objective used comes from."""

    given = "given"  # by whoever started the audit
    estimated = "estimated"  # from the network's predictions during training
    learned = "learned"  # trained beside the network
    unmoved = "unmoved"  # trained, but still where it started: no noise


class Goal(Word):
    """The property that a certificate promises of its samples."""

    label_wrong = "label_wrong"
    suggestion_right = "suggestion_right"


class ReviewState(Word):
    open = "open"
    skipped = "skipped"
    disputed = "disputed"  # the opinions differ: an adjudicator decides
    decided = "decided"


class WebhookEvent(Word):
    """An event that webhooks report."""

    dataset_completed = "dataset.completed"
    dataset_failed = "dataset.failed"
    audit_completed = "audit.completed"
    audit_failed = "audit.failed"
    export_completed = "export.completed"
    export_failed = "export.failed"
    queue_emptied = "queue.emptied"
    test = "webhook.test"  # sent when somebody asks for it

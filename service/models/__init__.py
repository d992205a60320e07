"""The tables. Rows are facts: only a job's state and a suspect's lease ever change."""

from service.models.access import (
    AccessEntry,
    ApiKey,
    Idempotency,
    Membership,
    SignIn,
    Tenant,
)
from service.models.audits import Audit, AuditEvent
from service.models.base import BigInt, Json, Model, Owned, UtcDateTime, new_id, now, one_of
from service.models.datasets import Dataset, Export, Sample
from service.models.enums import (
    FINISHED,
    DatasetStatus,
    Issue,
    JobStatus,
    Kind,
    Outcome,
    ReviewState,
    Role,
    Scope,
    StepKind,
    StepState,
    Tier,
    Verdict,
)
from service.models.people import Assignment, Comment, Lease
from service.models.review import Correction, Ranking, Suspect
from service.models.steps import Step
from service.models.uploads import Upload

__all__ = [
    "FINISHED",
    "AccessEntry",
    "ApiKey",
    "Assignment",
    "Audit",
    "AuditEvent",
    "BigInt",
    "Comment",
    "Correction",
    "Dataset",
    "DatasetStatus",
    "Export",
    "Idempotency",
    "Issue",
    "JobStatus",
    "Json",
    "Kind",
    "Lease",
    "Membership",
    "Model",
    "Outcome",
    "Owned",
    "Ranking",
    "ReviewState",
    "Role",
    "Sample",
    "Scope",
    "SignIn",
    "Step",
    "StepKind",
    "StepState",
    "Suspect",
    "Tenant",
    "Tier",
    "Upload",
    "UtcDateTime",
    "Verdict",
    "new_id",
    "now",
    "one_of",
]

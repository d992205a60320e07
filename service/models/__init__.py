"""The tables. Rows are facts: only a job's state and a suspect's lease ever change."""

from service.models.access import ApiKey, Idempotency
from service.models.audits import Audit, AuditEvent
from service.models.base import BigInt, Json, Model, UtcDateTime, new_id, now, one_of
from service.models.datasets import Dataset, Export, Sample
from service.models.enums import (
    FINISHED,
    DatasetStatus,
    JobStatus,
    Kind,
    ReviewState,
    Role,
    StepKind,
    StepState,
    Tier,
    Verdict,
)
from service.models.review import Correction, Ranking, Suspect
from service.models.steps import Step
from service.models.uploads import Upload

__all__ = [
    "FINISHED",
    "ApiKey",
    "Audit",
    "AuditEvent",
    "BigInt",
    "Correction",
    "Dataset",
    "DatasetStatus",
    "Export",
    "Idempotency",
    "JobStatus",
    "Json",
    "Kind",
    "Model",
    "Ranking",
    "ReviewState",
    "Role",
    "Sample",
    "Step",
    "StepKind",
    "StepState",
    "Suspect",
    "Tier",
    "Upload",
    "UtcDateTime",
    "Verdict",
    "new_id",
    "now",
    "one_of",
]

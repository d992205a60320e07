"""The tables. Rows are facts: only a job's state and a suspect's lease ever change."""

from service.db.tables.access import (
    AccessEntry,
    ApiKey,
    BrowserSession,
    Idempotency,
    LogRetention,
    Membership,
    Tenant,
)
from service.db.tables.audits import Audit, AuditEvent
from service.db.tables.base import (
    BigInt,
    Json,
    Model,
    TenantOwned,
    UtcDateTime,
    new_id,
    now,
    one_of,
)
from service.db.tables.datasets import Dataset, Export, Sample
from service.db.tables.jobs import Job
from service.db.tables.people import Assignment, Comment, Lease
from service.db.tables.review import Certificate, Correction, Ranking, Suspect
from service.db.tables.uploads import Upload
from service.db.tables.webhooks import Webhook, WebhookDelivery

__all__ = [
    "AccessEntry",
    "ApiKey",
    "Assignment",
    "Audit",
    "AuditEvent",
    "BigInt",
    "BrowserSession",
    "Certificate",
    "Comment",
    "Correction",
    "Dataset",
    "Export",
    "Idempotency",
    "Job",
    "Json",
    "Lease",
    "LogRetention",
    "Membership",
    "Model",
    "Ranking",
    "Sample",
    "Suspect",
    "Tenant",
    "TenantOwned",
    "Upload",
    "UtcDateTime",
    "Webhook",
    "WebhookDelivery",
    "new_id",
    "now",
    "one_of",
]

"""labelaudit from Python: `from labelaudit import Client`. Needs httpx and pydantic alone."""

from labelaudit.client import (
    ApiError,
    AuditHandle,
    CannotUpload,
    Client,
    ClientError,
    JobFailed,
    NoBucket,
    NoService,
    OnProgress,
    ProblemError,
    Progress,
)

__all__ = [
    "ApiError",
    "AuditHandle",
    "CannotUpload",
    "Client",
    "ClientError",
    "JobFailed",
    "NoBucket",
    "NoService",
    "OnProgress",
    "ProblemError",
    "Progress",
]

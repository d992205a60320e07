"""Every error the service can answer with, each rendered as RFC 9457 problem+json.

ServiceError                      500
├── BadInput                      422  the request or the file is wrong; says how to fix it
│   ├── BadDataset                     a file that we cannot read; lists the first bad rows
│   └── BadCursor                 400
├── NotAuthenticated              401
├── NotPermitted                  403
├── NotFound                      404
├── NotAcceptable                 406
├── Conflict                      409
│   ├── LeaseLost                      somebody else has leased or decided this sample
│   └── NotReady                       the resource is still being created
├── Gone                          410
├── PreconditionFailed            412
├── UploadTooLarge                413
├── UnsupportedMediaType          415
├── Locked                        423
├── TooManyRequests               429
├── ChecksumMismatch              460  tus
├── Unavailable                   503  something that this service depends on does not answer
└── InsufficientStorage           507
"""

from collections.abc import Sequence
from typing import Any, ClassVar


class ServiceError(Exception):
    """An error for the caller. `detail` says what happened and how to fix it."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    default_type: ClassVar[str] = "internal-error"

    def __init__(
        self,
        detail: str,
        *,
        type: str | None = None,
        errors: Sequence[dict[str, Any]] = (),
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.retry_after = retry_after  # seconds, sent as the header of that name
        self.detail = detail
        self.type = type or self.default_type
        self.errors = list(errors)

    def problem(self) -> dict[str, Any]:
        """The RFC 9457 object; `errors[]` points to the wrong row, file or field."""
        body: dict[str, Any] = {
            "type": f"/problems/{self.type}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            body["errors"] = self.errors
        return body


class BadInput(ServiceError):
    status, title, default_type = 422, "Invalid request", "invalid-request"


class BadDataset(BadInput):
    """`errors` items: `detail` and any of `row` (1-based data row), `file`, `column`, `pointer`."""

    title, default_type = "We couldn't read this file", "invalid-dataset"


class BadCursor(BadInput):
    status, title, default_type = 400, "Unreadable cursor", "invalid-cursor"


class NotAuthenticated(ServiceError):
    status, title, default_type = 401, "Not authenticated", "not-authenticated"


class NotPermitted(ServiceError):
    status, title, default_type = 403, "Not permitted", "not-permitted"


class NotFound(ServiceError):
    status, title, default_type = 404, "Not found", "not-found"


class NotAcceptable(ServiceError):
    status, title, default_type = 406, "Not acceptable", "not-acceptable"


class Conflict(ServiceError):
    status, title, default_type = 409, "Conflict", "conflict"


class LeaseLost(Conflict):
    title, default_type = "Lease lost", "lease-lost"


class NotReady(Conflict):
    title, default_type = "Not ready yet", "not-ready"


class UploadTooLarge(ServiceError):
    status, title, default_type = 413, "Upload too large", "upload-too-large"


class UnsupportedMediaType(ServiceError):
    status, title, default_type = 415, "Unsupported media type", "unsupported-media-type"


class InsufficientStorage(ServiceError):
    status, title, default_type = 507, "Insufficient storage", "insufficient-storage"


class Gone(ServiceError):
    status, title, default_type = 410, "Gone", "gone"


class PreconditionFailed(ServiceError):
    status, title, default_type = 412, "Precondition failed", "precondition-failed"


class Locked(ServiceError):
    status, title, default_type = 423, "Locked", "upload-locked"


class TooManyRequests(ServiceError):
    status, title, default_type = 429, "Too many requests", "rate-limited"


class Unavailable(ServiceError):
    status, title, default_type = 503, "Service unavailable", "unavailable"


class ChecksumMismatch(ServiceError):
    status, title, default_type = 460, "Checksum mismatch", "checksum-mismatch"

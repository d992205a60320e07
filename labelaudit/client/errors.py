"""The exceptions of the client.

LabelauditError
├── ServiceUnreachableError    no address is known, or nothing answers there
├── BucketUnreachableError     the upload bucket cannot be reached, or refuses the file
├── UploadSourceError          the path holds nothing to upload, or several candidates
└── ProblemError               carries the service's problem details
    ├── ApiError               the service refused a request
    └── JobFailedError         a job failed or was cancelled
"""

from collections.abc import Mapping, Sequence
from typing import Any

MAX_LISTED = 5


class LabelauditError(Exception):
    """The base class of every error that the client raises itself."""


class ServiceUnreachableError(LabelauditError):
    pass


class BucketUnreachableError(LabelauditError):
    pass


class UploadSourceError(LabelauditError):
    pass


class ProblemError(LabelauditError):
    """Carries an RFC 9457 problem: `title`, `detail`, `errors` with a row, file or field each."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        self.type: str = str(problem.get("type", ""))
        self.title: str = str(problem.get("title", "Error"))
        self.status: int = int(problem.get("status", 0))
        self.detail: str = str(problem.get("detail", ""))
        self.errors: Sequence[Mapping[str, Any]] = problem.get("errors") or []
        self.request_id: str | None = problem.get("request_id")
        super().__init__(self._message())

    def _message(self) -> str:
        lines = [f"{self.title}: {self.detail}" if self.detail else self.title]
        lines += [f"  {describe(error)}" for error in self.errors[:MAX_LISTED]]
        if len(self.errors) > MAX_LISTED:
            lines.append(f"  and {len(self.errors) - MAX_LISTED} more")
        if self.status >= 500 and self.request_id:
            lines.append(f"  request_id {self.request_id}")
        return "\n".join(lines)


class ApiError(ProblemError):
    pass


class JobFailedError(ProblemError):
    pass


def describe(error: Mapping[str, Any]) -> str:
    """One of a problem's errors in a line: `row 3, column age: not a number`."""
    places = [
        f"{name} {error[name]}"
        for name in ("file", "row", "column", "pointer", "parameter", "header")
        if error.get(name) is not None
    ]
    detail = str(error.get("detail", ""))
    return f"{', '.join(places)}: {detail}" if places else detail

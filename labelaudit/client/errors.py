"""What can go wrong for a client of the service.

ClientError
├── NoService       none was named, or none answers
├── NoBucket        the bucket that a file should go to is out of reach, or refuses it
├── ApiError        the service answered with a problem
├── JobFailed       the work that was waited for failed or was cancelled
└── CannotUpload    what was named cannot be made into an upload
"""

from collections.abc import Mapping, Sequence
from typing import Any

SHOWN = 5


class ClientError(Exception):
    pass


class NoService(ClientError):
    pass


class NoBucket(ClientError):
    pass


class CannotUpload(ClientError):
    pass


class ProblemError(ClientError):
    """Carries an RFC 9457 problem: `title`, `detail`, `errors` with a row, file or field each."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        self.type: str = str(problem.get("type", ""))
        self.title: str = str(problem.get("title", "Error"))
        self.status: int = int(problem.get("status", 0))
        self.detail: str = str(problem.get("detail", ""))
        self.errors: Sequence[Mapping[str, Any]] = problem.get("errors") or []
        self.request_id: str | None = problem.get("request_id")
        super().__init__(self._words())

    def _words(self) -> str:
        lines = [f"{self.title}: {self.detail}" if self.detail else self.title]
        lines += [f"  {describe(error)}" for error in self.errors[:SHOWN]]
        if len(self.errors) > SHOWN:
            lines.append(f"  and {len(self.errors) - SHOWN} more")
        if self.status >= 500 and self.request_id:
            lines.append(f"  request_id {self.request_id}")
        return "\n".join(lines)


class ApiError(ProblemError):
    pass


class JobFailed(ProblemError):
    pass


def describe(error: Mapping[str, Any]) -> str:
    """One of a problem's errors in a line: `row 3, column age: not a number`."""
    places = [
        f"{name} {error[name]}"
        for name in ("file", "row", "column", "pointer")
        if error.get(name) is not None
    ]
    detail = str(error.get("detail", ""))
    return f"{', '.join(places)}: {detail}" if places else detail

"""labelaudit from Python: `from labelaudit import Client`. Needs httpx and pydantic only."""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labelaudit.client.audit import Audit, OnProgress, Progress
    from labelaudit.client.classifier import Classifier
    from labelaudit.client.client import Client
    from labelaudit.client.errors import (
        ApiError,
        BucketUnreachableError,
        JobFailedError,
        LabelauditError,
        ProblemError,
        ServiceUnreachableError,
        UploadSourceError,
    )
    from labelaudit.client.review import Review

__all__ = [
    "ApiError",
    "Audit",
    "BucketUnreachableError",
    "Classifier",
    "Client",
    "JobFailedError",
    "LabelauditError",
    "OnProgress",
    "ProblemError",
    "Progress",
    "Review",
    "ServiceUnreachableError",
    "UploadSourceError",
    "__version__",
]

try:
    __version__ = version("labelaudit")
except PackageNotFoundError:  # a source tree that is not installed
    __version__ = "0+unknown"


if not TYPE_CHECKING:  # with it, type checkers would accept any name

    def __getattr__(name: str) -> Any:
        """Import the client on first use: `labelaudit.enums` and `.schemas` do not need it."""
        if name in __all__:
            for module in ("client", "audit", "classifier", "review", "errors"):
                found = vars(import_module(f"labelaudit.client.{module}"))
                if name in found:
                    return globals().setdefault(name, found[name])
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

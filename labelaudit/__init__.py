"""labelaudit from Python.

`from labelaudit import Client` needs httpx and pydantic only. `from labelaudit import LabelAudit`,
which trains on this machine, needs the extras `service` and `worker`. It is not in `__all__`, so
that `import *` works without them.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labelaudit.client.audit import Audit
    from labelaudit.client.certificates import Certificate, Certificates
    from labelaudit.client.classifier import Classifier
    from labelaudit.client.client import Client
    from labelaudit.client.dataset import Dataset
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
    from labelaudit.client.suspects import Suspects
    from labelaudit.client.waiting import OnProgress, Progress
    from worker.estimator import LabelAudit as LabelAudit

__all__ = [
    "ApiError",
    "Audit",
    "BucketUnreachableError",
    "Certificate",
    "Certificates",
    "Classifier",
    "Client",
    "Dataset",
    "JobFailedError",
    "LabelauditError",
    "OnProgress",
    "ProblemError",
    "Progress",
    "Review",
    "ServiceUnreachableError",
    "Suspects",
    "UploadSourceError",
    "__version__",
]

try:
    __version__ = version("labelaudit")
except PackageNotFoundError:  # a source tree that is not installed
    __version__ = "0+unknown"


MODULES = ("client", "audit", "suspects", "certificates", "classifier", "review", "errors")

if not TYPE_CHECKING:  # with it, type checkers would accept any name

    def __getattr__(name: str) -> Any:
        """Import the client on first use: `labelaudit.enums` and `.schemas` do not need it."""
        if name == "LabelAudit":
            return globals().setdefault(name, _estimator())
        if name in __all__:
            for module in MODULES:
                found = vars(import_module(f"labelaudit.client.{module}"))
                if name in found:
                    return globals().setdefault(name, found[name])
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def _estimator() -> Any:
        """The class in the package of what trains, which this package must not need."""
        try:
            return import_module("worker.estimator").LabelAudit
        except ModuleNotFoundError as error:
            raise ImportError(
                f"LabelAudit trains on this machine, and {error.name} is not installed: "
                "pip install 'labelaudit[service,worker]'"
            ) from error


def __dir__() -> list[str]:
    return [*__all__, "LabelAudit"]

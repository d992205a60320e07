"""Traces over OpenTelemetry, where OTEL_EXPORTER_OTLP_ENDPOINT says where to; else nothing.

Requests are traced by FastAPI itself. Workers have no request: each job is a span of its own. No
label, no text and no SQL goes out, only names, ids and times.
"""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi.telemetry import TelemetryConfig

PROBES = ("/livez", "/readyz", "/metrics")


def enabled() -> bool:
    return bool(os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"))


def of_requests() -> "TelemetryConfig":
    """What FastAPI traces. Its metrics and logs stay off: ours are richer, and hold no data."""
    return {
        "auto_configure": enabled(),
        "tracing": enabled(),
        "metrics": False,
        "logs": False,
        "operation_spans": False,
        "exclude": lambda scope: scope.get("path") in PROBES,
    }

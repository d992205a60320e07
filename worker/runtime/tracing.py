"""One span per job, if tracing is on."""

from contextlib import AbstractContextManager

from opentelemetry import trace

from service.jobs.records import Claim
from service.observability import telemetry


def configure() -> None:
    """Send spans to what the standard OTEL_* variables name. Needs the extra `telemetry`."""
    if not telemetry.enabled():
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def span(claim: Claim) -> AbstractContextManager[trace.Span]:
    return trace.get_tracer("labelaudit").start_as_current_span(
        f"job {claim.type}",
        attributes={
            "labelaudit.subject_id": claim.subject_id,
            "labelaudit.number": claim.number,
            "labelaudit.attempt": claim.attempt,
        },
    )

"""Traces reach a real OTLP endpoint, from the API and from the workers."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.processes import deployed

pytestmark = pytest.mark.slow

CSV = b"sample_id,text,label\n" + b"".join(
    b"s%d,%s words number %d,%s\n" % (row, word, row, word)
    for row in range(40)
    for word in ((b"cat", b"dog")[row % 2],)
)


class Collector(ThreadingHTTPServer):
    """Keeps the spans that are sent to it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.names: set[str] = set()
        self.bodies = b""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Receiver(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = ExportTraceServiceRequest.FromString(body)
        self.server.bodies += body
        self.server.names |= {
            span.name
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        }
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_requests_and_jobs_are_spans_without_anybodys_data(collector, tmp_path):
    with deployed(tmp_path) as deployment:
        deployment.environment |= {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
        }
        deployment.api()
        deployment.worker()
        with deployment.client() as client:
            sent = client.post("/v1/datasets?filename=pets.csv", content=CSV)
            assert sent.status_code == 202
            deadline = time.monotonic() + 60
            while not {"POST /v1/datasets", "job ingest"} <= collector.names:
                assert time.monotonic() < deadline, collector.names
                time.sleep(0.1)
    assert not any("/livez" in name or "/readyz" in name for name in collector.names)
    assert b"words number" not in collector.bodies

"""What /readyz says of the process that reads uploads."""

import time
from collections.abc import Callable, Iterator

import pytest

from service import ingest
from service.ingest import Confinement
from service.observability import health


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Confinement | Exception], None]]:
    """Sets what a probe finds."""

    def give(result: Confinement | Exception) -> None:
        def probe() -> Confinement:
            if isinstance(result, Exception):
                raise result
            return result

        monkeypatch.setattr(ingest, "probe", probe)
        health._probe.cache_clear()

    yield give
    health._probe.cache_clear()


def ready(anonymous) -> tuple[int, dict]:
    """The answer once the probe has ended."""
    anonymous.get("/readyz")
    time.sleep(0.1)
    answer = anonymous.get("/readyz")
    return answer.status_code, answer.json()


def test_the_confinement_of_readers_is_said(anonymous, found):
    found(Confinement("filter", "own"))
    status, body = ready(anonymous)
    assert (status, body["status"]) == (200, "ready")
    assert body["reader"] == {"network": "filter", "user": "own"}


def test_a_reader_with_a_network_is_said_and_degrades_the_service(anonymous, found):
    found(Confinement("available", "own"))
    status, body = ready(anonymous)
    assert (status, body["status"]) == (200, "degraded")
    assert body["checks"]["reader"] == "ReaderHasNetwork"


def test_a_reader_that_does_not_start_is_said(anonymous, found):
    found(RuntimeError("no interpreter"))
    status, body = ready(anonymous)
    assert (status, body["checks"]["reader"], body["reader"]) == (200, "RuntimeError", None)

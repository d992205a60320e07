"""A service whose workers cannot run says so instead of starting them for ever."""

from importlib import metadata

import pytest

from service.core.config import Settings
from service.hosting import embedded, extras
from service.hosting.extras import missing_packages


def test_nothing_is_missing_where_the_extras_are_installed():
    assert [missing_packages(extra) for extra in ("service", "worker")] == [[], []]


def test_what_is_missing_is_named(monkeypatch):
    def distribution(name):
        if name in ("torch", "celery"):
            raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(extras, "distribution", distribution)
    assert missing_packages("worker") == ["torch"]
    assert missing_packages("service") == ["celery"]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_service_with_workers_needs_what_they_need(monkeypatch, tmp_path, workers):
    class Began(Exception):
        pass

    def begin(*_):
        raise Began

    monkeypatch.setattr(embedded, "missing_packages", lambda _: ["torch", "onnx"])
    monkeypatch.setattr("service.hosting.embedded.os.umask", begin)
    settings = Settings(data_dir=tmp_path, workers=workers)
    with pytest.raises(embedded.CannotServe if workers else Began) as failed:
        embedded.serve_embedded(settings, announce=begin)
    if workers:
        assert "torch, onnx" in str(failed.value)
        assert "pip install 'labelaudit[service,worker]'" in str(failed.value)

"""Who may know whom: what importing one part brings into the process."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "sklearn", "sentence_transformers", "cleanlab", "worker")


def loaded_by(module: str) -> set[str]:
    """Every module that a fresh interpreter holds after importing this one."""
    script = f"import {module}, sys; print('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["service.api.app", "service.db.migrate", "service.ingest"])
def test_the_service_loads_neither_the_worker_nor_what_trains(module):
    assert not loaded_by(module) & set(HEAVY)


def test_a_celery_parent_loads_no_torch_and_no_web_framework():
    assert not loaded_by("worker.celery") & {"torch", "sklearn", "fastapi", "uvicorn"}


def test_the_ranking_loads_numpy_alone():
    loaded = loaded_by("service.ranking")
    assert not loaded & {"sqlalchemy", "fastapi", "celery", "redis", "pyarrow", "sklearn", "torch"}

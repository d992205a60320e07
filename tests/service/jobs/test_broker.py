"""What the workers are told, and by whom: a message is only a hint to look at the job table."""

from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from kombu.exceptions import OperationalError

from service.core.config import Settings
from service.jobs.broker import RUN_JOB, make_app, notifier


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, redis_url="redis://127.0.0.1:1/7")


def test_the_broker_keeps_nothing_and_children_can_use_a_gpu(settings):
    app = make_app(settings)
    assert app.conf.broker_url == "redis://127.0.0.1:1/7"
    kept_by_the_database = {
        "task_acks_late": False,
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        "result_backend": None,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_default_queue": "cpu",
    }
    children = {
        "worker_prefetch_multiplier": 1,
        "worker_pool": "prefork",
        "worker_pool_start_method": "spawn",
        "worker_concurrency": 1,
        "worker_proc_alive_timeout": 120,
        "worker_max_tasks_per_child": 50,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_hijack_root_logger": False,
    }
    connection = {
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            "visibility_timeout": 600,
            "socket_timeout": 30,
            "socket_keepalive": True,
            "health_check_interval": 25,
        },
    }
    for name, value in (kept_by_the_database | children | connection).items():
        assert app.conf[name] == value, name


def test_making_an_app_changes_no_other(settings):
    before = Celery("other")
    before.set_current()
    make_app(settings)
    from celery import current_app

    assert current_app.main == "other"


def test_every_queue_is_notified_even_if_a_message_is_lost(settings, monkeypatch):
    sent: list[tuple[Any, ...]] = []

    def send(_app: Celery, name: str, *, args: list[str], queue: str, retry: bool) -> None:
        sent.append((name, args, queue, retry))
        if queue == "cpu":
            raise OperationalError("no broker")

    monkeypatch.setattr(Celery, "send_task", send)
    notifier(settings)({"gpu", "cpu"})
    assert sent == [(RUN_JOB, ["cpu"], "cpu", False), (RUN_JOB, ["gpu"], "gpu", False)]

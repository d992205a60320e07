"""What Prometheus scrapes, and what the dashboards and alerts ask of it."""

import errno
import json
import re
import sys
from pathlib import Path
from typing import TextIO, cast

import pytest
import structlog
import yaml
from prometheus_client.parser import text_string_to_metric_families

from labelaudit.enums import JobType, Role
from service.jobs import records as jobs
from service.observability import logs

MONITORING = Path(__file__).parents[3] / "docs" / "monitoring"
# Present only once something of the kind has happened.
SOMETIMES = {"labelaudit_longest_running_audit_seconds"}


def scraped(operator) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    answer = operator.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@pytest.fixture
def operator(call_as):
    return call_as(Role.operator)


def test_only_the_services_operator_may_read_the_metrics(anonymous, annotator, admin, operator):
    """They count what all organisations do."""
    assert anonymous.get("/metrics").status_code == 401
    assert annotator.get("/metrics").status_code == 403
    assert admin.get("/metrics").status_code == 403
    assert operator.get("/metrics").headers["content-type"].startswith("text/plain")


def test_work_is_counted_in_the_database(operator, database):
    with database.write() as session:
        jobs.enqueue(session, subject_id="au_1", type=JobType.train, numbers=range(3))
    with database.write() as session:
        jobs.claim(session, queues={"gpu"}, owner="a worker", lease_seconds=-1)
    found = scraped(operator)
    labels = {
        status: (("queue", "gpu"), ("status", status), ("type", "train"))
        for status in ("queued", "running")
    }
    assert found["labelaudit_jobs", labels["queued"]] == 2
    assert found["labelaudit_jobs", labels["running"]] == 1
    assert found["labelaudit_jobs_without_worker", ()] == 1
    assert 0 <= found["labelaudit_oldest_queued_job_seconds", (("queue", "gpu"),)] < 60
    assert found["labelaudit_database_up", ()] == 1
    assert found["labelaudit_storage_free_bytes", ()] > 0


def test_a_second_start_of_a_job_is_a_retry(operator, database):
    with database.write() as session:
        jobs.enqueue(session, subject_id="ds_1", type=JobType.ingest)
    for _ in range(3):
        with database.write() as session:
            jobs.claim(session, queues={"cpu"}, owner="a worker", lease_seconds=-1)
    assert scraped(operator)["labelaudit_job_retries", (("type", "ingest"),)] == 2


def test_requests_are_counted_by_route_and_never_by_the_callers_words(operator, annotator):
    annotator.get("/v1/audits/au_unknown")
    annotator.get("/nowhere/at/all")
    found = scraped(operator)
    name = "labelaudit_http_request_duration_seconds_count"
    by_route = {
        labels["route"]: value
        for (found_name, pairs), value in found.items()
        if found_name == name and (labels := dict(pairs))
    }
    assert by_route["/v1/audits/{audit_id}"] == 1
    assert not any("unknown" in route or "nowhere" in route for route in by_route)
    assert found["labelaudit_http_problems_total", (("type", "/problems/not-found"),)] == 2


def test_a_database_that_is_away_is_a_figure_and_not_an_error(app, admin, monkeypatch):
    from sqlalchemy.exc import OperationalError

    from service.observability.metrics import Facts

    facts = Facts(app.state.resources.database, app.state.resources.storage)

    def away():
        raise OperationalError("select", None, ConnectionError("refused"))

    monkeypatch.setattr(facts.database, "read", away)
    families = {family.name: family.samples[0].value for family in facts.collect()}
    assert families["labelaudit_database_up"] == 0
    assert families["labelaudit_storage_free_bytes"] > 0


def test_each_request_is_one_line_of_the_log_with_its_id(annotator):
    with structlog.testing.capture_logs(
        processors=[structlog.contextvars.merge_contextvars]
    ) as lines:
        answer = annotator.get("/v1/audits/au_unknown")
        annotator.get("/livez")
    (line,) = [line for line in lines if line["event"] == "request"]
    assert line["request_id"] == answer.headers["X-Request-ID"]
    assert (line["method"], line["route"]) == ("GET", "/v1/audits/{audit_id}")
    assert (line["status"], line["audit_id"]) == (404, "au_unknown")


def names_in(expression: str) -> set[str]:
    """The metrics of an expression, without what the text form appends to their names."""
    found = set(re.findall(r"\blabelaudit_\w+", expression))
    return {re.sub(r"_(bucket|count|sum|total)$", "", name) for name in found}


@pytest.mark.parametrize("file", ["alerts.yml", "dashboard.json"])
def test_dashboards_and_alerts_ask_only_for_what_there_is(file, operator, admin, database):
    with database.write() as session:
        jobs.enqueue(session, subject_id="ds_1", type=JobType.ingest)
    admin.get("/v1/datasets/ds_unknown")
    there = {
        re.sub(r"_(bucket|count|sum|total|created)$", "", name) for name, _ in scraped(operator)
    } | {"labelaudit_audits", "labelaudit_datasets", "labelaudit_exports"}
    text = (MONITORING / file).read_text()
    if file == "alerts.yml":
        rules = [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
        expressions = [rule["expr"] for rule in rules]
        assert all(rule["annotations"]["description"] for rule in rules)
    else:
        panels = json.loads(text)["panels"]
        expressions = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    assert len(expressions) > 5
    assert set().union(*map(names_in, expressions)) - SOMETIMES <= there


class Full:
    """Stderr on a full disk."""

    def write(self, *_: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    flush = write


def test_a_log_on_a_full_disk_costs_its_lines_and_nothing_else(monkeypatch, capsys):
    logger = structlog.PrintLoggerFactory(cast(TextIO, logs.LossyStderr()))()
    logger.msg("written")
    monkeypatch.setattr(sys, "stderr", Full())
    logger.msg("lost")
    monkeypatch.undo()
    logger.msg("written again")
    assert capsys.readouterr().err == "written\nwritten again\n"

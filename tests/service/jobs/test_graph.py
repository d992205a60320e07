"""The graph of jobs is whole: every type has its place, and every path ends."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from labelaudit.enums import JobType
from service.jobs.graph import FIRST_OF_AUDIT, GRAPH, Cleanup, OnFailure
from worker.handlers import registry


def path(type: JobType | None) -> Iterator[JobType]:
    while type is not None:
        yield type
        type = GRAPH[type].then


def test_every_type_of_job_has_its_place_and_its_handler():
    assert set(GRAPH) == set(registry.RUN) == set(registry.HANDLERS) == set(JobType)


@pytest.mark.parametrize("type", JobType)
def test_no_path_comes_back_to_where_it_was(type):
    seen = []
    for following in path(type):
        assert following not in seen
        seen.append(following)


def test_the_progress_of_an_audit_goes_from_0_to_1_without_a_gap():
    shares = [GRAPH[type].progress for type in path(FIRST_OF_AUDIT)]
    assert shares[-1] is None  # the audit is completed before its classifier
    reported = [share for share in shares if share is not None]
    assert reported == shares[: len(reported)]
    assert (reported[0][0], reported[-1][1]) == (0.0, 1.0)
    assert all(before[1] == after[0] for before, after in pairwise(reported))
    assert all(low < high for low, high in reported)


def test_only_the_jobs_of_an_audits_path_report_its_progress():
    on_the_way = set(path(FIRST_OF_AUDIT))
    assert {type for type, spec in GRAPH.items() if spec.progress} <= on_the_way


def test_what_reports_an_audits_progress_fails_the_audit():
    for spec in GRAPH.values():
        assert (spec.progress is not None) == (spec.on_failure is OnFailure.fail_audit)


def test_every_failure_and_cleanup_has_an_executor():
    assert set(registry.ON_FAILURE) == set(OnFailure)
    assert set(registry.CLEANUP) == set(Cleanup)


def test_an_audit_of_given_probabilities_is_only_ranked():
    without_training = [type for type in path(FIRST_OF_AUDIT) if not GRAPH[type].needs_training]
    assert without_training == [JobType.rank]

"""One key, one execution, one answer."""

import pytest

from service.errors import BadInput, Conflict
from service.idempotency import once
from service.models import Idempotency
from tests.factories import in_threads, person

KEY = "a-key-of-the-caller"


def run(database, work, *, key=KEY, fingerprint="same", who=None):
    with (
        database.write() as session,
        once(session, who or person(), key, fingerprint) as answer,
    ):
        if answer.body is None:
            answer.body = work()
    return answer.body


@pytest.fixture
def calls():
    return []


@pytest.fixture
def work(calls):
    def count():
        calls.append(None)
        return {"call": len(calls)}

    return count


def test_the_second_request_gets_the_first_ones_answer(database, work, calls):
    assert run(database, work) == run(database, work) == {"call": 1}
    assert len(calls) == 1


def test_requests_at_once_are_carried_out_once(database, work, calls):
    assert in_threads(8, lambda _: run(database, work)) == [{"call": 1}] * 8
    assert len(calls) == 1


def test_without_a_key_every_request_is_carried_out(database, work):
    assert [run(database, work, key=None) for _ in range(2)] == [{"call": 1}, {"call": 2}]


def test_a_key_belongs_to_its_caller(database, work):
    answers = [run(database, work, who=person(name)) for name in ("Ann", "Ben")]
    assert answers == [{"call": 1}, {"call": 2}]


def test_a_key_used_for_another_request_is_refused(database, work, calls):
    run(database, work)
    with pytest.raises(BadInput) as caught:
        run(database, work, fingerprint="different")
    assert caught.value.type == "idempotency-key-reused"
    assert len(calls) == 1


def test_a_request_that_failed_can_be_sent_again_with_its_key(database, work):
    def fail():
        raise Conflict("not now")

    with pytest.raises(Conflict):
        run(database, fail)
    with database.read() as session:
        assert session.get(Idempotency, (person().key_id, KEY)) is None
    assert run(database, work) == {"call": 1}

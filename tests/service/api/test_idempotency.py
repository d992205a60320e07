"""One key, one execution, one answer."""

import pytest

from service.api.idempotency import once
from service.core.errors import BadInput, Conflict
from service.db.tables import Idempotency
from tests.support.factories import in_threads, make_dataset, person

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


def test_an_audit_or_an_export_asked_for_twice_is_started_once(store, uploader):
    dataset_id = make_dataset(store)
    for what, list_of in (("audits", "/v1/audits"), ("exports", None)):
        headers = {"Idempotency-Key": f"the same {what}"}
        path = f"/v1/datasets/{dataset_id}/{what}"
        first, second = (uploader.post(path, headers=headers) for _ in range(2))
        assert (first.status_code, second.status_code) == (202, 202)
        assert first.json()["id"] == second.json()["id"]
        assert first.headers["location"] == second.headers["location"]
        if list_of:
            assert len(uploader.get(list_of).json()["items"]) == 1
        other = uploader.post(path, headers=headers, json={"dataset_version": 0})
        assert (other.status_code, other.json()["type"]) == (
            422,
            "/problems/idempotency-key-reused",
        )
        assert (
            uploader.post(path, headers={"Idempotency-Key": f"another {what}"}).status_code == 202
        )


def test_a_file_sent_twice_is_one_dataset_and_its_second_copy_is_gone(uploader, storage):
    headers = {"Idempotency-Key": "the same file"}
    path, content = "/v1/datasets?filename=a.csv", b"label,text\na,one\nb,two\n"
    first, second = (uploader.post(path, content=content, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] == second.json()["id"]
    assert len(uploader.get("/v1/datasets").json()["items"]) == 1
    assert uploader.get("/v1/uploads").json()["items"] == []
    assert len([one for one in storage.root.rglob("*") if one.is_file()]) == 1
    other = uploader.post(path, content=content + b"c,three\n", headers=headers)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert len([one for one in storage.root.rglob("*") if one.is_file()]) == 1

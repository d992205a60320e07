"""The columns of an upload are shown, and can be given other roles without sending it again."""

import pytest

from labelaudit.enums import JobStatus
from service.db.tables import Sample
from tests.support.factories import make_audit, make_dataset
from worker.runtime.runner import run_one

ROWS = "".join(
    f"p{n},{'good' if n % 2 else 'bad'},{'long' if n % 3 else 'short'},what person {n} had to say\n"
    for n in range(24)
)
CSV = "id,mood,length,remark\n" + ROWS


@pytest.fixture
def send(uploader, worker):
    def send(content: str = CSV, **query: str) -> str:
        answer = uploader.post(
            "/v1/datasets", params={"filename": "people.csv", **query}, content=content
        )
        assert run_one(worker)
        return answer.headers["location"]

    return send


@pytest.fixture
def reread(uploader, worker):
    def reread(location: str, **roles):
        answer = uploader.post(f"{location}/columns", json=roles)
        assert answer.status_code == 202, answer.json()
        assert answer.json()["status"] == "queued"
        assert run_one(worker)
        return uploader.get(location).json()

    return reread


def roles_of(client, location: str) -> dict[str, str | None]:
    found = client.get(f"{location}/columns").json()["items"]
    return {column["name"]: column["role"] for column in found}


def test_columns_are_shown_with_examples_and_their_roles(send, uploader):
    location = send(label_column="mood")
    shown = uploader.get(f"{location}/columns").json()
    assert shown["status"] == "completed"
    assert [column["name"] for column in shown["items"]] == ["id", "mood", "length", "remark"]
    mood = shown["items"][1]
    assert mood == {
        "name": "mood",
        "type": "text",
        "missing": 0,
        "examples": ["bad", "good", "bad"],
        "role": "label",
    }
    assert roles_of(uploader, location)["remark"] == "text"
    assert roles_of(uploader, location)["length"] == "ignored"


def test_a_file_refused_for_its_columns_shows_them_and_is_read_again(send, uploader, reread):
    location = send()
    refused = uploader.get(location).json()
    assert refused["problem"]["type"] == "/problems/label-column-missing"
    assert roles_of(uploader, location) == dict.fromkeys(("id", "mood", "length", "remark"))
    ready = reread(location, label="mood")
    assert (ready["status"], ready["problem"]) == ("completed", None)
    assert ready["class_names"] == ["bad", "good"]
    assert ready["columns"]["text"] == "remark"


def test_reading_again_replaces_what_the_first_reading_found(send, reread, uploader, database):
    location = send(label_column="mood")
    second = reread(location, label="length", sample_id="id")
    assert second["class_names"] == ["long", "short"]
    assert uploader.get(f"{location}/samples/p0").json()["given_label"] == "short"
    with database.read() as session:
        assert session.query(Sample).count() == 24


def test_a_second_reading_that_fails_leaves_no_samples_and_can_be_mended(
    send, reread, uploader, database
):
    location = send(label_column="mood")
    rejected = reread(location, label="nowhere")
    assert rejected["problem"]["type"] == "/problems/column-unknown"
    assert uploader.get(f"{location}/samples/0").status_code == 409
    with database.read() as session:
        assert session.query(Sample).count() == 0
    assert reread(location, label="length")["status"] == "completed"


def test_an_audited_dataset_stays_as_it_was_read(store, uploader):
    dataset_id = make_dataset(store)
    make_audit(store, dataset_id)
    answer = uploader.post(f"/v1/datasets/{dataset_id}/columns", json={"label": "text"})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/already-audited")
    assert uploader.get(f"/v1/datasets/{dataset_id}").json()["status"] == JobStatus.completed


def test_what_is_being_read_waits_and_what_was_no_table_is_gone(uploader, worker, storage):
    location = uploader.post(
        "/v1/datasets", params={"filename": "a.zip"}, content=b"PK\x03\x04 and no more"
    ).headers["location"]
    answer = uploader.post(f"{location}/columns", json={})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/not-ready")
    run_one(worker)
    answer = uploader.post(f"{location}/columns", json={})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/upload-gone")
    assert not [path for path in storage.root.rglob("*") if path.is_file()]


def test_roles_that_are_no_names_are_refused(send, uploader):
    location = send(label_column="mood")
    for body in ({"label": ""}, {"features": []}, {"colour": "x"}, {"label": "a\u0000"}):
        answer = uploader.post(f"{location}/columns", json=body)
        assert answer.status_code == 422, body


def test_annotators_do_not_change_the_columns(send, annotator):
    location = send(label_column="mood")
    assert annotator.post(f"{location}/columns", json={"label": "length"}).status_code == 403

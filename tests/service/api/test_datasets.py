"""/v1/datasets over HTTP."""

import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import select

from labelaudit.enums import JobStatus, Role
from service.core.config import Settings
from service.db.tables import Job
from service.storage.local import Storage
from tests.support.factories import (
    make_audit,
    make_dataset,
    sample_id,
    start_audit,
)
from worker.runtime.runner import run_one

CSV = "sample_id,label,text\n" + "".join(
    f"s{n},{'good' if n % 2 else 'bad'},some text number {n}\n" for n in range(20)
)


def picture(colour: str, size: tuple[int, int] = (12, 8)) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", size, colour).save(target, "PNG")
    return target.getvalue()


def folders_of_pictures() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for colour in ("red", "blue"):
            for number in range(6):
                archive.writestr(f"{colour}/{number}.png", picture(colour))
    return target.getvalue()


def files_in(storage: Storage) -> list[Path]:
    return [path for path in storage.root.rglob("*") if path.is_file()]


def upload(client, content: bytes | str = CSV, **query: str):
    return client.post(
        "/v1/datasets", params={"name": "mine", "filename": "mine.csv", **query}, content=content
    )


def test_an_upload_is_answered_at_once_and_read_by_a_worker(uploader, worker):
    answer = upload(uploader)
    assert answer.status_code == 202
    dataset = answer.json()
    assert (dataset["status"], dataset["version"], dataset["bytes"]) == ("queued", 0, len(CSV))
    assert answer.headers["location"] == f"/v1/datasets/{dataset['id']}"
    assert run_one(worker)
    ready = uploader.get(answer.headers["location"]).json()
    assert ready["status"] == "completed"
    assert (ready["kind"], ready["format"]) == ("text", "csv")
    assert (ready["sample_count"], ready["labeled_count"]) == (20, 20)
    assert ready["class_names"] == ["bad", "good"]
    assert ready["columns"]["label"] == "label"
    assert ready["created_by"] == {
        "id": uploader.get("/v1/me").json()["id"],
        "name": "the uploader",
    }


def test_columns_that_are_named_are_not_guessed(uploader, worker):
    content = CSV.replace("label,text", "first,second")
    named = {"label_column": "first", "text_column": "second", "sample_id_column": "sample_id"}
    location = upload(uploader, content, **named).headers["location"]
    run_one(worker)
    columns = uploader.get(location).json()["columns"]
    assert (columns["label"], columns["text"]) == ("first", "second")


def test_a_file_that_cannot_be_read_is_rejected_with_the_reason(uploader, worker):
    location = upload(uploader, b"\x00\x01\x02 nonsense" * 10, filename="x.zip").headers["location"]
    run_one(worker)
    rejected = uploader.get(location).json()
    assert rejected["status"] == "failed"
    assert rejected["problem"]["type"].startswith("/problems/")
    assert rejected["problem"]["detail"]


def test_a_rejected_upload_keeps_its_bytes_no_longer(uploader, worker, storage):
    upload(uploader, b"\x00\x01\x02 nonsense" * 10, filename="x.zip")
    run_one(worker)
    assert files_in(storage) == []


def test_an_empty_upload_is_refused_and_leaves_nothing(uploader, storage):
    answer = upload(uploader, b"")
    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/empty-file"
    assert list(storage.root.rglob("*")) in ([], [storage.root / "datasets"])
    assert uploader.get("/v1/datasets").json()["items"] == []


@pytest.fixture
def small_limit(settings: Settings) -> Settings:
    settings.max_upload_bytes = 1000
    return settings


def test_an_upload_over_the_limit_is_refused_and_leaves_nothing(small_limit, uploader, storage):
    answer = upload(uploader, b"x" * 1001)
    assert answer.status_code == 413
    assert answer.json()["type"] == "/problems/upload-too-large"
    assert list(storage.root.rglob("*")) in ([], [storage.root / "datasets"])
    assert uploader.get("/v1/datasets").json()["items"] == []


def test_an_upload_the_database_refuses_leaves_nothing(uploader, storage, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("no more rows")

    monkeypatch.setattr("service.datasets.records.create_dataset", refuse)
    assert upload(uploader).status_code == 500
    assert files_in(storage) == []


def test_datasets_are_listed_newest_first_page_by_page(store, annotator):
    made = [make_dataset(store, samples=6) for _ in range(5)]
    seen, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = annotator.get("/v1/datasets", params=query).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == sorted(made, reverse=True)


def test_a_sample_shows_its_content_and_the_label_it_came_with(store, annotator):
    dataset_id = make_dataset(store, unlabeled=[1])
    path = f"/v1/datasets/{dataset_id}/samples"
    assert annotator.get(f"{path}/{sample_id(0)}").json() == {
        "sample_id": sample_id(0),
        "position": 0,
        "given_label": "cat",
        "corrected_label": None,
        "verdict": None,
        "content": {"text": "text number 0"},
        "media_url": None,
    }
    assert annotator.get(f"{path}/{sample_id(1)}").json()["given_label"] is None
    assert annotator.get(f"{path}/nobody").status_code == 404


def test_a_sample_shows_what_was_decided_about_it(store, annotator):
    dataset_id = make_dataset(store)
    audit_id = make_audit(store, dataset_id)
    decision = {"sample_id": sample_id(0), "verdict": "relabel", "corrected_label": "fox"}
    annotator.post(f"/v1/audits/{audit_id}/corrections", json={"corrections": [decision]})
    shown = annotator.get(f"/v1/datasets/{dataset_id}/samples/{sample_id(0)}").json()
    assert (shown["given_label"], shown["corrected_label"]) == ("cat", "fox")
    assert shown["verdict"] == "relabel"


def test_a_sample_far_into_the_dataset_is_found(store, annotator):
    dataset_id = make_dataset(store, samples=3000)
    shown = annotator.get(f"/v1/datasets/{dataset_id}/samples/{sample_id(2500)}").json()
    assert shown["content"] == {"text": "text number 2500"}


def test_a_picture_is_served_re_encoded_and_sandboxed(uploader, worker, call_as):
    location = upload(uploader, folders_of_pictures(), filename="x.zip").headers["location"]
    run_one(worker)
    audit = f"{location}/samples"
    names = zipfile.ZipFile(io.BytesIO(folders_of_pictures())).namelist()
    sample = uploader.get(f"{audit}/{names[0]}").json()
    assert sample["content"] == {"file": names[0]}
    answer = uploader.get(sample["media_url"])
    assert answer.status_code == 200
    shown = Image.open(io.BytesIO(answer.content))
    assert answer.headers["content-type"] == f"image/{shown.format.lower()}"
    assert shown.size == (12, 8)
    assert shown.convert("RGB").getpixel((0, 0)) == (255, 0, 0)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "private, no-cache"
    known = {"If-None-Match": answer.headers["etag"]}
    again = uploader.get(sample["media_url"], headers=known)
    assert (again.status_code, again.content) == (304, b"")
    other = uploader.get(sample["media_url"], headers=known, params={"size": 16})
    assert other.status_code == 200
    # a browser that has the picture asks for it with each use, so it ends with the access
    outsider = call_as(Role.annotator)
    assert outsider.get(sample["media_url"], headers=known).status_code == 404


def test_a_picture_is_scaled_to_the_size_asked_for(uploader, worker):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for number in range(12):
            archive.writestr(f"{'ab'[number % 2]}/{number}.png", picture("red", (640, 320)))
    location = upload(uploader, target.getvalue(), filename="x.zip").headers["location"]
    run_one(worker)
    answer = uploader.get(f"{location}/samples/a%2F0.png/media", params={"size": 64})
    assert Image.open(io.BytesIO(answer.content)).size == (64, 32)


def test_a_picture_damaged_on_the_disk_is_a_problem_not_a_crash(uploader, worker, storage):
    location = upload(uploader, folders_of_pictures(), filename="x.zip").headers["location"]
    run_one(worker)
    [path] = [path for path in files_in(storage) if path.name == "upload"]
    path.write_bytes(b"\xff" * path.stat().st_size)
    answer = uploader.get(f"{location}/samples/red%2F0.png/media")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_text_has_no_picture(store, annotator):
    dataset_id = make_dataset(store)
    answer = annotator.get(f"/v1/datasets/{dataset_id}/samples/{sample_id(0)}/media")
    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/no-media"


def test_what_is_not_ready_has_no_samples_audits_or_exports(uploader):
    location = upload(uploader).headers["location"]
    for answer in (
        uploader.get(f"{location}/samples/s1"),
        uploader.post(f"{location}/audits"),
        uploader.post(f"{location}/exports"),
    ):
        assert answer.status_code == 409
        assert answer.json()["type"] == "/problems/not-ready"


def test_deleting_a_dataset_takes_everything_made_from_it(store, uploader):
    dataset_id = make_dataset(store)
    kept = make_dataset(store)
    audit_id = make_audit(store, dataset_id)
    running = start_audit(store, dataset_id)
    export_id = uploader.post(f"/v1/datasets/{dataset_id}/exports").json()["id"]
    assert uploader.delete(f"/v1/datasets/{dataset_id}").status_code == 204
    for path in (
        f"/v1/datasets/{dataset_id}",
        f"/v1/audits/{audit_id}",
        f"/v1/audits/{running}",
        f"/v1/exports/{export_id}",
    ):
        assert uploader.get(path).status_code == 404
    remaining = {path.parts[-2] for path in files_in(store.storage)}
    assert remaining == {kept}
    with store.database.read() as session:
        subjects = set(session.scalars(select(Job.subject_id)))
    assert subjects == {kept}  # a worker that runs one finds out when it renews its lease
    assert uploader.get(f"/v1/datasets/{kept}").json()["status"] == JobStatus.completed


def test_samples_are_listed_in_the_order_of_the_upload(store, annotator):
    dataset_id = make_dataset(store, samples=30, unlabeled=[4])
    path = f"/v1/datasets/{dataset_id}/samples"
    found, cursor = [], None
    while True:
        page = annotator.get(path, params={"limit": 7} | ({"cursor": cursor} if cursor else {}))
        found += page.json()["items"]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break
    assert [one["position"] for one in found] == list(range(30))
    assert found[4] == annotator.get(f"{path}/{sample_id(4)}").json()
    assert [one["given_label"] for one in found[:5]] == ["cat", "dog", "fox", "cat", None]
    assert found[9]["content"] == {"text": "text number 9"}
    assert annotator.get(path, params={"limit": 201}).status_code == 422

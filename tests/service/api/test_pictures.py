"""Pictures over HTTP: kept once made, decoded without a session, a share for each organisation."""

import base64
import io
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image
from starlette.testclient import TestClient

from labelaudit.enums import Role
from service.accounts.api_keys import create_key
from service.accounts.tenants import create_tenant
from service.core.errors import InsufficientStorage
from service.datasets import thumbnails
from service.operations.cleanup import clean_up
from service.operations.erase import erase
from service.operations.verify import verify
from tests.support import decoding
from worker.runtime.runner import run_one

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def upload(client, worker) -> str:
    """The path of a dataset of twelve pictures."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for number in range(12):
            picture = io.BytesIO()
            Image.new("RGB", (300, 200), (number, 0, 0)).save(picture, "PNG")
            archive.writestr(f"{'ab'[number % 2]}/{number}.png", picture.getvalue())
    answer = client.post("/v1/datasets", params={"filename": "x.zip"}, content=target.getvalue())
    run_one(worker)
    location: str = answer.headers["location"]
    return location


def media(location: str, number: int = 0) -> str:
    return f"{location}/samples/{'ab'[number % 2]}%2F{number}.png/media"


def kept(storage) -> list[str]:
    return sorted(path.name for path in storage.path(thumbnails.FOLDER).rglob("*.png"))


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"database_pool": 1, "picture_wait_seconds": 60.0})


@pytest.fixture
def gate(monkeypatch, tmp_path) -> decoding.Gate:
    return decoding.gate(monkeypatch, tmp_path / "gate")


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(60) as pool:
        yield pool


# -------------------------------------------------------------------------------------------- kept


@on_sqlite
def test_a_thumbnail_is_made_once_and_kept_by_size(uploader, worker, storage, monkeypatch, app):
    path = media(upload(uploader, worker))
    first = uploader.get(path, params={"size": 64})
    assert first.status_code == 200
    assert len(kept(storage)) == 1
    monkeypatch.setattr(app.state.resources.pictures, "decoders", None)
    again = uploader.get(path, params={"size": 64})
    assert (again.status_code, again.content) == (200, first.content)
    monkeypatch.undo()
    uploader.get(path, params={"size": 65})
    assert len(kept(storage)) == 2


@on_sqlite
def test_who_asks_for_the_same_thumbnail_meanwhile_shares_it(uploader, worker, gate, pool):
    path = media(upload(uploader, worker))
    asked = [pool.submit(uploader.get, path, params={"size": 64}) for _ in range(8)]
    gate.begun(1)
    gate.open()
    assert {one.result().status_code for one in asked} == {200}
    assert gate.events() == [("begin", 64), ("end", 64)]


@on_sqlite
def test_thumbnails_go_with_their_dataset(uploader, worker, storage, database):
    location, other = upload(uploader, worker), upload(uploader, worker)
    for one in (location, other):
        assert uploader.get(media(one)).status_code == 200
    assert uploader.delete(location).status_code == 204
    assert len(kept(storage)) == 1
    dataset_id = other.rsplit("/", 1)[1]
    assert storage.path(thumbnails.folder(dataset_id)).exists()
    assert erase(database, storage, dataset_id).complete
    assert kept(storage) == []


@on_sqlite
def test_a_thumbnail_that_is_done_after_the_deletion_is_not_kept(
    uploader, worker, storage, database, gate, pool
):
    location = upload(uploader, worker)
    asked = pool.submit(uploader.get, media(location))
    gate.begun(1)
    assert uploader.delete(location).status_code == 204
    gate.open()
    asked.result()
    assert not storage.path(thumbnails.folder(location.rsplit("/", 1)[1])).exists()
    assert verify(database, storage, min_age_seconds=0).leftovers == []


@on_sqlite
def test_the_cleanup_deletes_the_thumbnails_that_were_used_the_longest_ago(
    uploader, worker, storage, database
):
    location = upload(uploader, worker)
    for number in range(3):
        uploader.get(media(location, number))
    oldest, *newer = sorted(
        storage.path(thumbnails.FOLDER).rglob("*.png"), key=lambda path: path.stat().st_mtime_ns
    )
    limit = sum(path.stat().st_size for path in newer)
    deleted = clean_up(database, storage, cache_bytes=limit)
    assert deleted == [str(oldest.relative_to(storage.root))]
    assert not oldest.exists()
    assert clean_up(database, storage, cache_bytes=limit) == []


@on_sqlite
def test_a_full_disk_shows_pictures_without_keeping_them(uploader, worker, storage, app):
    location = upload(uploader, worker)
    app.state.resources.storage.watermark = 2**62
    with pytest.raises(InsufficientStorage):
        app.state.resources.storage.require_space()
    assert uploader.get(media(location)).status_code == 200
    assert kept(storage) == []


# ----------------------------------------------------------------------------------------- bounded


def test_no_connection_and_no_thread_is_held_while_pictures_are_decoded(
    uploader, worker, gate, pool
):
    """One connection, forty threads of the server, and more pictures than either."""
    location = upload(uploader, worker)
    asked = [
        pool.submit(uploader.get, media(location), params={"size": 100 + n}) for n in range(45)
    ]
    gate.begun(2)
    for _ in range(20):  # no sooner would all 45 be where they wait
        assert uploader.get(location).status_code == 200
    assert not any(one.done() for one in asked)
    gate.open()
    assert {one.result().status_code for one in asked} == {200}
    assert gate.most_at_once() == 2  # of three: one organisation never has them all


@on_sqlite
def test_one_organisation_does_not_keep_another_from_its_pictures(
    uploader, worker, gate, pool, call_as, database
):
    with database.write() as session:
        tenant, _ = create_tenant(session, name="others", admin="Ann")
        _, token = create_key(session, name="Bo", role=Role.uploader, tenant_id=tenant.id)
    other: TestClient = call_as(None)
    other.headers["authorization"] = f"Bearer {token}"
    mine, theirs = upload(uploader, worker), upload(other, worker)
    many = [pool.submit(uploader.get, media(mine), params={"size": 100 + n}) for n in range(10)]
    gate.begun(2)
    one = pool.submit(other.get, media(theirs), params={"size": 50})
    gate.begun(3)
    assert ("begin", 50) in gate.events()
    gate.open()
    assert {found.result().status_code for found in [*many, one]} == {200}


@on_sqlite
def test_what_waits_too_long_is_a_problem_that_says_when_to_come_back(
    uploader, worker, gate, pool, app
):
    location = upload(uploader, worker)
    app.state.resources.pictures.decoders.budget.seconds = 0.2
    busy = [pool.submit(uploader.get, media(location), params={"size": 100 + n}) for n in range(2)]
    gate.begun(2)
    answer = uploader.get(media(location), params={"size": 50})
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/pictures-busy")
    assert answer.headers["retry-after"] == "2"
    gate.open()
    assert {one.result().status_code for one in busy} == {200}


# -------------------------------------------------------------------------------- asking the model


@on_sqlite
def test_images_to_predict_are_decoded_by_the_decoders_and_a_bad_one_leaves_nothing(
    uploader, app, storage, monkeypatch
):
    from service.api.routes import models

    monkeypatch.setattr(models, "_model_for", lambda *_: None)
    monkeypatch.setattr("service.pictures.image_files.verify_image", threading.Lock)  # not here
    sound = io.BytesIO()
    Image.new("RGB", (30, 30)).save(sound, "PNG")
    files = [sound.getvalue(), sound.getvalue()[:50]]
    asked = {"images": [base64.b64encode(file).decode() for file in files]}
    answer = uploader.post("/v1/audits/au_1/predict", json=asked)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/image-undecodable")
    assert answer.json()["errors"][0]["pointer"] == "/images/1"
    assert [path for path in storage.root.rglob("*") if path.is_file()] == []
    assert app.state.resources.pictures.decoders._all[-1].pid is not None

"""Which sample a task is: never another one."""

import io
import zipfile
from typing import Any

import pytest
from PIL import Image

from labelaudit.enums import DatasetKind
from service.db.tables import Dataset
from service.label_studio.matching import Match, Task, match_tasks
from tests.support import road
from tests.support.factories import make_dataset, sample_id
from worker.runtime.runner import run_one

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def matched(store, dataset_id: str, *tasks: Task, field: str = "text") -> list[int | None]:
    """The position of each task's sample."""
    with store.database.read() as session:
        dataset = session.get_one(Dataset, dataset_id)
        found = match_tasks(session, store.storage, dataset, tasks, field=field)
    for one in found:
        assert one is None or isinstance(one, Match)
    return [None if one is None else one.position for one in found]


def text_task(text: str | None = None, id: Any = None, **data: Any) -> Task:
    return Task(id, data if text is None else {"text": text, **data})


@pytest.mark.parametrize(
    ("task", "position"),
    [
        (text_task(sample_id=sample_id(5)), 5),
        (text_task("text number 5", sample_id=sample_id(5)), 5),
        (text_task("text number 6", sample_id=sample_id(5)), None),  # of another dataset
        (text_task("text number 5", sample_id="unknown"), None),
        (text_task("text number 5"), 5),
        (text_task("text number 5", id=17), 5),
        (text_task("text number 5", id=sample_id(5)), 5),
        (text_task("text number 6", id=sample_id(5)), 6),
        (text_task(id=sample_id(5)), None),  # numbers of tasks say nothing without their content
        (text_task("Text number 5"), None),
        (text_task(" text number 5"), None),
        (text_task(""), None),
        (text_task(), None),
    ],
)
def test_a_text_is_known_by_its_id_or_by_its_words(store, task, position):
    assert matched(store, make_dataset(store), task) == [position]


def test_the_order_of_the_tasks_is_kept(store):
    order = [25, 3, 3, 0, 29]
    tasks = [text_task(f"text number {p}") for p in order]
    tasks.insert(2, text_task("never seen"))
    assert matched(store, make_dataset(store), *tasks) == [25, 3, None, 3, 0, 29]


def test_no_tasks_have_no_samples(store):
    assert matched(store, make_dataset(store)) == []


def test_a_sample_of_another_dataset_is_not_found(store):
    first, _ = make_dataset(store), make_dataset(store, samples=40)
    assert matched(store, first, text_task(sample_id=sample_id(35))) == [None]


# ------------------------------------------------------------------------------- images and tables


def sent(uploader, worker, upload: bytes, filename: str) -> str:
    answer = uploader.post("/v1/datasets", params={"filename": filename}, content=upload)
    dataset = road.finished(uploader, answer.headers["location"], lambda: run_one(worker))
    assert dataset["status"] == "completed", dataset["problem"]
    return dataset["id"]


def pictures(*names: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for number, name in enumerate(names):
            png = io.BytesIO()
            Image.new("RGB", (8, 8), (number, 2 * number, 40)).save(png, "PNG")
            archive.writestr(name, png.getvalue())
    return target.getvalue()


NAMES = [f"{label}/{number}.png" for label in ("cat", "dog") for number in range(12)]


@on_sqlite
def test_an_image_is_known_by_the_end_of_its_address(store, uploader, worker):
    dataset_id = sent(uploader, worker, pictures(*NAMES), "a.zip")
    with store.database.read() as session:
        assert session.get_one(Dataset, dataset_id).kind is DatasetKind.image
    addresses = {
        "cat/3.png": True,
        "/data/local-files/?d=cat/4.png": True,
        "/data/local-files/?d=pets/cat%2F5.png": True,
        "s3://bucket/pets/cat/6.png": True,
        "7.png": False,
        "https://example.org/bobcat/8.png": False,
        "https://example.org/cat/99.png": False,
        "x" * 5_000 + "/cat/9.png": False,
        "/" * 1_000_000: False,
    }
    tasks = [Task(None, {"image": address}) for address in addresses]
    found = matched(store, dataset_id, *tasks, field="image")
    assert [position is not None for position in found] == list(addresses.values())
    assert found[0] != found[1]


@on_sqlite
def test_an_image_that_could_be_several_is_none(store, uploader, worker):
    flat = [f"{number}.png" for number in range(24)]
    listing = "file,label\n" + "".join(
        f"{name},{'cat' if number % 2 else 'dog'}\n" for number, name in enumerate(flat)
    )
    upload = io.BytesIO(pictures(*flat))
    with zipfile.ZipFile(upload, "a") as archive:
        archive.writestr("labels.csv", listing)
    dataset_id = sent(uploader, worker, upload.getvalue(), "a.zip")

    def found(*addresses: str) -> list[bool]:
        tasks = [Task(None, {"image": address}) for address in addresses]
        return [one is not None for one in matched(store, dataset_id, *tasks, field="image")]

    assert found("s3://b/here/1.png") == [True]
    assert found("s3://b/here/1.png", "s3://b/there/1.png") == [False, False]
    assert found("s3://b/here/1.png", "s3://b/here/1.png") == [True, True]


@on_sqlite
def test_a_table_is_known_by_its_id_and_its_row(store, uploader, worker):
    rows = [[f"w{n}", "ab"[n % 2], n + 0.5, 3 * n] for n in range(30)]
    upload = road.as_csv(["sample_id", "label", "weight", "size"], rows)
    dataset_id = sent(uploader, worker, upload, "a.csv")
    row, other = {"weight": 4.5, "size": 12}, {"weight": 4.5, "size": 13}
    tasks = [
        (Task(1, {"sample_id": "w4", "row": row}), 4),
        (Task(1, {"sample_id": "w4"}), 4),
        (Task(1, {"sample_id": "w4", "row": other}), None),
        (Task("w4", {"row": row}), 4),
        (Task("w4", row), 4),
        (Task("w4", other), None),
        (Task("w4", {}), None),
        (Task(4, {"row": row}), None),
    ]
    found = matched(store, dataset_id, *(task for task, _ in tasks), field="row")
    assert found == [position for _, position in tasks]

"""Faults of pictures, from the upload to the list, the summary and the table."""

import csv
import io
import zipfile
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageFilter

from service.audits import issue_files
from service.datasets import records as datasets
from service.ingest.images.measured import PREFIX
from tests.support import road
from worker.runtime.runner import run_one

COUNT = 60
DARK, BLURRY = 7, 20
WISH = {"encoder": None, "epochs": 5, "replicas": 2}


def drawn(number: int) -> Image.Image:
    """A pattern of its class, with a little of its own."""
    generator = np.random.default_rng(number)
    small = np.kron(np.eye(8)[:: 1 if number % 2 else -1], np.full((4, 4), 150.0))
    pixels = small[..., None] + generator.normal(60, 15, (32, 32, 3))
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    if number == DARK:
        return image.point(lambda value: value // 5)
    return image.filter(ImageFilter.GaussianBlur(5)) if number == BLURRY else image


@pytest.fixture
def upload() -> road.Upload:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for number in range(COUNT):
            png = io.BytesIO()
            drawn(number).save(png, "PNG")
            archive.writestr(f"{('left', 'right')[number % 2]}/{number:03}.png", png.getvalue())
    return road.Upload(target.getvalue(), "drawn.zip", "image", frozenset(), WISH)


def audited(uploader: Any, worker: Any, upload: road.Upload) -> tuple[str, str]:
    def work() -> None:
        run_one(worker)

    dataset = road.send(uploader, upload, work)
    audit = road.start(uploader, dataset, upload.wish)
    assert road.finished(uploader, audit, work)["status"] == "completed"
    return dataset["id"], audit


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_dark_and_a_blurry_picture_are_found_filtered_and_exported(uploader, worker, upload):
    dataset, audit = audited(uploader, worker, upload)
    for issue, number in (("dark", DARK), ("blurry", BLURRY)):
        found = uploader.get(f"{audit}/suspects", params={"issue": issue}).json()["items"]
        assert [row["sample_id"][-7:] for row in found] == [f"{number:03}.png"]
        assert issue in found[0]["issues"]
        assert found[0][f"{issue}_score"] < 0.6
    summary = uploader.get(f"{audit}/summary").json()
    assert {name: summary["issues"][name] for name in ("dark", "light", "odd_size")} == {
        "dark": 1,
        "light": 0,
        "odd_size": 0,
    }
    [check] = [one for one in summary["checks"] if one["name"] == "image_quality"]
    assert (check["found"], check["count"]) == (True, 2)
    assert check["detail"] == "Of the pictures, 1 is dark and 1 is blurry."
    assert check["detail"] in uploader.get(f"{audit}/report.html").text
    text = uploader.get(f"{audit}/suspects.csv").text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert sum(row["is_dark_issue"] == "True" for row in rows) == 1
    assert all(row["dark_score"] for row in rows)
    key = issue_files.issues_key(audit.rpartition("/")[2])
    known = issue_files.read_issues(worker.storage.path(key))
    assert known is not None
    assert known[0].counts() == summary["issues"]
    names = pq.read_schema(worker.storage.path(datasets.samples_key(dataset))).names
    assert f"{PREFIX}sharpness" in names


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_pictures_that_an_older_version_read_are_not_said_to_be_good(uploader, worker, upload):
    def work() -> None:
        run_one(worker)

    dataset = road.send(uploader, upload, work)
    path = worker.storage.path(datasets.samples_key(dataset["id"]))
    table = pq.read_table(path)
    kept = [name for name in table.column_names if not name.startswith(PREFIX)]
    pq.write_table(table.select(kept), path, row_group_size=1024)
    audit = road.start(uploader, dataset, upload.wish)
    assert road.finished(uploader, audit, work)["status"] == "completed"
    summary = uploader.get(f"{audit}/summary").json()
    assert summary["issues"]["dark"] is None
    assert "image_quality" not in {one["name"] for one in summary["checks"]}
    assert any("exposure, blur and size" in text for text in summary["missing"])

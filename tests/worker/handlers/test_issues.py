"""Issues beside wrong labels, from the encodings to the list, the detail and the table."""

import csv
import io

import numpy as np
import pytest

from tests.support import road
from tests.support.road import as_csv
from worker.runtime.runner import run_one

COUNT = 150


@pytest.fixture
def upload() -> road.Upload:
    """Three blobs in ten columns; the last sample copies the first under another label, and the
    one before lies far out."""
    generator = np.random.default_rng(0)
    classes = np.arange(COUNT) % 3
    values = 4.0 * generator.normal(size=(3, 10))[classes] + generator.normal(size=(COUNT, 10))
    values[-1], values[-2] = values[0], 60.0
    labels = [("cat", "dog", "fox")[k] for k in classes]
    splits = ["test" if k % 10 == 9 else "train" for k in range(COUNT)]  # the copy is in test
    rows = [[f"s{k:03}", labels[k], splits[k], *values[k]] for k in range(COUNT)]
    content = as_csv(["sample_id", "label", "split", *(f"f_{k}" for k in range(10))], rows)
    return road.Upload(content, "a.csv", "table", frozenset(), {"epochs": 20, "replicas": 3})


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_copy_under_another_label_is_found_filtered_and_exported(uploader, worker, upload):
    def work() -> None:
        run_one(worker)

    dataset = road.send(uploader, upload, work)
    audit = road.start(uploader, dataset, upload.wish)
    assert road.finished(uploader, audit, work)["status"] == "completed"

    copies = uploader.get(f"{audit}/suspects", params={"issue": "conflicting_duplicate"}).json()
    assert {row["sample_id"] for row in copies["items"]} == {"s000", "s149"}
    shown = uploader.get(f"{audit}/suspects/s000").json()
    assert shown["duplicates"] == [{"sample_id": "s149", "given_label": "fox"}]
    assert shown["near_duplicate_score"] == 0.0
    checks = {one["name"]: one for one in uploader.get(f"{audit}/summary").json()["checks"]}
    assert {name: one["found"] for name, one in checks.items()} == {
        "class_imbalance": False,
        "split_leakage": True,
        "missing_values": False,
        "non_iid": False,
        "underperforming_group": False,
    }
    assert checks["split_leakage"]["count"] == 2
    report = uploader.get(f"{audit}/report.html").text
    assert "2 samples have a near duplicate in another split." in report
    assert "rarest class" not in report
    counts = uploader.get(f"{audit}/summary").json()["issues"]
    assert (counts["near_duplicate"], counts["conflicting_duplicate"]) == (2, 2)
    text = uploader.get(f"{audit}/suspects.csv").text
    flagged = [row for row in csv.DictReader(io.StringIO(text))
               if row["is_near_duplicate_issue"] == "True"]  # fmt: skip
    assert {row["sample_id"] for row in flagged} == {"s000", "s149"}
    assert uploader.get(f"{audit}/suspects", params={"issue": "sad"}).status_code == 422

"""Votes from the upload to the ranking, the API, the client and the command line."""

import io
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelaudit.client.packing import packed
from tests.support import road
from worker.runtime.runner import run_one

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
CLASSES, COUNT, ANNOTATORS = ("cat", "dog", "fox"), 120, 4


def votes_and_predictions() -> tuple[dict, dict, set[str]]:
    """Columns of a table of vague predictions, of a table of votes, and the wrong samples."""
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 3, COUNT)
    given = truth.copy()
    given[::10] = (given[::10] + 1) % 3
    predictions = generator.dirichlet((4, 4, 4), COUNT)
    predictions[np.arange(COUNT), truth] += 0.2
    predictions[np.arange(COUNT), given] += 0.2
    predictions /= predictions.sum(axis=1, keepdims=True)
    names = [f"s{k:03}" for k in range(COUNT)]
    samples = {
        "sample_id": names,
        "label": [CLASSES[k] for k in given],
        "pred_probs": predictions.tolist(),
    }
    slips = (truth[:, None] + generator.integers(1, 3, (COUNT, ANNOTATORS))) % 3
    said = np.where(generator.random((COUNT, ANNOTATORS)) < 0.85, truth[:, None], slips)
    votes = {
        "sample_id": np.repeat(names, ANNOTATORS).tolist(),
        "annotator": np.tile(["ann", "bob", "cid", "dee"], COUNT).tolist(),
        "label": [CLASSES[k] for k in said.ravel()],
    }
    return samples, votes, set(names[::10])


def as_parquet(columns: dict) -> bytes:
    target = io.BytesIO()
    pq.write_table(pa.table(columns), target)
    return target.getvalue()


@pytest.fixture
def upload() -> tuple[road.Upload, set[str]]:
    samples, votes, wrong = votes_and_predictions()
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("samples.parquet", as_parquet(samples))
        archive.writestr("votes.parquet", as_parquet(votes))
    return road.Upload(target.getvalue(), "a.zip", "probabilities", frozenset(wrong)), wrong


@on_sqlite
def test_votes_reach_the_ranking_and_say_how_good_their_annotators_are(uploader, worker, upload):
    def work() -> None:
        run_one(worker)

    packed_upload, wrong = upload
    dataset = road.send(uploader, packed_upload, work)
    people = uploader.get(f"/v1/datasets/{dataset['id']}/annotators").json()
    assert (people["votes"], people["samples"]) == (COUNT * ANNOTATORS, COUNT)
    assert {row["annotator"] for row in people["items"]} == {"ann", "bob", "cid", "dee"}
    assert all(0.75 < row["accuracy"] < 0.97 for row in people["items"])
    assert people["krippendorff_alpha"]["low"] < people["krippendorff_alpha"]["value"]
    assert {row["agreement"]["basis"] for row in people["items"]} == {"counted"}

    audit = road.start(uploader, dataset, {})
    assert road.finished(uploader, audit, work)["status"] == "completed"
    suspects = road.ranked(uploader, audit)
    assert len(wrong & {row["sample_id"] for row in suspects[: len(wrong)]}) >= 10
    assert "annotators say" in suspects[0]["reason"]
    summary = uploader.get(f"{audit}/summary").json()
    assert any("no trajectories" in words for words in summary["missing"])
    assert any("no encodings" in words for words in summary["missing"])
    votes = summary["votes"]
    assert votes["annotator_count"] == ANNOTATORS
    shown = uploader.get(f"{audit}/suspects/{suspects[0]['sample_id']}").json()
    assert shown["signals"]["votes"] == ANNOTATORS


@on_sqlite
def test_a_dataset_without_votes_says_how_to_send_some(uploader, worker):
    def work() -> None:
        run_one(worker)

    dataset = road.send(uploader, road.probabilities(), work)
    answer = uploader.get(f"/v1/datasets/{dataset['id']}/annotators")
    assert answer.status_code == 404
    assert "docs/formats.md" in answer.json()["detail"]


def test_a_folder_with_a_table_of_votes_is_sent_as_one(tmp_path):
    samples, votes, _ = votes_and_predictions()
    (tmp_path / "samples.parquet").write_bytes(as_parquet(samples))
    (tmp_path / "annotations.parquet").write_bytes(as_parquet(votes))
    with packed(tmp_path) as upload, zipfile.ZipFile(upload.path) as archive:
        assert upload.filename.endswith(".zip")
        assert archive.namelist() == ["samples.parquet", "annotations.parquet"]

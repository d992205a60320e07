"""The whole road through the jobs themselves, on small real data of every kind."""

import csv
import hashlib
import io
import json
import zipfile

import numpy as np
import pyarrow.parquet as pq
import pytest

from labelaudit.enums import Verdict
from service import review
from service.audits import issue_files
from service.audits import records as audits
from service.datasets import encodings
from service.db.tables import Audit
from service.options.objectives import resolve_options
from service.options.training import TrainingConfig
from service.review import NewCorrection
from tests.support import road
from tests.support.factories import (
    make_audit,
    make_dataset,
    person,
    sample_id,
)
from worker.handlers.audit_inputs import analysed_labels, training_config
from worker.handlers.learned_matrix import origin_of
from worker.runtime.runner import run_one

UPLOADS = {
    "images": road.images,
    "table": road.table,
    "text": road.text,
    "vectors": road.vectors,
    "probabilities": road.probabilities,
}
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def correct_ten(client, audit: str) -> dict[str, dict]:
    """Decide the ten worst samples, each verdict at least once; the log by sample."""
    items = client.post(
        f"{audit}/queue/next", json={"count": 10, "tier": ["obvious", "possible", "none"]}
    ).json()["items"]
    assert len(items) == 10
    decisions = []
    for number, item in enumerate(items):
        decision = {"sample_id": item["sample_id"], "lease_id": item["lease"]["lease_id"]}
        if number == 0:
            decision |= {"verdict": "keep"}
        elif number == 1:
            decision |= {"verdict": "exclude"}
        elif number == 2:
            decision |= {"verdict": "skip"}
        elif item["suggested_label"]:
            decision |= {"verdict": "accept_suggestion"}
        else:
            decision |= {"verdict": "relabel", "corrected_label": item["top_labels"][0]["label"]}
        decisions.append(decision)
    answer = client.post(f"{audit}/corrections", json={"corrections": decisions})
    assert answer.status_code == 201, answer.text
    return {row["sample_id"]: row for row in answer.json()["items"]}


def exported(client, dataset, format: str, work) -> bytes:
    answer = client.post(f"/v1/datasets/{dataset['id']}/exports", json={"format": format})
    job = road.finished(client, answer.headers["location"], work)
    assert job["status"] == "completed", job["problem"]
    content = client.get(job["download_url"]).content
    assert hashlib.sha256(content).hexdigest() == job["sha256"]
    return content


@on_sqlite
@pytest.mark.parametrize("kind", UPLOADS)
def test_the_whole_road(kind, uploader, worker):
    def work() -> None:
        run_one(worker)

    upload = UPLOADS[kind]()
    dataset = road.send(uploader, upload, work)
    audit = road.start(uploader, dataset, upload.wish)
    done = road.finished(uploader, audit, work)
    assert done["status"] == "completed", done["problem"]
    assert done["progress"] == 1.0

    suspects = road.ranked(uploader, audit)
    assert len(suspects) == dataset["labeled_count"]
    assert road.hits(suspects, upload) >= 0.6
    summary = uploader.get(f"{audit}/summary").json()
    assert summary["noise_rate"]["low"] <= 0.1 <= summary["noise_rate"]["high"]
    shown = uploader.get(f"{audit}/suspects/{suspects[0]['sample_id']}?include=trajectory").json()
    assert shown["signals"]
    assert shown["top_labels"]
    assert (shown["trajectory"] is None) == (kind == "probabilities")

    corrected = correct_ten(uploader, audit)
    files = {
        format: exported(uploader, dataset, format, work)
        for format in ("original", "csv", "parquet", "patch")
    }
    check_tables(files["csv"], files["parquet"], corrected, dataset)
    if kind == "images":
        excluded = [row for row in corrected.values() if row["verdict"] == "exclude"]
        with zipfile.ZipFile(io.BytesIO(files["original"])) as archive:
            pictures = [name for name in archive.namelist() if name.endswith(".png")]
        assert len(pictures) == dataset["sample_count"] - len(excluded)
    assert files["patch"]

    again = road.start(uploader, dataset, upload.wish)
    later = road.finished(uploader, again, work)
    assert (later["status"], later["dataset_version"]) == ("completed", 10), later["problem"]
    states = {item["sample_id"]: item for item in road.ranked(uploader, again)}
    assert len(states) == len(suspects) - 1  # one was excluded
    for name, row in corrected.items():
        if row["verdict"] == "exclude":
            assert name not in states
        elif row["verdict"] == "skip":
            assert states[name]["state"] == "skipped"
        else:
            assert states[name]["state"] == "decided"
            assert states[name]["given_label"] == row["corrected_label"]


def check_tables(as_csv: bytes, as_parquet: bytes, corrected: dict[str, dict], dataset) -> None:
    """Both tables hold every sample that was not excluded, with the label people settled on."""
    from_csv = {
        row["sample_id"]: row for row in csv.DictReader(io.StringIO(as_csv.decode("utf-8-sig")))
    }
    from_parquet = {
        row["sample_id"]: row for row in pq.read_table(io.BytesIO(as_parquet)).to_pylist()
    }
    assert from_csv.keys() == from_parquet.keys()
    excluded = {name for name, row in corrected.items() if row["verdict"] == "exclude"}
    assert len(from_csv) == dataset["sample_count"] - len(excluded)
    assert not excluded & from_csv.keys()
    for name, row in corrected.items():
        if row["verdict"] in ("keep", "accept_suggestion", "relabel"):
            assert from_csv[name]["corrected_label"] == row["corrected_label"]
            assert from_parquet[name]["corrected_label"] == row["corrected_label"]


def test_the_same_seed_gives_the_same_ranking_on_either_database(uploader, worker):
    def work() -> None:
        run_one(worker)

    upload = road.vectors(150, epochs=5)
    dataset = road.send(uploader, upload, work)
    rankings = []
    for _ in range(2):
        audit = road.start(uploader, dataset, upload.wish)
        assert road.finished(uploader, audit, work)["status"] == "completed"
        rankings.append([(s["sample_id"], s["p_wrong"]) for s in road.ranked(uploader, audit)])
    assert rankings[0] == rankings[1]


# --------------------------------------------------------------------------------------- the pieces


@pytest.fixture
def dataset_id(store):
    return make_dataset(store, samples=12, unlabeled=[5, 7])


def load(store, audit_id) -> Audit:
    with store.database.read() as session:
        return audits.get_audit(session, audit_id)


def test_only_labeled_samples_are_analysed(store, worker, dataset_id):
    audit = load(store, make_audit(store, dataset_id, count=5))
    labels, positions = analysed_labels(worker, audit)
    assert positions.tolist() == [0, 1, 2, 3, 4, 6, 8, 9, 10, 11]
    assert labels.tolist() == [position % 3 for position in positions]
    assert (labels.dtype, positions.dtype) == (np.int32, np.int64)  # type: ignore[comparison-overlap]


def test_an_audit_sees_the_corrections_of_its_version_and_no_later_ones(store, worker, dataset_id):
    first = make_audit(store, dataset_id, count=5)
    decisions = [
        NewCorrection(sample_id(0), Verdict.relabel, corrected_label=2),
        NewCorrection(sample_id(1), Verdict.exclude),
        NewCorrection(sample_id(2), Verdict.skip),
        NewCorrection(sample_id(3), Verdict.relabel, corrected_label=1),
    ]
    for decision in decisions:
        with store.database.write() as session:
            review.submit(session, first, [decision], principal=person())
    seen = {}
    for version in range(5):
        audit = load(store, make_audit(store, dataset_id, count=5, version=version))
        labels, positions = analysed_labels(worker, audit)
        seen[version] = dict(zip(positions.tolist(), labels.tolist(), strict=True))
    assert [seen[version][0] for version in range(5)] == [0, 2, 2, 2, 2]
    assert [1 in seen[version] for version in range(5)] == [True, True, False, False, False]
    assert [seen[version][3] for version in range(5)] == [0, 0, 0, 0, 1]


@on_sqlite
def test_one_class_left_is_nothing_to_tell_apart(store, worker, uploader):
    dataset_id = make_dataset(store, samples=12, classes=("cat", "dog"))
    audit_id = make_audit(store, dataset_id)
    dogs = [
        NewCorrection(sample_id(p), Verdict.relabel, corrected_label=0) for p in range(1, 12, 2)
    ]
    with store.database.write() as session:
        review.submit(session, audit_id, dogs, principal=person())
    audit = road.start(uploader, {"id": dataset_id}, {})
    run_one(worker)
    failed = uploader.get(audit).json()
    assert failed["status"] == "failed"
    assert failed["problem"]["type"] == "/problems/too-few-classes"


def test_what_an_audit_stores_is_a_training_config_and_more(store, dataset_id):
    audit = load(store, make_audit(store, dataset_id, count=5))
    assert training_config(audit) == TrainingConfig()
    assert json.dumps(audit.config)


@on_sqlite
def test_verdicts_make_a_new_ranking_in_the_same_order(uploader, worker):
    upload = road.probabilities()
    dataset = road.send(uploader, upload, lambda: run_one(worker))
    audit = road.start(uploader, dataset, upload.wish)
    road.finished(uploader, audit, lambda: run_one(worker))
    before = road.ranked(uploader, audit)
    first = uploader.get(f"{audit}/summary").json()
    assert (first["noise_rate"]["basis"], first["verdicts"]["n"]) == ("estimated", 0)

    def judged(items: list[dict]) -> list[dict]:
        decisions = []
        for item in items:
            decision = {"sample_id": item["sample_id"], "lease_id": item["lease"]["lease_id"]}
            if item["sample_id"] in upload.wrong:
                names = [name for name in dataset["class_names"] if name != item["given_label"]]
                decision |= {"verdict": "relabel", "corrected_label": names[0]}
            else:
                decision |= {"verdict": "keep"}
            decisions.append(decision)
        return decisions

    control = {"purpose": "control", "tier": ["none"]}
    for wish in ({"count": 20}, {"count": 20, **control}, control):
        items = uploader.post(f"{audit}/queue/next", json=wish).json()["items"]
        answer = uploader.post(f"{audit}/corrections", json={"corrections": judged(items)})
        assert answer.status_code == 201, answer.text
    held = uploader.post(f"{audit}/queue/next", json={"tier": ["none"]}).json()["items"][0]

    answer = uploader.post(f"{audit}/rankings")
    assert answer.status_code == 202, answer.text
    job = road.finished(uploader, answer.headers["location"], lambda: run_one(worker))
    assert job["status"] == "completed", job["problem"]

    after = road.ranked(uploader, audit)
    assert [one["sample_id"] for one in after] == [one["sample_id"] for one in before]
    assert [one["p_wrong"] for one in after] != [one["p_wrong"] for one in before]
    assert sum(one["state"] == "decided" for one in after) == 41
    summary = uploader.get(f"{audit}/summary").json()
    assert summary["ranking_number"] == 1
    assert summary["ranking_id"] == job["ranking_id"]
    assert summary["verdicts"]["n"] == 41
    assert summary["verdicts"]["by_tier"]["none"]["n"] == 21
    rate = summary["noise_rate"]
    assert rate["basis"] == "verified"
    assert rate["low"] <= len(upload.wrong) / len(after) <= rate["high"]
    assert uploader.get(audit).json()["status"] == "completed"
    kept = {"sample_id": held["sample_id"], "lease_id": held["lease"]["lease_id"]}
    assert uploader.post(f"{audit}/queue/renew", json=kept).status_code == 200


@on_sqlite
def test_the_summary_shows_the_noise_matrix_that_the_objective_used(uploader, worker):
    upload = road.vectors()
    dataset = road.send(uploader, upload, lambda: run_one(worker))
    size = len(dataset["class_names"])
    given = np.full((size, size), 0.1 / (size - 1)) + (0.9 - 0.1 / (size - 1)) * np.eye(size)
    wish = upload.wish | {
        "objective": "forward",
        "objective_options": {"matrix_source": "given", "noise_matrix": given.tolist()},
    }
    audit = road.start(uploader, dataset, wish)
    road.finished(uploader, audit, lambda: run_one(worker))
    summary = uploader.get(f"{audit}/summary").json()
    np.testing.assert_allclose(summary["learned_noise_matrix"], given, atol=1e-6)
    assert summary["learned_noise_matrix_origin"] == "given"
    assert np.shape(summary["noise_matrix"]) == (size, size)


@pytest.mark.parametrize(
    ("objective", "options", "away", "origin"),
    [
        ("forward", {}, 0.2, "estimated"),
        ("forward", {"noise_matrix": [[0.9, 0.1], [0.2, 0.8]]}, 0.2, "given"),
        ("noise_layer", {}, 0.2, "learned"),
        ("noise_layer", {}, 0.001, "unmoved"),
        ("nnaqc", {}, 0.05, "learned"),
    ],
)
def test_a_noise_matrix_says_where_it_comes_from(objective, options, away, origin):
    matrix = np.array([[1 - away, away], [away, 1 - away]])
    assert origin_of(resolve_options(objective, options), matrix) == origin


@on_sqlite
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "not kept, by an older version"])
def test_issues_are_found_once_or_with_an_evicted_encoding_made_again(uploader, worker, kept):
    upload = road.vectors()
    dataset = road.send(uploader, upload, lambda: run_one(worker))
    audit = road.start(uploader, dataset, upload.wish)
    road.finished(uploader, audit, lambda: run_one(worker))
    while run_one(worker):
        pass
    [encoding] = worker.storage.path("encodings").iterdir()
    content = encoding.read_bytes()
    assert encodings.evict(worker.database, worker.storage, limit_bytes=0, recent_seconds=0)
    assert not encoding.exists()
    if not kept:
        worker.storage.delete(issue_files.issues_key(audit.rpartition("/")[2]))
    before = uploader.get(f"{audit}/summary").json()
    item = uploader.post(f"{audit}/queue/next", json={}).json()["items"][0]
    verdict = {"sample_id": item["sample_id"], "verdict": "keep"}
    verdict["lease_id"] = item["lease"]["lease_id"]
    uploader.post(f"{audit}/corrections", json={"corrections": [verdict]})
    answer = uploader.post(f"{audit}/rankings")
    job = road.finished(uploader, answer.headers["location"], lambda: run_one(worker))
    assert job["status"] == "completed", job["problem"]
    if kept:
        assert not encoding.exists()
    else:
        assert encoding.read_bytes() == content
    after = uploader.get(f"{audit}/summary").json()
    assert after["ranking_number"] == 1
    assert (after["issues"], after["checks"]) == (before["issues"], before["checks"])
    assert "no encodings" not in str(after["missing"])

"""Votes in an upload: each form gives the same rows, and what fits nothing is told."""

import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.ingest import IngestReport, ingest
from tests.service.ingest.uploads import (
    make_zip,
    picture,
    refusal,
    to_csv,
    write,
    write_npz,
)

LABELS = [("cat", "dog", "fox")[k % 3] for k in range(30)]
Rows = list[tuple[int, str, int, float]]


def read(upload: Path, destination: Path) -> tuple[IngestReport, Rows]:
    report = ingest(upload, filename=upload.name, destination=destination)
    table = pq.read_table(destination / "votes.parquet").to_pydict()
    columns = ("position", "annotator", "label", "count")
    return report, sorted(zip(*(table[name] for name in columns), strict=True))


def samples() -> list[dict[str, str]]:
    text = "a sentence of several words and number"
    return [
        {"sample_id": f"s{k}", "text": f"{text} {k}", "label": label}
        for k, label in enumerate(LABELS)
    ]


def table(rows: list[dict[str, str]]) -> str:
    return to_csv(rows[0], [row.values() for row in rows])


def long(rows: list[tuple[str, str, str]], names: tuple[str, ...] = ()) -> str:
    head = ",".join(names or ("sample_id", "annotator", "label"))
    return "\n".join([head, *(",".join(row) for row in rows)]) + "\n"


def zipped(path: Path, votes: str, **more: str | bytes) -> Path:
    members: Mapping[str, str | bytes] = {"samples.csv": table(samples()), "votes.csv": votes}
    return make_zip(path, {**members, **more})


def test_a_table_of_votes_beside_the_samples(tmp_path):
    upload = zipped(
        tmp_path / "a.zip",
        long([("s0", "ann", "cat"), ("s0", "bob", "dog"), ("s7", "ann", "dog"), ("s7", "bob", "")]),
    )
    report, votes = read(upload, tmp_path / "out")
    assert votes == [(0, "ann", 0, 1.0), (0, "bob", 1, 1.0), (7, "ann", 1, 1.0)]
    assert "Read 3 votes by 2 annotators on 2 samples." in report.warnings
    assert report.sample_count == 30


def test_votes_lie_in_the_order_of_samples_so_that_one_samples_are_found(tmp_path):
    rows = [(f"s{n}", who, "cat") for who in ("ann", "bob") for n in range(29, -1, -1)]
    _, votes = read(zipped(tmp_path / "a.zip", long(rows)), tmp_path / "out")
    assert [vote[0] for vote in votes] == sorted([*range(30), *range(30)])
    assert [vote[1] for vote in votes[:2]] == ["ann", "bob"]


def test_the_names_of_crowd_kit_and_of_exports_are_understood(tmp_path):
    rows = [("s1", "7", "dog"), ("s2", "8", "fox")]
    for number, names in enumerate(
        [
            ("task", "worker", "label"),
            ("id", "completed_by", "annotation"),
            ("item", "user", "vote"),
        ]
    ):
        upload = zipped(tmp_path / f"{number}.zip", long(rows, names))
        _, votes = read(upload, tmp_path / str(number))
        assert votes == [(1, "7", 1, 1.0), (2, "8", 2, 1.0)]


def test_a_column_for_each_annotator(tmp_path):
    rows = [
        {**row, "annotator_1": row["label"], "annotator_2": "fox" if k < 2 else ""}
        for k, row in enumerate(samples())
    ]
    report, votes = read(write(tmp_path / "a.csv", table(rows)), tmp_path / "out")
    assert len(votes) == 32
    assert votes[:4] == [
        (0, "annotator_1", 0, 1.0),
        (0, "annotator_2", 2, 1.0),
        (1, "annotator_1", 1, 1.0),
        (1, "annotator_2", 2, 1.0),
    ]
    assert report.columns.votes == ["annotator_1", "annotator_2"]
    assert "annotator_1" not in report.columns.ignored


def test_counts_for_each_class_in_the_order_of_the_classes(tmp_path):
    rows = [
        {**row, "vote_counts": [3, 0, 1] if k == 4 else [0, 0, 2]}
        for k, row in enumerate(samples())
    ]
    upload = write(tmp_path / "a.jsonl", "\n".join(json.dumps(row) for row in rows))
    report, votes = read(upload, tmp_path / "out")
    assert [vote for vote in votes if vote[0] == 4] == [
        (4, "everyone", 0, 3.0),
        (4, "everyone", 2, 1.0),
    ]
    assert f"Read {29 * 2 + 4} votes by unnamed annotators on 30 samples." in (report.warnings)


def test_votes_beside_images_and_beside_arrays(tmp_path):
    images = {f"{label}/{k}.png": picture(k) for k, label in enumerate(LABELS)}
    upload = make_zip(
        tmp_path / "a.zip", {**images, "votes.csv": long([("dog/1.png", "ann", "fox")])}
    )
    report, votes = read(upload, tmp_path / "images")
    place = pq.read_table(tmp_path / "images" / "samples.parquet")["sample_id"].to_pylist()
    assert votes == [(place.index("dog/1.png"), "ann", 2, 1.0)]
    assert report.format == "imagefolder"

    arrays = write_npz(tmp_path / "x.npz", embedding=[[float(k), 1.0 + k % 7] for k in range(30)])
    upload = zipped(
        tmp_path / "b.zip", long([("s3", "ann", "cat")]), **{"x.npz": arrays.read_bytes()}
    )
    _, votes = read(upload, tmp_path / "arrays")
    assert votes == [(3, "ann", 0, 1.0)]


def test_what_fits_nothing_is_left_out_and_told(tmp_path):
    upload = zipped(
        tmp_path / "a.zip",
        long([("s0", "ann", "cat"), ("s99", "ann", "cat"), ("s1", "ann", "wolf")]),
    )
    report, votes = read(upload, tmp_path / "out")
    assert votes == [(0, "ann", 0, 1.0)]
    assert "1 votes name unknown samples and were left out." in report.warnings
    assert "1 votes name unknown classes and were left out." in report.warnings


def test_a_table_of_votes_on_other_samples_is_refused_with_its_rows(tmp_path):
    upload = zipped(tmp_path / "a.zip", long([(f"x{k}", "ann", "cat") for k in range(30)]))
    error = refusal(upload)
    assert error.type.endswith("votes-unmatched")
    assert error.errors[0]["row"] == 1
    assert error.errors[0]["file"] == "votes.csv"


def test_counts_below_nothing_are_refused(tmp_path):
    rows = [{**row, "vote_counts": [-1, 0, 1]} for row in samples()]
    upload = write(tmp_path / "a.jsonl", "\n".join(json.dumps(row) for row in rows))
    assert refusal(upload).type.endswith("votes-invalid")


def test_an_upload_read_again_without_votes_forgets_them(tmp_path):
    destination = tmp_path / "out"
    read(zipped(tmp_path / "a.zip", long([("s0", "ann", "cat")])), destination)
    plain = write(tmp_path / "a.csv", table(samples()))
    ingest(plain, filename="a.csv", destination=destination)
    assert not (destination / "votes.parquet").exists()


def test_all_missing_labels_are_counted_not_only_the_first(tmp_path):
    rows = [
        {**row, "label": row["label"] if k < 40 else ""} for k, row in enumerate(samples() * 70)
    ]
    for number, row in enumerate(rows):
        row["sample_id"] = f"n{number}"
    report = ingest(
        write(tmp_path / "a.csv", table(rows)), filename="a.csv", destination=tmp_path / "out"
    )
    assert "2060 samples have no label and are not audited." in report.warnings
    assert report.sample_count - report.labeled_count == 2060


@pytest.mark.parametrize("column", ["annotator_id", "worker", "n_votes"])
def test_a_lone_column_about_annotators_is_no_vote(column, tmp_path):
    rows = [{**row, column: str(k % 4)} for k, row in enumerate(samples())]
    report = ingest(
        write(tmp_path / "a.csv", table(rows)), filename="a.csv", destination=tmp_path / "out"
    )
    assert report.columns.votes == []
    assert not (tmp_path / "out" / "votes.parquet").exists()


def test_columns_that_begin_with_vote_are_votes(tmp_path):
    path = tmp_path / "a.parquet"
    vectors = pa.array([[float(k), 1.0 + k % 7] for k in range(30)], pa.list_(pa.float32()))
    labels = pa.array([LABELS[k] for k in range(30)])
    table = pa.table(
        {
            "embedding": vectors,
            "label": labels,
            "vote_a": pa.array(["cat"] * 30),
            "vote_b": pa.array(["dog"] * 30),
        }
    )
    pq.write_table(table, path)
    _, votes = read(path, tmp_path / "out")
    assert {(name, label) for _, name, label, _ in votes} == {("vote_a", 0), ("vote_b", 1)}

"""What a person points at, and the file that is sent for it."""

import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from labelaudit import UploadSourceError
from labelaudit.client.packing import packed
from tests.service.ingest.uploads import shared_data, take_in


def write_samples(folder: Path, rows: int = 4) -> Path:
    path = folder / "samples.parquet"
    table = {"sample_id": [f"s{n}" for n in range(rows)], "file": [f"{n}.png" for n in range(rows)]}
    pq.write_table(pa.table(table), path)
    return path


def write_zip(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, name.encode())
    return path


def test_a_file_is_sent_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_text("a,b\n")
    with packed(path) as upload:
        assert (upload.path, upload.filename) == (path, "some.csv")


def test_a_folder_of_class_folders_becomes_a_zip_with_their_names(tmp_path: Path) -> None:
    root = tmp_path / "pets"
    for name in ("cat/1.png", "dog/2.JPG", "dog/notes.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    with packed(root) as upload:
        assert upload.filename == "pets.zip"
        with zipfile.ZipFile(upload.path) as archive:
            assert archive.namelist() == ["cat/1.png", "dog/2.JPG", "dog/notes.txt"]
            assert archive.read("dog/2.JPG") == b"dog/2.JPG"
        made = upload.path
    assert not made.exists()


@pytest.mark.parametrize("name", ["cat/1.jfif", "cat/1.heic", "cat/1.dcm", "cat/1.psd", "cat/one"])
def test_no_picture_stays_behind_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    for path in (name, "dog/2.png", "dog/labels.csv", ".hidden/3.png"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(b"\xff\xd8\xff\xe0")
    with packed(tmp_path) as upload, zipfile.ZipFile(upload.path) as archive:
        assert set(archive.namelist()) == {name, "dog/2.png", "dog/labels.csv"}


def test_texts_in_folders_become_a_zip_without_what_lies_beside_them(tmp_path: Path) -> None:
    for name in ("README", "news/sport/1.txt", "news/tech/2.txt", "news/tech/3", "news/.hidden/4"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a text")
    with packed(tmp_path) as upload, zipfile.ZipFile(upload.path) as archive:
        assert archive.namelist() == ["news/sport/1.txt", "news/tech/2.txt", "news/tech/3"]


def test_labels_in_files_beside_images_are_sent_along(tmp_path: Path) -> None:
    for number in range(3):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{number}.png")
        (tmp_path / f"{number}.cls").write_text(str(number))
    (tmp_path / "train.txt").write_text("0.png 0\n")
    with packed(tmp_path) as upload, zipfile.ZipFile(upload.path) as archive:
        assert {"0.cls", "2.cls", "2.png", "train.txt"} <= set(archive.namelist())


def test_the_splits_of_a_saved_dataset_become_one_zip(tmp_path: Path) -> None:
    for name in ("train/data-00000-of-00001.arrow", "test/data-00000-of-00001.arrow"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "dataset_dict.json").write_text("{}")
    with packed(tmp_path) as upload, zipfile.ZipFile(upload.path) as archive:
        assert len(archive.namelist()) == 3


def test_loose_images_take_their_manifest_along(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"1")
    (tmp_path / "metadata.csv").write_text("file_name,label\n1.png,cat\n")
    with packed(tmp_path) as upload, zipfile.ZipFile(upload.path) as archive:
        assert set(archive.namelist()) == {"1.png", "metadata.csv"}


def test_a_pack_of_images_and_samples_becomes_one_zip(tmp_path: Path) -> None:
    samples = write_samples(tmp_path)
    images = write_zip(tmp_path / "images.zip", "0.png", "1.png")
    before = images.read_bytes()
    with packed(tmp_path) as upload, zipfile.ZipFile(upload.path) as archive:
        assert archive.namelist() == ["0.png", "1.png", "samples.parquet"]
        assert archive.read("samples.parquet") == samples.read_bytes()
    assert images.read_bytes() == before


def test_a_pack_of_vectors_and_samples_becomes_one_table(tmp_path: Path) -> None:
    write_samples(tmp_path)
    vectors = np.arange(12, dtype=np.float32).reshape(4, 3)
    np.savez(tmp_path / "features.npz", X=vectors, votes=np.zeros((4, 2), np.int64))
    with packed(tmp_path) as upload:
        table = pq.read_table(upload.path)
    assert table["sample_id"].to_pylist() == ["s0", "s1", "s2", "s3"]
    assert table["embedding"].to_pylist() == vectors.tolist()


def test_vectors_of_another_length_are_left_alone(tmp_path: Path) -> None:
    samples = write_samples(tmp_path)
    np.savez(tmp_path / "features.npz", X=np.zeros((5, 3), np.float32))
    with packed(tmp_path) as upload:
        assert upload.path == samples


@pytest.mark.parametrize("name", ["samples.parquet", "numbers.npz", "images.zip", "rows.jsonl"])
def test_the_only_file_of_a_folder_is_sent(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    (tmp_path / "README.md").write_text("about")
    with packed(tmp_path) as upload:
        assert upload.path == tmp_path / name


def test_a_folder_of_several_files_asks_which(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).touch()
    with pytest.raises(UploadSourceError, match=r"a\.csv, b\.csv"), packed(tmp_path):
        pass


def test_a_folder_of_nothing_says_what_would_do(tmp_path: Path) -> None:
    with pytest.raises(UploadSourceError, match="one folder per class"), packed(tmp_path):
        pass


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UploadSourceError, match="nowhere"), packed(tmp_path / "nowhere"):
        pass


@pytest.mark.parametrize(
    ("pack", "kind"),
    [
        ("pneumoniamnist", "image"),
        ("labelme_crowd_embeddings", "vector"),
        ("student_grades", "table"),
        ("hausa_newsclass", "text"),
    ],
)
def test_a_real_pack_is_understood_as_what_it_is(tmp_path: Path, pack: str, kind: str) -> None:
    with packed(shared_data(pack)) as upload:
        report, samples = take_in(upload.path, tmp_path / "taken", filename=upload.filename)
    assert report.kind == kind
    assert not [name for name in samples.column_names if "true_label" in name]

"""Which folders are classes and which are splits is read from how they lie, not from names."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.ingest import ColumnRoles
from service.ingest.folders.layout import FolderLayout
from tests.service.ingest.uploads import make_zip, picture, refusal, take_in

CLASSES = ("cat", "dog")


def laid_out(*folders: str, count: int = 10) -> list[str]:
    return [f"{folder}/{i}.png" for folder in folders for i in range(count)]


def read(folder: Path, names: list[str], **options):
    members = {name: picture(place) for place, name in enumerate(names)}
    return take_in(make_zip(folder / "a.zip", members), folder / "out", **options)


def classes(*splits: str) -> list[str]:
    return laid_out(*(f"{split}/{name}" for split in splits for name in CLASSES))


SPLIT_FOLDERS = {
    "words": classes("train", "val"),
    "numbered": classes("train2017", "val2017"),
    "repeated": classes("seg_train/seg_train", "seg_test/seg_test") + laid_out("seg_pred/seg_pred"),
    "flat test": classes("train") + laid_out("test"),
    "stray": [*classes("train", "val"), "grid.png"],
    "stray below the root": [f"data/{n}" for n in [*classes("train", "val"), "grid.png"]],
    "other words": classes("entrenamiento", "prueba"),
    "parts": classes("part1", "part2", "part3"),
    "images between": classes("train/images", "test/images"),
    "images without classes": classes("train") + laid_out("val/images"),
    "classes that one split lacks": classes("train") + laid_out("test/cat"),
    "unlabeled beside": classes("labeled") + laid_out("unlabeled"),
    "flat extra": classes("train") + laid_out("more"),
}


@pytest.mark.parametrize("layout", SPLIT_FOLDERS)
def test_splits_are_no_classes(layout, tmp_path):
    names = SPLIT_FOLDERS[layout]
    report, samples = read(tmp_path, names)
    assert report.class_names == list(CLASSES)
    assert report.sample_count == len(names)
    labeled = [n for n in names if "/cat/" in n or "/dog/" in n]
    assert report.labeled_count == len(labeled)
    assert report.columns.split == "split"
    by_file = dict(
        zip(samples["file"].to_pylist(), samples["given_label"].to_pylist(), strict=True)
    )
    assert {n: by_file[n] for n in labeled} == {n: n.split("/")[-2] for n in labeled}


CLASS_FOLDERS = {
    "plain": laid_out("cat", "dog"),
    "below a root": laid_out("pets/cat", "pets/dog"),
    "breeds": laid_out("cat/persian", "cat/siamese", "dog/poodle", "dog/beagle"),
    "batches": laid_out("cat/batch0", "cat/batch1", "dog/batch0", "dog/batch1"),
    "splits inside": laid_out("cat/train", "cat/test", "dog/train", "dog/test"),
    "images inside": laid_out("cat/images", "dog/images"),
    "one with folders": laid_out("cat/persian", "cat/siamese", "dog"),
    "test beside": laid_out("cat", "dog", "test"),
}


@pytest.mark.parametrize("layout", CLASS_FOLDERS)
def test_classes_are_no_splits(layout, tmp_path):
    report, _ = read(tmp_path, CLASS_FOLDERS[layout])
    assert report.class_names == list(CLASSES)


def test_splits_inside_the_classes_are_kept(tmp_path):
    _, samples = read(tmp_path, CLASS_FOLDERS["splits inside"])
    assert set(samples["prior_split"].to_pylist()) == {"train", "test"}


def test_splits_alone_are_refused_with_the_reason(tmp_path):
    names = laid_out("train", "test")
    upload = make_zip(tmp_path / "a.zip", {n: picture(i) for i, n in enumerate(names)})
    error = refusal(upload)
    assert error.type == "label-column-missing"
    assert "splits of the data, not classes" in error.detail


def test_what_was_assumed_is_said_and_can_be_changed(tmp_path):
    names = classes("indoor", "outdoor")
    report, _ = read(tmp_path, names)
    assert any("folder_1" in warning for warning in report.warnings)
    (tmp_path / "again").mkdir()
    report, _ = read(tmp_path / "again", names, roles=ColumnRoles(label="folder_1"))
    assert report.class_names == ["indoor", "outdoor"]


words = st.text("abcdefghijklmnopqrstuvwxyzäé", min_size=3, max_size=8)


@settings(max_examples=150, deadline=None)
@given(
    names=st.lists(words, min_size=2, max_size=5, unique=True),
    splits=st.sampled_from(
        [("train", "test"), ("Training", "Validation"), ("x1", "x2"), ("train2017", "val2017")]
    ),
    root=st.lists(words, max_size=2),
    between=st.booleans(),
    flat=st.booleans(),
    stray=st.booleans(),
)
def test_any_layout_of_splits_is_read(names, splits, root, between, flat, stray):
    paths, labels = [], []
    for split in splits:
        for name in names:
            inner = [split, "images"] if between else [split]
            paths += [[*root, *inner, name, f"{n}.png"] for n in (1, 2)]
            labels += [name, name]
    if flat:
        paths.append([*root, "unlabeled", "1.png"])
        labels.append(None)
    if stray:
        paths.append([*root, "grid.png"])
        labels.append(None)
    layout = FolderLayout(paths)
    assert [layout.label_of("/".join(path)) for path in paths] == labels
    for path in paths:  # a picture that moves is read as what it was moved to
        moved = layout.move("/".join(path), names[0])
        again = FolderLayout([*(p for p in paths if p != path), moved])
        assert again.label_of("/".join(moved)) == names[0]

"""The demo is the same for everybody and keeps its truth to itself."""

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from service.cli.demo import SHARE, flip, make_demo


def manifest(path: Path) -> list[dict[str, str]]:
    with zipfile.ZipFile(path) as archive:
        return list(csv.DictReader(io.StringIO(archive.read("labels.csv").decode())))


def test_exactly_the_disclosed_share_of_the_labels_is_wrong(tmp_path: Path) -> None:
    demo = make_demo(tmp_path)
    truth = load_digits().target
    rows = manifest(demo.path)
    wrong = {
        row["sample_id"] for row, true in zip(rows, truth, strict=True) if row["label"] != str(true)
    }
    assert wrong == demo.wrong
    assert len(wrong) == round(SHARE * len(truth))
    assert demo.found([*sorted(wrong)[:10], "digit-none"]) == 10


def test_the_demo_is_the_same_each_time(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert make_demo(tmp_path / "a").wrong == make_demo(tmp_path / "b").wrong


def test_what_is_uploaded_does_not_tell_the_truth(tmp_path: Path) -> None:
    demo = make_demo(tmp_path)
    with zipfile.ZipFile(demo.path) as archive:
        names = archive.namelist()
    assert set(manifest(demo.path)[0]) == {"sample_id", "file", "label"}
    assert [name for name in names if name != "labels.csv"] == [
        f"images/digit-{number:04d}.png" for number in range(1797)
    ]


def test_the_pictures_show_the_digits(tmp_path: Path) -> None:
    demo = make_demo(tmp_path)
    with zipfile.ZipFile(demo.path) as archive:
        picture = Image.open(io.BytesIO(archive.read("images/digit-0000.png")))
    small = np.asarray(picture.resize((8, 8), Image.Resampling.BOX), float)
    correlation = np.corrcoef(small.ravel(), load_digits().images[0].ravel())[0, 1]
    assert correlation > 0.95


def test_every_flipped_label_is_another_class() -> None:
    labels = np.repeat(np.arange(4), 100)
    flipped = flip(labels, share=0.3, generator=np.random.default_rng(0))
    changed = flipped != labels
    assert changed.sum() == 120
    assert set(flipped.tolist()) == {0, 1, 2, 3}

"""The whole road over HTTP, for any client: upload, audit, review, export, audit again.

The uploads are small real data with known wrong labels: every tenth label is another class than the
one it came with.
"""

import csv
import io
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits, load_wine

Client = Any  # httpx.Client or Starlette's TestClient
Wait = Callable[[], object]


@dataclass(frozen=True)
class Upload:
    """A file to audit, how to audit it, and the ids of the samples whose label is wrong."""

    content: bytes
    filename: str
    kind: str
    wrong: frozenset[str]
    wish: dict[str, Any] = field(default_factory=dict)


def with_noise(labels: NDArray[np.int64], classes: int) -> tuple[NDArray[np.int64], list[int]]:
    """Every tenth label moved to the next class, and where that is."""
    wrong = list(range(4, len(labels), 10))
    noisy = labels.copy()
    noisy[wrong] = (noisy[wrong] + 1) % classes
    return noisy, wrong


def few_digits(classes: int, count: int) -> tuple[NDArray[Any], NDArray[Any]]:
    digits = load_digits()
    chosen = np.flatnonzero(digits.target < classes)[:count]
    return digits.images[chosen], digits.target[chosen].astype(np.int64)


def images(count: int = 160) -> Upload:
    """A zip with a folder of PNGs for each class."""
    pixels, labels = few_digits(3, count)
    noisy, wrong = with_noise(labels, 3)
    target = io.BytesIO()
    names = [f"digit-{label}/{number:04d}.png" for number, label in enumerate(noisy)]
    with zipfile.ZipFile(target, "w") as archive:
        for name, image in zip(names, pixels, strict=True):
            png = io.BytesIO()
            Image.fromarray((image * 15).astype(np.uint8)).save(png, "PNG")
            archive.writestr(name, png.getvalue())
    wish = {"encoder": None, "epochs": 20, "replicas": 3}
    found = frozenset(names[row] for row in wrong)
    return Upload(target.getvalue(), "digits.zip", "image", found, wish)


def pictures(count: int) -> list[bytes]:
    """The PNG files of some images, without their labels."""
    with zipfile.ZipFile(io.BytesIO(images(count).content)) as archive:
        return [archive.read(name) for name in archive.namelist()]


def table() -> Upload:
    """A CSV of chemical measurements."""
    wine = load_wine()
    noisy, wrong = with_noise(wine.target.astype(np.int64), 3)
    rows = [
        [f"wine-{number}", wine.target_names[label], *values]
        for number, (label, values) in enumerate(zip(noisy, wine.data, strict=True))
    ]
    content = as_csv(["sample_id", "label", *wine.feature_names], rows)
    found = frozenset(f"wine-{row}" for row in wrong)
    return Upload(content, "wine.csv", "table", found, {"epochs": 20, "replicas": 4})


def text() -> Upload:
    """A CSV of sentences on two subjects."""
    subjects = {
        "cooking": ("boil the pasta", "chop an onion", "bake the bread", "stir the soup"),
        "sailing": ("hoist the sail", "steer the boat", "drop the anchor", "read the wind"),
    }
    ways = ("slowly", "with care", "before noon", "as we were taught", "once more", "together",
            "at last", "without haste", "like every day", "for our guests")  # fmt: skip
    words = [
        (subject, f"Today we {act} {way}.")
        for way in ways
        for pair in zip(*subjects.values(), strict=True)
        for subject, act in zip(subjects, pair, strict=True)
    ]
    names = list(subjects)
    labels = np.array([names.index(subject) for subject, _ in words])
    noisy, wrong = with_noise(labels, 2)
    rows = [
        [f"text-{number}", names[label], sentence]
        for number, (label, (_, sentence)) in enumerate(zip(noisy, words, strict=True))
    ]
    content = as_csv(["sample_id", "label", "text"], rows)
    found = frozenset(f"text-{row}" for row in wrong)
    return Upload(content, "sentences.csv", "text", found, {"epochs": 15, "replicas": 4})


def vectors(count: int = 300, **wish: Any) -> Upload:
    """An NPZ of pixel vectors."""
    pixels, labels = few_digits(4, count)
    noisy, wrong = with_noise(labels, 4)
    target = io.BytesIO()
    np.savez(target, embeddings=pixels.reshape(len(pixels), -1).astype(np.float32), labels=noisy)
    wish = {"epochs": 15, "replicas": 4, "replicas_per_shard": 2, **wish}
    return Upload(target.getvalue(), "digits.npz", "vector", positions(wrong), wish)


def probabilities(count: int = 300) -> Upload:
    """An NPZ of out-of-sample class probabilities, as cleanlab's users have them."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    pixels, labels = few_digits(4, count)
    noisy, wrong = with_noise(labels, 4)
    model = LogisticRegression(C=0.01, max_iter=500)
    given = cross_val_predict(
        model, pixels.reshape(len(pixels), -1) / 16, noisy, cv=5, method="predict_proba"
    )
    target = io.BytesIO()
    np.savez(target, pred_probs=given.astype(np.float32), labels=noisy)
    return Upload(target.getvalue(), "given.npz", "probabilities", positions(wrong))


def positions(rows: list[int]) -> frozenset[str]:
    """The ids of samples that came without any: their row, from 0."""
    return frozenset(str(row) for row in rows)


def as_csv(header: list[str], rows: list[list[Any]]) -> bytes:
    target = io.StringIO()
    writer = csv.writer(target)
    writer.writerow(header)
    writer.writerows(rows)
    return target.getvalue().encode()


# ----------------------------------------------------------------------------------------- the road


def send(client: Client, upload: Upload, wait: Wait, *, seconds: float = 200) -> dict[str, Any]:
    """Upload and wait until the dataset is ready."""
    answer = client.post(
        "/v1/datasets", params={"filename": upload.filename}, content=upload.content
    )
    assert answer.status_code == 202, answer.text
    dataset = finished(client, answer.headers["location"], wait, seconds=seconds)
    assert dataset["status"] == "completed", dataset["problem"]
    assert dataset["kind"] == upload.kind
    return dataset


def start(client: Client, dataset: dict[str, Any], wish: dict[str, Any]) -> str:
    """The path of a new audit."""
    answer = client.post(f"/v1/datasets/{dataset['id']}/audits", json=wish)
    assert answer.status_code == 202, answer.text
    location: str = answer.headers["location"]
    return location


def finished(client: Client, path: str, wait: Wait, *, seconds: float = 200) -> dict[str, Any]:
    """The job once nothing more will happen to it."""
    deadline = time.monotonic() + seconds
    while True:
        job: dict[str, Any] = client.get(path).json()
        if job["status"] not in ("queued", "running"):
            return job
        assert time.monotonic() < deadline, f"{path} is still {job}"
        wait()


def ranked(client: Client, audit: str) -> list[dict[str, Any]]:
    """Every suspect of a completed audit, worst first."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        query = {"limit": 1000} | ({"cursor": cursor} if cursor else {})
        page = client.get(f"{audit}/suspects", params=query).json()
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def hits(suspects: list[dict[str, Any]], upload: Upload) -> float:
    """Of as many worst suspects as there are wrong labels, the share that is wrong indeed."""
    worst = {suspect["sample_id"] for suspect in suspects[: len(upload.wrong)]}
    return len(worst & upload.wrong) / len(upload.wrong)

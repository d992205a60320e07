"""Packs of labelled samples with known label errors, in the forms that a benchmark may meet.

A pack is a folder with `samples.parquet` (columns `given_label`, `true_label`, and `text`, `file`
inside images.zip, or features `f_*`), or an `.npz` with `embedding` or `pred_probs`,
`given_label`, `true_label` and `class_names`, alone or beside the table.
"""

import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from service.options.encoders import DEFAULTS
from worker.encoders import encode

ROW_GROUP = 1024
VECTOR_KEYS = ("embedding", "embeddings", "features", "X")
LABEL_KEY = "given_label"
LOCAL_HEADER = struct.Struct("<26xHH")  # lengths of name and extra field end a local file header


@dataclass(frozen=True)
class Pack:
    """N labelled samples as numbers: exactly one of `vectors` and `pred_probs` is there."""

    name: str
    labels: NDArray[np.int64]  # (N,) given labels
    truth: NDArray[np.int64]  # (N,) true labels, -1 = unknown
    class_names: list[str]
    vectors: NDArray[Any] | None = None  # (N, D)
    pred_probs: NDArray[np.float32] | None = None  # (N, C)

    @property
    def n_classes(self) -> int:
        return len(self.class_names)

    def with_labels(
        self, suffix: str, labels: NDArray[np.int64], truth: NDArray[np.int64]
    ) -> "Pack":
        return replace(self, name=f"{self.name}+{suffix}", labels=labels, truth=truth)

    def rows(self, kept: NDArray[np.integer]) -> "Pack":
        """Those samples alone."""
        return replace(
            self,
            labels=self.labels[kept],
            truth=self.truth[kept],
            vectors=None if self.vectors is None else self.vectors[kept],
            pred_probs=None if self.pred_probs is None else self.pred_probs[kept],
        )


def read_packs(path: Path, cache: Path) -> list[Pack]:
    """All packs at a path; a folder of several `.npz` files without a table holds one in each.

    `cache` is a folder that encoded vectors are kept in.
    """
    if path.is_file():
        return [_read_npz(path, path.stem)]
    if (path / "samples.parquet").exists():
        return list(_read_table(path, cache))
    arrays = sorted(path.glob("*.npz"))
    if not arrays:
        raise FileNotFoundError(f"{path} holds neither samples.parquet nor an .npz")
    names = [path.name] if len(arrays) == 1 else [f"{path.name}/{file.stem}" for file in arrays]
    return [_read_npz(file, name) for file, name in zip(arrays, names, strict=True)]


def _read_npz(file: Path, name: str) -> Pack:
    with np.load(file, allow_pickle=False) as arrays:
        given = arrays[LABEL_KEY]
        truth = arrays["true_label"] if "true_label" in arrays else np.full(len(given), -1)
        class_names = arrays["class_names"].tolist() if "class_names" in arrays else None
        vectors = next((arrays[key] for key in VECTOR_KEYS if key in arrays), None)
        pred_probs = arrays["pred_probs"].astype(np.float32) if "pred_probs" in arrays else None
    if vectors is None and pred_probs is None:
        raise ValueError(f"{file} has neither an embedding nor pred_probs")
    if given.dtype.kind in "iuf":  # already class indices
        labels, known = _as_indices(given), _as_indices(truth)
        count = max(int(labels.max()), int(known.max())) + 1
        width = 0 if pred_probs is None else pred_probs.shape[1]
        names = class_names or [str(k) for k in range(max(count, width))]
    else:
        order = None if class_names is None else [str(value) for value in class_names]
        labels, known, names = _encode_labels(given.tolist(), truth.tolist(), order)
    if pred_probs is not None:
        vectors = None
    kept = labels >= 0
    return Pack(
        name=name,
        labels=labels[kept],
        truth=known[kept],
        class_names=[str(value) for value in names],
        vectors=None if vectors is None else vectors[kept],
        pred_probs=None if pred_probs is None else _normalised(pred_probs[kept]),
    )


def _read_table(folder: Path, cache: Path) -> Iterator[Pack]:
    """The pack of a table; a column `task` parts it into packs that share their samples' form."""
    table = pq.read_table(folder / "samples.parquet")
    vectors = _vectors_beside(folder, len(table))
    tasks = table["task"].to_pylist() if "task" in table.column_names else [None] * len(table)
    for task in dict.fromkeys(tasks):
        chosen = np.flatnonzero([value == task for value in tasks])
        name = folder.name if task is None else f"{folder.name}/{task}"
        part = None if vectors is None else vectors[chosen]
        yield _read_task(folder, name, table.take(pa.array(chosen)), part, cache)


def _read_task(
    folder: Path, name: str, table: pa.Table, vectors: NDArray[Any] | None, cache: Path
) -> Pack:
    given = table[LABEL_KEY].to_pylist()
    unknown = [None] * len(given)
    truth = table["true_label"].to_pylist() if "true_label" in table.column_names else unknown
    labels, known, class_names = _encode_labels(given, truth, None)
    kept = np.flatnonzero(labels >= 0)
    vectors = _encoded(folder, table, kept, cache / name) if vectors is None else vectors[kept]
    return Pack(name, labels[kept], known[kept], class_names, vectors=vectors)


def _as_indices(values: NDArray[Any]) -> NDArray[np.int64]:
    if values.dtype.kind not in "iuf":
        return np.full(len(values), -1, dtype=np.int64)
    return np.nan_to_num(values.astype(np.float64), nan=-1).astype(np.int64)


def _encode_labels(
    given: list[Any], truth: list[Any], class_names: list[str] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[str]]:
    def text(value: Any) -> str | None:
        missing = value is None or value == "" or value == -1 or value != value
        return None if missing else str(value)

    given, truth = [text(value) for value in given], [text(value) for value in truth]
    names = class_names or sorted({value for value in [*given, *truth] if value is not None})
    index: dict[str | None, int] = {name: position for position, name in enumerate(names)}
    labels = np.array([index.get(value, -1) for value in given], dtype=np.int64)
    return labels, np.array([index.get(value, -1) for value in truth], dtype=np.int64), names


def _normalised(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    totals = probabilities.sum(axis=1, keepdims=True)
    result = (probabilities / np.where(totals > 0, totals, 1)).astype(np.float32)
    return result


def _vectors_beside(folder: Path, rows: int) -> NDArray[Any] | None:
    for file in sorted(folder.glob("*.npz")):
        with np.load(file, allow_pickle=False) as arrays:
            for key in VECTOR_KEYS:
                if key in arrays and arrays[key].ndim == 2 and len(arrays[key]) == rows:
                    found: NDArray[Any] = arrays[key]
                    return found
    return None


def _encoded(
    folder: Path, table: pa.Table, kept: NDArray[np.intp], work: Path
) -> NDArray[np.float32]:
    """Vectors of the kept rows by the product's default encoder for their kind."""
    finished, part = work / "vectors.npy", work / "vectors.part.npy"
    if not finished.exists():
        work.mkdir(parents=True, exist_ok=True)
        kind, upload, columns = _as_samples(folder, table)
        samples = work / "samples.parquet"
        pq.write_table(pa.table(columns), samples, row_group_size=ROW_GROUP)
        encode(
            kind,
            samples,
            upload,
            encoder=DEFAULTS[kind],
            destination=part,
            positions=kept.astype(np.int64),
        )
        part.replace(finished)
    vectors: NDArray[np.float32] = np.load(finished).astype(np.float32)
    return vectors


def _as_samples(folder: Path, table: pa.Table) -> tuple[str, Path, dict[str, Any]]:
    """Kind, upload and columns of the samples in the service's own form."""
    names = table.column_names
    rows = [str(row) for row in range(len(table))]
    ids = table["sample_id"].cast(pa.string()) if "sample_id" in names else pa.array(rows)
    if "file" in names and (folder / "images.zip").exists():
        upload = folder / "images.zip"
        files = table["file"].to_pylist()
        return "image", upload, {"sample_id": ids, "file": pa.array(files), **_media(upload, files)}
    if "text" in names:
        texts = pa.array([value or "" for value in table["text"].to_pylist()], pa.string())
        return "text", folder, {"sample_id": ids, "text": texts}
    features = {name: table[name] for name in names if name.startswith("f_")}
    if not features:
        raise ValueError(f"{folder} has no text, no images and no column f_*")
    columns = {f"feature.{name[2:]}": _feature(column) for name, column in features.items()}
    return "table", folder, {"sample_id": ids, **columns}


def _feature(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of numbers as float64, any other as strings."""
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        if pa.types.is_boolean(kind):
            column = column.cast(pa.int8())
        return column.cast(pa.float64())
    return column.cast(pa.string())


def _media(upload: Path, files: list[str]) -> dict[str, Any]:
    """Where each file's bytes lie in the archive."""
    offsets, compressed, sizes, methods = [], [], [], []
    with zipfile.ZipFile(upload) as archive, upload.open("rb") as raw:
        for name in files:
            info = archive.getinfo(name)
            raw.seek(info.header_offset)
            name_length, extra_length = LOCAL_HEADER.unpack(raw.read(LOCAL_HEADER.size))
            offsets.append(info.header_offset + LOCAL_HEADER.size + name_length + extra_length)
            compressed.append(info.compress_size)
            sizes.append(info.file_size)
            methods.append(info.compress_type)
    return {
        "media_offset": pa.array(offsets, pa.int64()),
        "media_compressed": pa.array(compressed, pa.int64()),
        "media_size": pa.array(sizes, pa.int64()),
        "media_method": pa.array(methods, pa.int8()),
    }

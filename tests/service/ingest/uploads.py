"""Builds uploads, good and bad, and reads what became of them."""

import gzip
import io
import json
import os
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from service.core.errors import ServiceError
from service.ingest import (
    ColumnRoles,
    IngestReport,
    Limits,
    ingest,
)

CLASSES = ("cat", "dog", "fox")


def shared_data(name: str) -> Path:
    """A file of the shared benchmark data, or a skip that says where it should be."""
    default = Path(__file__).parents[3].parent / "shared" / "data"
    path = Path(os.environ.get("LABELAUDIT_SHARED_DATA", default)) / name
    if not path.exists():
        pytest.skip(f"the shared data is absent: {path} (set LABELAUDIT_SHARED_DATA)")
    return path


def take_in(
    upload: Path,
    destination: Path,
    *,
    roles: ColumnRoles | None = None,
    limits: Limits | None = None,
    filename: str | None = None,
) -> tuple[IngestReport, pa.Table]:
    """Ingest, and read the samples back."""
    report = ingest(
        upload,
        filename=filename or upload.name,
        roles=roles,
        destination=destination,
        limits=limits,
    )
    left = {path.name for path in destination.iterdir()} - {"votes.parquet"}
    assert left in ({"samples.parquet"}, {"samples.parquet", "media"})
    assert report.kind == "image" or "media" not in left
    return report, pq.read_table(destination / "samples.parquet")


def refusal(upload: Path, **options: Any) -> ServiceError:
    """The error an upload is refused with; nothing may be left behind."""
    destination = upload.parent / "refused"
    with pytest.raises(ServiceError) as caught:
        take_in(upload, destination, **options)
    assert not destination.exists()
    assert len(caught.value.errors) <= 20
    return caught.value


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def picture(number: int = 0, *, size: tuple[int, int] = (8, 8), format: str = "PNG") -> bytes:
    """A picture of its own for each number."""
    generator = np.random.default_rng(number)
    pixels = generator.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, format)
    return target.getvalue()


def make_zip(path: Path, members: Mapping[str, str | bytes], *, method: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def to_tar(members: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return target.getvalue()


def folder_members(count: int = 30, *, prefix: str = "") -> dict[str, bytes]:
    """ImageFolder: every class numbers its files from 0, so that names clash when they move."""
    return {f"{prefix}{CLASSES[i % 3]}/{i // 3}.png": picture(i) for i in range(count)}


def label_of(row: int) -> str:
    return CLASSES[row % 3]


def to_csv(header: Iterable[str], rows: Iterable[Iterable[Any]], delimiter: str = ",") -> str:
    """Plain CSV of values that need no quotes."""
    return "".join(delimiter.join(map(str, row)) + "\n" for row in (header, *rows))


def to_jsonl(rows: Iterable[Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def text_rows(count: int = 30) -> list[dict[str, Any]]:
    return [
        {"sample_id": f"s{i}", "text": f"sentence number {i}", "label": label_of(i)}
        for i in range(count)
    ]


def write_parquet(path: Path, columns: Mapping[str, Any], **options: Any) -> Path:
    pq.write_table(pa.table(dict(columns)), path, **options)
    return path


def write_npz(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def make_form(form: str, folder: Path, count: int = 30) -> Path:
    """A good upload of each form, with `count` samples whose labels are `label_of(row)`."""
    rows = text_rows(count)
    names = [row["label"] for row in rows]
    vectors = np.random.default_rng(0).normal(size=(count, 4)).astype(np.float32)
    codes = np.array([i % 3 for i in range(count)], np.uint8)
    members = {f"images/{i}.png": picture(i) for i in range(count)}
    listed = [(f"{i}.png", name) for i, name in enumerate(names)]
    match form:
        case "csv":
            return write(folder / "a.csv", to_csv(rows[0], [row.values() for row in rows]))
        case "tsv":
            return write(folder / "a.tsv", to_csv(rows[0], [row.values() for row in rows], "\t"))
        case "jsonl":
            return write(folder / "a.jsonl", to_jsonl(rows))
        case "parquet":
            return write_parquet(folder / "a.parquet", pa.Table.from_pylist(rows).to_pydict())
        case "parquet-integers":
            columns = {"f_a": vectors[:, 0], "f_b": vectors[:, 1], "target": codes.astype(int)}
            return write_parquet(folder / "a.parquet", columns)
        case "parquet-categorical":
            columns = {"f_a": vectors[:, 0], "label": pa.array(names).dictionary_encode()}
            return write_parquet(folder / "a.parquet", columns)
        case "parquet-vectors":
            columns = {"embedding": list(vectors), "label": names}  # type: ignore[dict-item]
            return write_parquet(folder / "a.parquet", columns)
        case "npz":
            path = folder / "a.npz"
            return write_npz(path, embedding=vectors, y=codes, class_names=np.array(CLASSES))
        case "npz-strings":
            return write_npz(folder / "a.npz", X=vectors, labels=np.array(names))
        case "npz-probabilities":
            probabilities = np.full((count, 3), 0.1, np.float32)
            probabilities[np.arange(count), codes] = 0.8
            path = folder / "a.npz"
            names_array = np.array(CLASSES)
            return write_npz(
                path, pred_probs=probabilities, given_label=codes, class_names=names_array
            )
        case "imagefolder":
            return make_zip(folder / "a.zip", folder_members(count))
        case "textfolder":
            texts = {f"{n}/{i}.txt": f"sentence number {i}\n" for i, n in enumerate(names)}
            return make_zip(folder / "a.zip", texts)
        case "image-manifest":
            labels_csv = to_csv(("file", "label"), listed)
            return make_zip(folder / "a.zip", {**members, "labels.csv": labels_csv})
        case "image-map":
            mapped = json.dumps(dict(listed))
            return make_zip(folder / "a.zip", {**members, "labels.json": mapped})
        case "image-list":
            text = "".join(f"images/{name}\t{label}\n" for name, label in listed)
            return make_zip(folder / "a.zip", {**members, "train.txt": text})
        case "image-sidecars":
            beside = {f"images/{i}.cls": name for i, name in enumerate(names)}
            return make_zip(folder / "a.zip", {**members, **beside})
        case "image-metadata":
            lines = [{"file_name": f"images/{file}", "label": name} for file, name in listed]
            return make_zip(folder / "a.zip", {**members, "metadata.jsonl": to_jsonl(lines)})
        case "array-manifest":
            arrays = write_npz(folder / "features.npz", X=vectors)
            table = write_parquet(folder / "t.parquet", {"given_label": names})
            parts = {"features.npz": arrays.read_bytes(), "samples.parquet": table.read_bytes()}
            return make_zip(folder / "a.zip", parts)
        case "tar-gz":
            return write(folder / "a.tar.gz", gzip.compress(to_tar(folder_members(count)), mtime=0))
        case "json-array":
            return write(folder / "a.json", json.dumps(rows, indent=1))
        case "csv-western":
            text = to_csv(rows[0], [row.values() for row in rows], ";").replace("number", "né")
            return write(folder / "a.csv", text.encode("cp1252"))
        case "arrow":
            target = io.BytesIO()
            table = pa.Table.from_pylist(rows)
            with pa.ipc.new_stream(target, table.schema) as writer:
                writer.write_table(table, max_chunksize=500)
            return write(folder / "a.arrow", target.getvalue())
        case "json-in-object":
            document = {"version": 1, "meta": {"by": "us"}, "data": rows, "end": [1]}
            return write(folder / "a.json", json.dumps(document))
        case "table-of-r":
            numbers = [
                (f'"{i + 1}"', *vector[:2], f'"{names[i]}"') for i, vector in enumerate(vectors)
            ]
            return write(folder / "a.txt", to_csv(('"a"', '"b"', '"label"'), numbers, " "))
        case "zip-of-splits":
            halves = {"train.csv": rows[: count // 2], "test.csv": rows[count // 2 :]}
            tables: dict[str, str | bytes] = {
                name: to_csv(rows[0], [row.values() for row in half])
                for name, half in halves.items()
            }
            return make_zip(folder / "a.zip", tables)
        case "npz-splits":
            half = count // 2
            pixels = np.random.default_rng(0).integers(0, 256, (count, 8, 8), dtype=np.uint8)
            labels = np.array(names)[:, None]
            train = {"train_images": pixels[:half], "train_labels": labels[:half]}
            test = {"test_images": pixels[half:], "test_labels": labels[half:]}
            return write_npz(folder / "a.npz", **train, **test)
        case "parquet-images":
            images = [{"bytes": picture(i), "path": None} for i in range(count)]
            type = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
            return write_parquet(
                folder / "a.parquet", {"image": pa.array(images, type), "label": names}
            )
        case "zipped-table":
            data_csv = to_csv(rows[0], [row.values() for row in rows])
            return make_zip(folder / "a.zip", {"data.csv": data_csv}, method=zipfile.ZIP_DEFLATED)
    raise ValueError(form)


# Forms into which corrections cannot be written.
READ_ONLY = {
    "image-map": ("image", "image-manifest"),
    "image-list": ("image", "image-manifest"),
    "image-sidecars": ("image", "image-manifest"),
}
FORMS = {
    "csv": ("text", "csv"),
    "tsv": ("text", "tsv"),
    "jsonl": ("text", "jsonl"),
    "parquet": ("text", "parquet"),
    "parquet-integers": ("table", "parquet"),
    "parquet-categorical": ("table", "parquet"),
    "parquet-vectors": ("vector", "parquet"),
    "npz": ("vector", "npz"),
    "npz-strings": ("vector", "npz"),
    "npz-probabilities": ("probabilities", "npz"),
    "imagefolder": ("image", "imagefolder"),
    "textfolder": ("text", "textfolder"),
    "image-manifest": ("image", "image-manifest"),
    "image-metadata": ("image", "image-manifest"),
    "array-manifest": ("vector", "array-manifest"),
    "zipped-table": ("text", "zipped-table"),
    "tar-gz": ("image", "imagefolder"),
    "json-array": ("text", "json"),
    "csv-western": ("text", "csv"),
    "arrow": ("text", "arrow"),
    "json-in-object": ("text", "json"),
    "table-of-r": ("table", "csv"),
    "zip-of-splits": ("text", "zipped-table"),
    "npz-splits": ("image", "npz"),
    "parquet-images": ("image", "parquet"),
}

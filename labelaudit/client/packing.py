"""Turns a path, a file or a folder, into the one file that is uploaded.

The first rule that matches a folder applies:
  a table named samples, metadata, manifest or labels, and one zip of images  -> both in one zip
  such a table, and one NPZ with one vector per row                           -> one Parquet file
  images in any folder, with all tables and files of labels beside them       -> all in one zip
  a table for each split or shard, or a dataset saved by `datasets`           -> all in one zip
  exactly one file of a supported format                                      -> that file
  texts in folders, one for each class                                        -> all in one zip
"""

import re
import shutil
import tempfile
import zipfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from labelaudit.client.errors import UploadSourceError
from labelaudit.client.pictures import is_picture

TABLES = (".parquet", ".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".arrow", ".xlsx", ".ods")
COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
ARCHIVES = (".zip", ".tar", ".tgz", ".7z")
ARRAYS = (".npz", ".bin")
UPLOADS = (*TABLES, *ARRAYS, *ARCHIVES, *COMPRESSED)
LABEL_FILES = (".txt", ".cls", ".lst", ".xml")  # beside images
TEXTS = (".txt", ".text", ".eml", "")
# What tables of one dataset are called: train.csv and test.csv, data-00000-of-00002.arrow.
PART = re.compile(r"(.*[^a-z])?(train|val|valid|validation|dev|test)([^a-z].*)?|.*\d+-of-\d+.*")
IDX = re.compile(r".*idx[1-4]-ubyte(\.gz)?")
VOTE_NAMES = ("votes", "annotations")
TABLE_NAMES = ("samples", "metadata", "manifest", "labels")


@dataclass(frozen=True)
class PackedFile:
    """The file to send, and the name to send it under."""

    path: Path
    filename: str


@contextmanager
def packed(source: Path) -> Generator[PackedFile]:
    """The file to upload for `source`; temporary files are deleted afterwards.

    Raises UploadSourceError if there is nothing to upload, or more than one candidate.
    """
    if not source.exists():
        raise UploadSourceError(f"There is no file or folder {source}.")
    if source.is_file():
        yield PackedFile(source, source.name)
        return
    with tempfile.TemporaryDirectory(prefix="labelaudit-") as scratch:
        upload = _pack_folder(source, Path(scratch))
        yield _with_votes(upload, source, Path(scratch))


def _with_votes(upload: PackedFile, folder: Path, scratch: Path) -> PackedFile:
    """The upload together with the folder's table of votes, if there is one."""
    votes = _find_table(folder, VOTE_NAMES)
    if votes is None or votes == upload.path or upload.path.suffix == ".npz":
        return upload
    target = scratch / "with-votes.zip"
    if upload.path.suffix == ".zip":
        shutil.copyfile(upload.path, target)
    with zipfile.ZipFile(target, "a", strict_timestamps=False) as archive:
        if upload.path.suffix != ".zip":
            archive.write(upload.path, f"samples{upload.path.suffix}")
        if votes.name not in archive.namelist():
            archive.write(votes, votes.name)
    return PackedFile(target, f"{Path(upload.filename).stem}.zip")


def _pack_folder(folder: Path, scratch: Path) -> PackedFile:
    name = folder.resolve().name or "dataset"
    table = _find_table(folder)
    archives = _with_suffix(folder, ".zip")
    arrays = _with_suffix(folder, ".npz")
    if table and len(archives) == 1:
        return PackedFile(_join_archive(archives[0], table, scratch), f"{name}.zip")
    if table and len(arrays) == 1 and (joined := _join_vectors(arrays[0], table, scratch)):
        return PackedFile(joined, f"{name}.parquet")
    files = _visible_files(folder)
    images = [path for path in files if _is_image(path)]
    tables = [path for path in files if _is_table(path)]
    if images:
        labels = [path for path in files if path.suffix.lower() in LABEL_FILES]
        return PackedFile(_zip(folder, [*images, *tables, *labels], scratch), f"{name}.zip")
    if parts := _find_parts(files, tables):
        return PackedFile(_zip(folder, parts, scratch), f"{name}.zip")
    for candidates in ([table] if table else [], archives, arrays, _uploadable(folder)):
        if len(candidates) == 1:
            return PackedFile(candidates[0], candidates[0].name)
    if texts := _find_texts(folder, files):
        return PackedFile(_zip(folder, texts, scratch), f"{name}.zip")
    raise UploadSourceError(_refusal(folder))


def _visible_files(folder: Path) -> list[Path]:
    """Files of the folder and its folders, but for hidden ones."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def _is_image(path: Path) -> bool:
    return path.suffix.lower() not in (*UPLOADS, ".txt", ".md") and is_picture(path)


def _is_table(path: Path) -> bool:
    name = path.with_suffix("") if path.suffix.lower() in COMPRESSED else path
    return name.suffix.lower() in TABLES


def _find_parts(files: list[Path], tables: list[Path]) -> list[Path]:
    """The files of one dataset that is kept in several: splits, shards, `save_to_disk`, IDX."""
    arrays = [path for path in files if IDX.fullmatch(path.name)]
    if len(arrays) > 1:
        return arrays
    data = [path for path in tables if path.suffix.lower() != ".json"]
    saved = any(path.suffix.lower() == ".arrow" for path in data)
    named = all(PART.fullmatch(path.stem.lower()) for path in data)
    return tables if saved or (len(data) > 1 and named) else []


def _find_texts(folder: Path, files: list[Path]) -> list[Path]:
    """Texts in folders, if nothing else could be meant."""
    if _uploadable(folder):
        return []
    texts = [path for path in files if path.suffix.lower() in TEXTS and path.parent != folder]
    return texts if len({path.parent for path in texts}) > 1 else []


def _find_table(folder: Path, names: Sequence[str] = TABLE_NAMES) -> Path | None:
    """The folder's table with one of these names."""
    paths = (folder / f"{name}{suffix}" for name in names for suffix in TABLES)
    return next((path for path in paths if path.is_file()), None)


def _with_suffix(folder: Path, *suffixes: str) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.suffix.lower() in suffixes]


def _uploadable(folder: Path) -> list[Path]:
    found = _with_suffix(folder, *UPLOADS)
    # A JSON file beside other data describes it.
    return [path for path in found if path.suffix.lower() != ".json"] or found


def _refusal(folder: Path) -> str:
    found = ", ".join(path.name for path in _uploadable(folder)[:10])
    if found:
        return f"{folder} contains several files ({found}). Name the one to upload."
    return (
        f"{folder} contains nothing to upload: no images and no {', '.join(UPLOADS)} file. "
        "Put images or texts into one folder per class, or name a file."
    )


def _join_archive(archive: Path, table: Path, scratch: Path) -> Path:
    """A copy of the archive with the table added."""
    target = scratch / "upload.zip"
    shutil.copyfile(archive, target)
    with zipfile.ZipFile(target, "a") as joined:
        if table.name not in joined.namelist():
            joined.write(table, table.name)
    return target


def _zip(folder: Path, files: list[Path], scratch: Path) -> Path:
    target = scratch / "upload.zip"
    with zipfile.ZipFile(target, "w", strict_timestamps=False) as archive:
        for path in files:
            name = path.relative_to(folder).as_posix()
            packed = zipfile.ZIP_DEFLATED if path.suffix.lower() in TEXTS else zipfile.ZIP_STORED
            archive.write(path, name, packed)  # images are compressed already
    return target


def _join_vectors(arrays: Path, table: Path, scratch: Path) -> Path | None:
    """The table with the NPZ's vectors as a column, or None if they do not match."""
    try:
        from labelaudit.client import embeddings
    except ImportError as error:
        raise UploadSourceError(
            f"Joining {table.name} and {arrays.name} needs NumPy and PyArrow: "
            "pip install numpy pyarrow."
        ) from error
    name = embeddings.find_vectors(arrays, table)
    return embeddings.join_vectors(arrays, name, table, scratch) if name else None

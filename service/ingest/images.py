"""Images in an archive: which file is which class, and whether each can be decoded."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from service.core.errors import BadDataset, UnsupportedMediaType
from service.ingest import image_files
from service.ingest.archive import Archive, Member
from service.ingest.column_names import IMAGE_SUFFIXES
from service.ingest.convert import to_strings
from service.ingest.detect import find_foreign
from service.ingest.faults import Faults, refuse
from service.ingest.report import Limits
from service.ingest.source import BATCH_ROWS

SPLITS = {"train", "training", "val", "valid", "validation", "dev", "test", "testing"}
JUNK = ("__macosx/", "thumbs.db", "desktop.ini")


def is_junk(name: str) -> bool:
    """True for what operating systems and version control leave behind."""
    lower = name.lower()
    hidden = any(part.startswith(".") for part in lower.split("/"))
    return hidden or lower.startswith(JUNK[0]) or lower.rpartition("/")[2] in JUNK[1:]


def find_images(archive: Archive) -> list[Member]:
    """Members named as images. Raises UnsupportedMediaType for SVG and HTML among them."""
    visible = [m for n, m in archive.members.items() if not is_junk(n)]
    images = [m for m in visible if m.name.lower().endswith(IMAGE_SUFFIXES)]
    for member in visible:
        if images and member.name.lower().endswith((".svg", ".html", ".htm")):
            detail = f"{member.name} is a document, not an image. Convert it to PNG or remove it."
            raise UnsupportedMediaType(detail, errors=[{"detail": detail, "file": member.name}])
    return images


class FolderSource:
    """ImageFolder: the first folder below the common root is the class.

    A first level that holds nothing but split names (train, test, ...) is stepped over.
    """

    format = "imagefolder"
    columns: tuple[str, ...] = ("sample_id", "file", "label")

    def __init__(self, images: list[Member]) -> None:
        self.unsupported: dict[str, str] = {}
        self.class_names: dict[str, list[str]] = {}
        self.progress = 0.0
        self.files = [member.name for member in images]
        paths = [name.split("/") for name in self.files]
        self.root = _common_root(paths)
        depth = len(self.root)
        firsts = {path[depth].lower() for path in paths}
        self.has_splits = firsts <= SPLITS and all(len(path) > depth + 2 for path in paths)
        self.depth = depth + self.has_splits

    def label_of(self, file: str) -> str | None:
        """The folder that is the class, None for a file in no folder."""
        parts = file.split("/")
        return parts[self.depth] if len(parts) > self.depth + 1 else None

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """One row an image, in the order of the archive; no label for images in no folder."""
        for start in range(0, len(self.files), BATCH_ROWS):
            files = self.files[start : start + BATCH_ROWS]
            self.progress = (start + len(files)) / len(self.files)
            labels = [self.label_of(file) for file in files]
            ids = ["/".join(file.split("/")[len(self.root) :]) for file in files]
            values = {"sample_id": ids, "file": files, "label": labels}
            wanted = self.columns if columns is None else columns
            yield pa.RecordBatch.from_pydict(
                {name: pa.array(values[name], pa.string()) for name in wanted}
            )


def _common_root(paths: list[list[str]]) -> list[str]:
    """Leading folders that all share, as long as a class folder is left below."""
    root: list[str] = []
    while True:
        depth = len(root)
        if len({path[depth] for path in paths}) > 1 or any(len(p) < depth + 3 for p in paths):
            return root
        root.append(paths[0][depth])


def find_prefix(archive: Archive, table: str, values: list[str]) -> str:
    """The folder that a manifest's file names are relative to: the one where most are found."""
    folder = table.rpartition("/")[0]
    candidates = ["", f"{folder}/" if folder else ""]
    for value in values[:3]:
        ending = "/" + value.removeprefix("./")
        found = [name for name in archive.members if name.endswith(ending)]
        candidates += [name[: len(name) - len(ending) + 1] for name in found]
    return max(
        dict.fromkeys(candidates),
        key=lambda prefix: sum(locate(archive, prefix, v) is not None for v in values),
    )


def locate(archive: Archive, prefix: str, value: str) -> Member | None:
    """The member a manifest's file name means."""
    return archive.members.get(prefix + value.removeprefix("./"))


@dataclass
class BadFile:
    """An image that cannot be decoded."""

    row: int
    file: str
    reason: str


class Images:
    """`file` and where its bytes lie. `read` drops rows whose image cannot be decoded."""

    def __init__(
        self, archive: Archive, column: str, prefix: str, images: list[Member], limits: Limits
    ) -> None:
        self.archive, self.column, self.prefix = archive, column, prefix
        self.limits = limits
        self.unused = {member.name for member in images}
        self.total = len(images)
        self.rows = 0
        self.bad: list[BadFile] = []
        self._unknown = Faults(
            "manifest-mismatch", "The manifest names files that are not in the zip."
        )
        self._pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1))

    def columns(self) -> list[str]:
        """The source columns it reads."""
        return [self.column]

    def read(self, batch: Any, first_row: int) -> dict[str, Any]:
        """Canonical columns of a batch, and `keep`: False where the image is bad."""
        members = self._find(to_strings(batch[self.column]).to_pylist(), first_row)
        reasons = list(self._pool.map(self._verify, members))
        self.rows += len(members)
        for row, (member, reason) in enumerate(zip(members, reasons, strict=True), first_row):
            if reason is not None:
                self.bad.append(BadFile(row, member.name, reason))
        self._refuse_many_bad(max(self.total, self.rows))
        return {
            "keep": pa.array([reason is None for reason in reasons], pa.bool_()),
            "file": pa.array([member.name for member in members], pa.string()),
            "media_offset": pa.array([member.offset for member in members], pa.int64()),
            "media_compressed": pa.array([member.compressed for member in members], pa.int64()),
            "media_size": pa.array([member.size for member in members], pa.int64()),
            "media_method": pa.array(np.array([m.method for m in members], np.int8)),
        }

    def _find(self, files: list[str | None], first_row: int) -> list[Member]:
        members = []
        for row, value in enumerate(files, first_row + 1):
            member = locate(self.archive, self.prefix, value) if value else None
            if member is None:
                self._unknown.add(f"{value} is not in the zip", row=row, file=value)
            else:
                members.append(member)
                self.unused.discard(member.name)
        self._unknown.raise_if_any()
        return members

    def _verify(self, member: Member) -> str | None:
        """Why the image is bad, or None. Raises where the whole file must be refused."""
        if member.size > self.limits.archive_member:
            detail = f"{member.name} has {member.size} bytes; "
            detail += f"the limit is {self.limits.archive_member}."
            raise refuse("image-too-large", detail, file=member.name)
        data = self.archive.read(member)
        try:
            image_files.verify_image(data)
        except image_files.BadImage as error:
            _refuse_foreign(member.name, data)
            return str(error)[:200]
        except BadDataset as error:
            detail = f"{member.name}: {error.detail}"
            raise refuse(error.type, detail, file=member.name) from error
        return None

    def _refuse_many_bad(self, total: int) -> None:
        if len(self.bad) <= self.limits.bad_image_share * total:
            return
        share = self.limits.bad_image_share
        faults = Faults(
            "too-many-bad-images",
            f"At least {len(self.bad)} of {total} images cannot be decoded; at most "
            f"{share:.0%} may be bad.",
        )
        for bad in self.bad:
            faults.add(bad.reason, row=bad.row + 1, file=bad.file)
        faults.raise_if_any()

    def finish(self) -> list[str]:
        """Refuses images that no row names."""
        faults = Faults(
            "manifest-mismatch", "The zip contains images that the manifest does not list."
        )
        for name in sorted(self.unused):
            faults.add("not in the manifest", file=name)
        faults.raise_if_any()
        self._refuse_many_bad(self.rows)
        if not self.bad:
            return []
        shown = ", ".join(bad.file for bad in self.bad[:10])
        return [f"{len(self.bad)} images cannot be decoded and were left out: {shown}."]

    def close(self) -> None:
        """Let the decoding threads go."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def _refuse_foreign(name: str, data: bytes) -> None:
    """Refuse a file that is not even meant to be a picture."""
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        raise refuse("archive-nested", f"{name} is a zip inside the zip. Unpack it.", file=name)
    what = find_foreign(data)
    if start.startswith(b"<svg") or (start.startswith(b"<?xml") and b"<svg" in start):
        detail = f"{name} is an SVG drawing. Convert it to PNG."
        raise UnsupportedMediaType(detail, errors=[{"detail": detail, "file": name}])
    if start.startswith((b"<!doctype", b"<html", b"<script", b"<?xml")):
        what = "an HTML or XML document"
    if what is not None:
        detail = f"{name} is {what}, not an image as its name says. Remove it."
        raise UnsupportedMediaType(
            detail, type="content-type-mismatch", errors=[{"detail": detail, "file": name}]
        )

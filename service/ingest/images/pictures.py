"""Reads the pictures of an archive: where each lies, and whether it can be decoded."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from service.core.errors import BadDataset, UnsupportedMediaType
from service.ingest.archives.archive import Archive, Member
from service.ingest.bad_files import BadFile, BadFiles
from service.ingest.columns.convert import to_strings
from service.ingest.detect import find_foreign
from service.ingest.faults import Faults, refuse
from service.ingest.images.measured import measured_columns
from service.ingest.images.members import NO_VIDEOS, is_video
from service.ingest.report import Limits
from service.pictures.image_files import BadImage
from service.pictures.measures import Measures, measure_image


@dataclass(frozen=True)
class PictureColumns:
    """The source's columns: the picture's name in the archive, in the table, and its label."""

    member: str
    file: str
    label: str


class Images:
    """`file` and where its bytes lie. `read` drops rows whose image cannot be read."""

    def __init__(
        self,
        archive: Archive,
        columns: PictureColumns,
        images: list[Member],
        limits: Limits,
    ) -> None:
        self.archive, self.names = archive, columns
        self.limits = limits
        self.rows = 0
        self.bad = BadFiles(limits)
        self._unknown = Faults(
            "manifest-mismatch", "The table names files that are not in the archive."
        )
        self._pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1))
        self._total = len(images)

    def columns(self) -> list[str]:
        """The source columns it reads."""
        return [self.names.member, self.names.file, self.names.label]

    def read(self, batch: Any, first_row: int) -> dict[str, Any]:
        """Canonical columns of a batch, and `keep`: False where the image is bad."""
        members = self._find(batch, first_row)
        labels = to_strings(batch[self.names.label]).to_pylist()
        found = list(self._pool.map(self._measure, members))
        self.rows += len(members)
        for place, (member, measured) in enumerate(zip(members, found, strict=True)):
            if isinstance(measured, str):
                bad = BadFile(first_row + place, member.name, measured, labels[place])
                self.bad.bad.append(bad)
        self.bad.refuse_many(max(self._total, self.rows))
        measures = [None if isinstance(one, str) else one for one in found]
        return {
            "keep": pa.array([one is not None for one in measures], pa.bool_()),
            "file": pa.array([member.name for member in members], pa.string()),
            "media_offset": pa.array([member.offset for member in members], pa.int64()),
            "media_compressed": pa.array([member.compressed for member in members], pa.int64()),
            "media_size": pa.array([member.size for member in members], pa.int64()),
            "media_method": pa.array(np.array([m.method for m in members], np.int8)),
            **measured_columns(measures),
        }

    def _find(self, batch: Any, first_row: int) -> list[Member]:
        members = []
        names = to_strings(batch[self.names.member]).to_pylist()
        files = to_strings(batch[self.names.file]).to_pylist()
        for row, (name, file) in enumerate(zip(names, files, strict=True), first_row + 1):
            member = self.archive.members.get(name) if name else None
            if member is None:
                self._unknown.add(f"{file} is not in the archive", row=row, file=file)
            else:
                members.append(member)
        self._unknown.raise_if_any()
        return members

    def _measure(self, member: Member) -> Measures | str:
        """Its measures, or why it is bad. Raises where the whole file must be refused."""
        if is_video(member.name):
            return f"it is a video. {NO_VIDEOS}"
        if member.size > self.limits.archive_member:
            return f"it has {member.size} bytes; the limit is {self.limits.archive_member}"
        data = self.archive.read(member)
        try:
            return measure_image(data)
        except BadImage as error:
            refuse_foreign(member.name, data)
            return str(error)[:200]
        except BadDataset as error:
            return error.detail

    def finish(self) -> list[str]:
        """Warnings of what was left out."""
        self.bad.refuse_many(self.rows)
        return self.bad.warnings()

    def close(self) -> None:
        """Let the decoding threads go."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def refuse_foreign(name: str, data: bytes) -> None:
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

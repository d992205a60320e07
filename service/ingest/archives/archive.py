"""An archive whose entries have been checked: its members, and streams of what they contain.

Nothing is ever extracted to a path from the archive.
"""

import io
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from service.core.errors import BadDataset
from service.ingest.faults import Faults, refuse
from service.pictures import image_files

NESTED_SUFFIXES = (
    *(".zip", ".tar", ".tgz", ".tbz2", ".txz", ".bz2", ".xz", ".7z", ".rar", ".tar.gz", ".tar.zst"),
)
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive and where its compressed bytes lie."""

    name: str
    offset: int
    compressed: int
    size: int
    method: int
    crc: int | None  # None where the archive keeps no checksums
    info: zipfile.ZipInfo | None  # None in a tar


@dataclass
class Archive:
    """A checked archive: `members` by name, in the order of the archive's directory.

    `notes` are what a person should know of how the names were read.
    """

    path: Path
    members: dict[str, Member]
    notes: list[str] = field(default_factory=list)

    def head(self, member: Member, size: int) -> bytes:
        """The member's first bytes, as far as they can be read."""
        with suppress(zipfile.BadZipFile, EOFError, zlib.error, OSError), self.open(member) as file:
            return file.read(size)
        return b""

    def read(self, member: Member) -> bytes:
        """The whole of a small member, its checksum verified."""
        content = image_files.read_media(
            self.path, member.offset, member.compressed, member.size, member.method
        )
        if member.crc is not None and zlib.crc32(content) != member.crc:
            raise corrupt(f"{member.name} does not match its checksum.")
        return content

    def blocks(self, member: Member) -> Iterator[bytes]:
        """The member's content in blocks of at most 1 MiB, its checksum verified at the end."""
        with self.open(member) as stream:
            try:
                while block := stream.read(BLOCK):
                    yield block
            except (zipfile.BadZipFile, EOFError, zlib.error) as error:
                raise corrupt(f"{member.name} is damaged.") from error

    def open(self, member: Member) -> IO[bytes]:
        """A stream of the member's content; reads raise zipfile.BadZipFile on a bad checksum.

        `ZipFile.open` would do the same after it has read the whole directory once more.
        """
        file = self.path.open("rb")
        file.seek(member.offset)
        if member.info is None:
            return io.BufferedReader(_Section(file, member.size))
        return cast("IO[bytes]", zipfile.ZipExtFile(file, "r", member.info, close_fileobj=True))

    def spool(self, member: Member, folder: Path) -> Path:
        """A copy of the member under a generated name in `folder`, for readers that must seek."""
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".member.", delete=False) as file:
            for block in self.blocks(member):
                file.write(block)
        return Path(file.name)


class _Section(io.RawIOBase):
    """The next `size` bytes of a file, which is closed with it."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self.file, self.left = file, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.file.read(min(len(buffer), self.left))
        buffer[: len(data)] = data
        self.left -= len(data)
        return len(data)

    def close(self) -> None:
        self.file.close()
        super().close()


def corrupt(detail: str) -> BadDataset:
    """The refusal of an archive that is damaged."""
    return refuse("archive-corrupt", f"{detail} Create the archive again and upload it.")


def check_names(names: list[str]) -> None:
    """Refuse names that lead out of the archive."""
    faults = Faults(
        "archive-unsafe-path",
        "The archive has names that point outside it. Use relative names with forward slashes.",
    )
    for name in names:
        if not is_safe_name(name.replace("\\", "/")):
            faults.add("unsafe name", file=name.replace("\0", "\\0"))
    faults.raise_if_any()


def is_safe_name(name: str) -> bool:
    """True for a relative path with forward slashes that stays inside its archive."""
    parts = name.rstrip("/").split("/")
    drive = len(name) > 1 and name[1] == ":"
    printable = not any(unicodedata.category(character) == "Cc" for character in name)
    inside = all(part not in ("", ".", "..") for part in parts)
    return bool(name) and printable and inside and not drive and "\\" not in name


def check_duplicates(members: list[Member]) -> None:
    """Refuse two names that are one file on some file system."""
    faults = Faults(
        "duplicate-path",
        "The archive has names that are equal or differ only in case. Rename the files.",
    )
    seen: dict[str, str] = {}
    for member in members:
        key = fold(member.name)
        if key in seen:
            faults.add(f"collides with {seen[key]}", file=member.name)
        seen.setdefault(key, member.name)
    faults.raise_if_any()


def fold(name: str) -> str:
    """The form in which two names are the same file on some file system."""
    return unicodedata.normalize("NFC", name).casefold()


def check_nested(members: list[Member]) -> None:
    """Refuse archives in the archive; a single file compressed by gzip is none."""
    faults = Faults(
        "archive-nested",
        "The archive contains other archives. Unpack them and zip the files themselves.",
    )
    for member in members:
        if member.name.lower().endswith(NESTED_SUFFIXES):
            faults.add("an archive", file=member.name)
    faults.raise_if_any()

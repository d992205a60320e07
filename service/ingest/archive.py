"""Untrusted zip archives: every check is made before a member is inflated.

Nothing is ever extracted to a path from the archive.
"""

import stat
import struct
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from service.core.errors import BadDataset
from service.ingest import image_files
from service.ingest.faults import Faults, refuse
from service.ingest.report import Limits

END_RECORD = b"PK\x05\x06"
END_RECORD_SIZE = 22
LOCAL_HEADER = struct.Struct("<4s5H3L2H")
ENCRYPTED_FLAGS = 0x1 | 0x40 | 0x2000
UTF8_FLAG = 0x800
NESTED_SUFFIXES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar", ".zst")
MEAN_DIRECTORY_ENTRY = 512
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive and where its compressed bytes lie."""

    name: str
    offset: int
    compressed: int
    size: int
    method: int
    crc: int
    info: zipfile.ZipInfo


class Archive:
    """A checked archive: `members` by name, in the order of the archive's directory."""

    def __init__(self, path: Path, members: dict[str, Member]) -> None:
        self.path = path
        self.members = members

    def read(self, member: Member) -> bytes:
        """The whole of a small member, its checksum verified."""
        content = image_files.read_media(
            self.path, member.offset, member.compressed, member.size, member.method
        )
        if zlib.crc32(content) != member.crc:
            raise _corrupt(f"{member.name} does not match its checksum.")
        return content

    def blocks(self, member: Member) -> Iterator[bytes]:
        """The member's content in blocks of at most 1 MiB, its checksum verified at the end."""
        with self.open(member) as stream:
            try:
                while block := stream.read(BLOCK):
                    yield block
            except (zipfile.BadZipFile, EOFError, zlib.error) as error:
                raise _corrupt(f"{member.name} is damaged.") from error

    def open(self, member: Member) -> zipfile.ZipExtFile:
        """A stream of the member's content; reads raise zipfile.BadZipFile on a bad checksum.

        `ZipFile.open` would do the same after it has read the whole directory once more.
        """
        file = self.path.open("rb")
        file.seek(member.offset)
        return zipfile.ZipExtFile(file, "r", member.info, close_fileobj=True)

    def spool(self, member: Member, folder: Path) -> Path:
        """A copy of the member under a generated name in `folder`, for readers that must seek."""
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".member.", delete=False) as file:
            for block in self.blocks(member):
                file.write(block)
        return Path(file.name)


def open_archive(path: Path, limits: Limits) -> Archive:
    """Check the archive's directory and every local header. Raises BadDataset (`archive-*`)."""
    declared = _count_entries(path, limits)
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            directory_start = archive.start_dir
    except (zipfile.BadZipFile, struct.error, NotImplementedError, ValueError, OSError) as error:
        raise _corrupt(f"The zip cannot be read ({error}).") from error
    if len(infos) != declared:
        raise _corrupt(f"The zip declares {declared} entries but lists {len(infos)}.")
    for check in (_check_flags, _check_names, _check_modes, _check_methods):
        check(infos)
    files = [info for info in infos if not info.is_dir()]
    _check_sizes(files, limits)
    members = _locate(path, files, directory_start)
    _check_duplicates(members)
    _check_nested(members)
    return Archive(path, {member.name: member for member in members})


def _corrupt(detail: str) -> BadDataset:
    return refuse("archive-corrupt", f"{detail} Create the zip again and upload it.")


def _count_entries(path: Path, limits: Limits) -> int:
    """Entries by the end record, read first because `zipfile` builds an object for each."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - END_RECORD_SIZE - 65535))
        tail = file.read()
        at = tail.rfind(END_RECORD)
        if at < 0 or len(tail) - at < END_RECORD_SIZE:
            raise _corrupt("The zip has no directory: it is truncated.")
        count, directory = struct.unpack_from("<HL", tail, at + 10)
        locator = at - 20
        if locator >= 0 and tail[locator : locator + 4] == b"PK\x06\x07":
            (record,) = struct.unpack_from("<Q", tail, locator + 8)
            file.seek(record)
            wide = file.read(56)
            if len(wide) < 56:
                raise _corrupt("The zip has no directory: it is truncated.")
            count, directory = struct.unpack_from("<QQ", wide, 32)
    if count > limits.archive_entries or directory > limits.archive_entries * MEAN_DIRECTORY_ENTRY:
        raise refuse(
            "archive-too-many-entries",
            f"The zip has {count} entries; the limit is {limits.archive_entries}. Split it.",
        )
    return int(count)


def _check_flags(infos: list[zipfile.ZipInfo]) -> None:
    faults = Faults("archive-encrypted", "The zip is encrypted. Upload it without a password.")
    for info in infos:
        if info.flag_bits & ENCRYPTED_FLAGS:
            faults.add("encrypted", file=info.filename)
    faults.raise_if_any()


def _check_names(infos: list[zipfile.ZipInfo]) -> None:
    faults = Faults(
        "archive-unsafe-path",
        "The zip has names that point outside it. Use relative names with forward slashes.",
    )
    for info in infos:
        if not is_safe_name(info.orig_filename):
            faults.add("unsafe name", file=info.orig_filename.replace("\0", "\\0"))
    faults.raise_if_any()


def is_safe_name(name: str) -> bool:
    """True for a relative path with forward slashes that stays inside its archive."""
    parts = name.rstrip("/").split("/")
    drive = len(name) > 1 and name[1] == ":"
    printable = not any(unicodedata.category(character) == "Cc" for character in name)
    inside = all(part not in ("", ".", "..") for part in parts)
    return bool(name) and printable and inside and not drive and "\\" not in name


def _check_modes(infos: list[zipfile.ZipInfo]) -> None:
    faults = Faults(
        "archive-unsafe-entry",
        "The zip contains links or devices. Add the files themselves (zip without -y).",
    )
    for info in infos:
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            faults.add("link or device", file=info.filename)
    faults.raise_if_any()


def _check_methods(infos: list[zipfile.ZipInfo]) -> None:
    faults = Faults(
        "archive-method", "The zip uses a compression other than store or deflate. Use `zip -9`."
    )
    for info in infos:
        if info.compress_type not in (image_files.STORED, image_files.DEFLATED):
            faults.add(f"method {info.compress_type}", file=info.filename)
    faults.raise_if_any()


def _check_sizes(files: list[zipfile.ZipInfo], limits: Limits) -> None:
    total = sum(info.file_size for info in files)
    if total > limits.archive_unpacked:
        raise refuse(
            "archive-bomb",
            f"The zip unpacks to {total} bytes; the limit is {limits.archive_unpacked}.",
        )
    packed = sum(info.compress_size for info in files)
    faults = Faults(
        "archive-bomb",
        f"The zip unpacks to more than {limits.archive_ratio:g} times its size. "
        "If the files really are that compressible, store them without compression.",
    )
    if total > limits.archive_ratio_floor and total > limits.archive_ratio * packed:
        faults.add(f"in total, {packed} bytes become {total}")
    for info in files:
        large = info.file_size > limits.archive_ratio_floor
        if large and info.file_size > limits.archive_ratio * info.compress_size:
            detail = f"{info.compress_size} bytes become {info.file_size}"
            faults.add(detail, file=info.filename)
    faults.raise_if_any()


def _locate(path: Path, files: list[zipfile.ZipInfo], directory_start: int) -> list[Member]:
    """Members with the offset of their bytes; refuses those that overlap or run past the end."""
    members = []
    spans = []
    with path.open("rb") as file:
        for info in files:
            if info.header_offset < 0:
                raise _corrupt(f"{info.filename} is not where the directory says.")
            offset = _data_offset(file, info)
            spans.append((info.header_offset, offset + info.compress_size, info.filename))
            name = _true_name(info)
            sizes = (info.compress_size, info.file_size, info.compress_type, info.CRC)
            if info.compress_type == image_files.STORED and info.compress_size != info.file_size:
                raise _corrupt(f"{name} has contradictory sizes.")
            members.append(Member(name, offset, *sizes, info))
    spans.sort()
    for (_, end, name), (start, _, other) in zip(
        spans, [*spans, (directory_start, 0, "the directory")][1:], strict=True
    ):
        if end > start:
            detail = (
                f"The zip's members overlap: {name} extends into {other}. Create the zip again."
            )
            raise refuse("archive-overlap", detail, file=name)
    return members


def _data_offset(file: IO[bytes], info: zipfile.ZipInfo) -> int:
    file.seek(info.header_offset)
    header = file.read(LOCAL_HEADER.size)
    if len(header) < LOCAL_HEADER.size:
        raise _corrupt(f"{info.filename} is truncated.")
    signature, *_, name_length, extra_length = LOCAL_HEADER.unpack(header)
    encoding = "utf-8" if info.flag_bits & UTF8_FLAG else "cp437"
    name = file.read(name_length)
    if signature != b"PK\x03\x04" or name != info.orig_filename.encode(encoding):
        raise _corrupt(f"{info.filename} is not where the directory says.")
    return int(info.header_offset + LOCAL_HEADER.size + name_length + extra_length)


def _true_name(info: zipfile.ZipInfo) -> str:
    """The name; many tools write UTF-8 without saying so, which `zipfile` reads as cp437."""
    if info.flag_bits & UTF8_FLAG:
        return info.filename
    try:
        return info.filename.encode("cp437").decode()
    except UnicodeError:
        return info.filename


def _check_duplicates(members: list[Member]) -> None:
    faults = Faults(
        "duplicate-path",
        "The zip has names that are equal or differ only in case. Rename the files.",
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


def _check_nested(members: list[Member]) -> None:
    faults = Faults(
        "archive-nested",
        "The zip contains other archives. Unpack them and zip the files themselves.",
    )
    for member in members:
        if member.name.lower().endswith(NESTED_SUFFIXES):
            faults.add("an archive", file=member.name)
    faults.raise_if_any()

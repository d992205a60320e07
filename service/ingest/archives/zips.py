"""Untrusted zip archives: every check is made before a member is inflated."""

import stat
import struct
import zipfile
from pathlib import Path
from typing import IO

from service.ingest.archives.archive import (
    Archive,
    Member,
    check_duplicates,
    check_names,
    check_nested,
    corrupt,
)
from service.ingest.archives.zip_names import UTF8_FLAG, ZipNames
from service.ingest.faults import Faults, refuse
from service.ingest.report import Limits
from service.pictures import image_files

END_RECORD = b"PK\x05\x06"
END_RECORD_SIZE = 22
LOCAL_HEADER = struct.Struct("<4s5H3L2H")
ENCRYPTED_FLAGS = 0x1 | 0x40 | 0x2000
MEAN_DIRECTORY_ENTRY = 512


def open_zip(path: Path, limits: Limits) -> Archive:
    """Check the archive's directory and every local header. Raises BadDataset (`archive-*`)."""
    declared = _count_entries(path, limits)
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            directory_start = archive.start_dir
    except (zipfile.BadZipFile, struct.error, NotImplementedError, ValueError, OSError) as error:
        raise corrupt(f"The zip cannot be read ({error}).") from error
    if len(infos) != declared:
        raise corrupt(f"The zip declares {declared} entries but lists {len(infos)}.")
    check_names([info.orig_filename for info in infos])
    for check in (_check_flags, _check_modes, _check_methods):
        check(infos)
    files = [info for info in infos if not is_folder(info)]
    _check_sizes(files, limits)
    spelling = ZipNames([info for info in files if not info.flag_bits & UTF8_FLAG])
    members = _locate(path, files, directory_start, spelling)
    check_duplicates(members)
    check_nested(members)
    return Archive(path, {member.name: member for member in members}, spelling.notes(files))


def is_folder(info: zipfile.ZipInfo) -> bool:
    """True for the entry of a folder, whatever separates its names."""
    return info.is_dir() or (info.file_size == 0 and info.filename.endswith("\\"))


def _count_entries(path: Path, limits: Limits) -> int:
    """Entries by the end record, read first because `zipfile` builds an object for each."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - END_RECORD_SIZE - 65535))
        tail = file.read()
        at = tail.rfind(END_RECORD)
        if at < 0 or len(tail) - at < END_RECORD_SIZE:
            raise corrupt("The zip has no directory: it is truncated.")
        count, directory = struct.unpack_from("<HL", tail, at + 10)
        locator = at - 20
        if locator >= 0 and tail[locator : locator + 4] == b"PK\x06\x07":
            (record,) = struct.unpack_from("<Q", tail, locator + 8)
            file.seek(record)
            wide = file.read(56)
            if len(wide) < 56:
                raise corrupt("The zip has no directory: it is truncated.")
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


def _locate(
    path: Path, files: list[zipfile.ZipInfo], directory_start: int, spelling: ZipNames
) -> list[Member]:
    """Members with the offset of their bytes; refuses those that overlap or run past the end."""
    members = []
    spans = []
    with path.open("rb") as file:
        for info in files:
            if info.header_offset < 0:
                raise corrupt(f"{info.filename} is not where the directory says.")
            offset = _data_offset(file, info)
            spans.append((info.header_offset, offset + info.compress_size, info.filename))
            name = spelling.true_name(info)
            sizes = (info.compress_size, info.file_size, info.compress_type, info.CRC)
            if info.compress_type == image_files.STORED and info.compress_size != info.file_size:
                raise corrupt(f"{name} has contradictory sizes.")
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
        raise corrupt(f"{info.filename} is truncated.")
    signature, *_, name_length, extra_length = LOCAL_HEADER.unpack(header)
    encoding = "utf-8" if info.flag_bits & UTF8_FLAG else "cp437"
    name = file.read(name_length)
    if signature != b"PK\x03\x04" or name != info.orig_filename.encode(encoding):
        raise corrupt(f"{info.filename} is not where the directory says.")
    return int(info.header_offset + LOCAL_HEADER.size + name_length + extra_length)

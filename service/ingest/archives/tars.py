"""Untrusted tar archives: only regular files are read, in place, and nothing is unpacked."""

import tarfile
from pathlib import Path

from service.ingest.archives.archive import (
    Archive,
    Member,
    check_duplicates,
    check_names,
    check_nested,
    corrupt,
)
from service.ingest.faults import Faults, refuse
from service.ingest.report import Limits
from service.pictures import image_files

BLOCK = 512
MAGIC_AT = 257


def is_tar(head: bytes) -> bool:
    """True for the first 512 bytes of a tar: its magic or, in old ones, its checksum."""
    if len(head) < BLOCK or not head[0]:
        return False
    if head[MAGIC_AT : MAGIC_AT + 5] == b"ustar":
        return True
    digits = head[148:156].strip(b" \0")
    if not digits or any(byte not in b"01234567" for byte in digits):
        return False
    return int(digits, 8) == sum(head[:148]) + 8 * 32 + sum(head[156:BLOCK])


def open_tar(path: Path, limits: Limits) -> Archive:
    """List the tar's files. Raises BadDataset (`archive-*`, `duplicate-path`)."""
    infos = _list(path, limits)
    check_names([_plain(info.name) for info in infos])
    faults = Faults(
        "archive-unsafe-entry", "The tar contains links or devices. Add the files themselves."
    )
    for info in infos:
        if not (info.isreg() or info.isdir()) or info.issparse():
            faults.add("link, device or sparse file", file=info.name)
    faults.raise_if_any()
    members = [_member(info) for info in infos if info.isreg()]
    total = sum(member.size for member in members)
    if total > path.stat().st_size:
        raise corrupt("The tar's files are larger than the tar: it is truncated.")
    check_duplicates(members)
    check_nested(members)
    return Archive(path, {member.name: member for member in members})


def _list(path: Path, limits: Limits) -> list[tarfile.TarInfo]:
    infos: list[tarfile.TarInfo] = []
    size = path.stat().st_size
    try:
        with tarfile.open(path, "r:", errors="surrogateescape") as tar:
            while (info := tar.next()) is not None:
                if len(infos) >= limits.archive_entries:
                    detail = f"The tar has more than {limits.archive_entries} entries. Split it."
                    raise refuse("archive-too-many-entries", detail)
                if info.size < 0 or info.offset_data + (info.isreg() and info.size) > size:
                    raise corrupt(f"{info.name!r} is truncated.")
                infos.append(info)
            end = tar.offset
    except (tarfile.TarError, ValueError, EOFError, OSError, RecursionError) as error:
        raise corrupt(f"The tar cannot be read ({error}).") from error
    with path.open("rb") as file:
        file.seek(max(0, end - BLOCK))
        tail = file.read(2 * BLOCK)
    # `tarfile` takes a damaged header for the end, which is a block of zeros.
    if bytes(BLOCK) not in (tail[:BLOCK], tail[BLOCK:]):
        raise corrupt("The tar is truncated or damaged.")
    return infos


def _plain(name: str) -> str:
    """The name without the `./` that many tars begin all names with."""
    name = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    while name.startswith("./"):
        name = name[2:]
    return name if name not in ("", ".") else "root"


def _member(info: tarfile.TarInfo) -> Member:
    name = _plain(info.name).replace("\\", "/")
    stored = image_files.STORED
    return Member(name, info.offset_data, info.size, info.size, stored, None, None)

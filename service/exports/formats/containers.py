"""Writes an archive of the upload's own kind: order, dates, comment and empty folders are kept."""

import copy
import struct
import tarfile
import zipfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from service.ingest.archives.archive import Archive, Member
from service.ingest.archives.zips import is_folder

EPOCH = (1980, 1, 1, 0, 0, 0)
ZIP64, UNICODE_PATH = 0x0001, 0x7075  # extra fields that describe sizes and names
BLOCK = 1 << 20


class Container(Protocol):
    """An archive that is being written."""

    def entries(self) -> Iterator[Member]:
        """The source's members in its order; its folders are written on the way."""
        ...

    def copy(self, member: Member, name: str) -> None:
        """Copy a member's content, perhaps under another name."""
        ...

    def add(self, name: str, content: Path, like: Member | None = None) -> None:
        """Add a file, with the date and the method of the member that it replaces."""
        ...


@contextmanager
def rewriting(source: Archive, target: Path) -> Generator[Container]:
    """An archive of the source's kind."""
    if all(member.info is None for member in source.members.values()):
        with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
            yield TarContainer(source, tar)
        return
    with zipfile.ZipFile(target, "w") as written:
        yield ZipContainer(source, written)


class ZipContainer:
    """A zip."""

    def __init__(self, source: Archive, written: zipfile.ZipFile) -> None:
        self.source, self.written = source, written
        with zipfile.ZipFile(source.path) as archive:
            self.infos = archive.infolist()
            written.comment = archive.comment

    def entries(self) -> Iterator[Member]:
        """Members in the order of the directory."""
        members = {m.info.header_offset: m for m in self.source.members.values() if m.info}
        for info in self.infos:
            if not is_folder(info):
                yield members[info.header_offset]
                continue
            folder = _like(info, info.filename.replace("\\", "/"), info.compress_type)
            self.written.writestr(folder, b"")

    def copy(self, member: Member, name: str) -> None:
        """Copy a member's content."""
        with self._writing(name, member, member.method) as stream:
            for block in self.source.blocks(member):
                stream.write(block)

    def add(self, name: str, content: Path, like: Member | None = None) -> None:
        """Add a file."""
        packed = name.endswith((".npz", ".parquet"))
        method = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
        with (
            content.open("rb") as file,
            self._writing(name, like, method if like is None else like.method) as stream,
        ):
            while block := file.read(BLOCK):
                stream.write(block)

    def _writing(self, name: str, like: Member | None, method: int) -> IO[bytes]:
        info = None if like is None else like.info
        entry = new_entry(name, method) if info is None else _like(info, name, method)
        return self.written.open(entry, "w", force_zip64=True)


def new_entry(name: str, method: int) -> zipfile.ZipInfo:
    """An entry without a date or an owner."""
    info = zipfile.ZipInfo(name, EPOCH)
    info.compress_type = method
    info.external_attr = 0o644 << 16
    info.create_system = 3
    return info


def _like(old: zipfile.ZipInfo, name: str, method: int) -> zipfile.ZipInfo:
    """An entry with the old one's date, comment and rights."""
    info = new_entry(name, method)
    info.date_time = old.date_time
    info.comment = old.comment
    info.external_attr, info.create_system = old.external_attr, old.create_system
    info.extra = _other_extra(old.extra)
    return info


def _other_extra(extra: bytes) -> bytes:
    """Extra fields but for those that describe sizes and names, which change."""
    kept, place = b"", 0
    while place + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, place)
        end = place + 4 + length
        if end > len(extra):
            break
        if kind not in (ZIP64, UNICODE_PATH):
            kept += extra[place:end]
        place = end
    return kept


class TarContainer:
    """A tar."""

    def __init__(self, source: Archive, written: tarfile.TarFile) -> None:
        self.source, self.written = source, written
        self._infos: dict[int, tarfile.TarInfo] = {}

    def entries(self) -> Iterator[Member]:
        """Members in the order of the tar."""
        members = {member.offset: member for member in self.source.members.values()}
        with tarfile.open(self.source.path, "r:", errors="surrogateescape") as tar:
            infos = tar.getmembers()
        for info in infos:
            if info.isreg():
                self._infos[info.offset_data] = info
                yield members[info.offset_data]
            else:
                self.written.addfile(info)

    def copy(self, member: Member, name: str) -> None:
        """Copy a member's content."""
        info = self._info(name, member)
        with self.source.open(member) as stream:
            self.written.addfile(info, stream)

    def add(self, name: str, content: Path, like: Member | None = None) -> None:
        """Add a file."""
        info = self._info(name, like)
        info.size = content.stat().st_size
        with content.open("rb") as file:
            self.written.addfile(info, file)

    def _info(self, name: str, like: Member | None) -> tarfile.TarInfo:
        if like is None:
            return tarfile.TarInfo(name)
        info = copy.copy(self._infos[like.offset])
        if name != like.name:  # else it keeps its spelling, such as `./` at the beginning
            prefix = "./" if info.name.startswith("./") else ""
            info.name = prefix + name
        info.pax_headers = {k: v for k, v in info.pax_headers.items() if k not in ("path", "size")}
        return info

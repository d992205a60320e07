"""Opens MNIST's and CIFAR's files, alone or in an archive."""

import math
import re
from pathlib import Path

from service.core.errors import UnsupportedMediaType
from service.ingest.archives.archive import Archive, Member
from service.ingest.archives.unwrap import find_compression, unwrap
from service.ingest.arrays.binary_pictures import (
    CIFAR_10,
    idx_shape,
    is_cifar,
    open_cifar,
    open_idx,
)
from service.ingest.columns.roles import plan_roles
from service.ingest.detect import read_head
from service.ingest.packs.pack import Opening, Pack
from service.ingest.source import RowSource
from service.ingest.tables.several import Part, Several

IDX = re.compile(r"(.*?)(images|labels)([-._]?idx\d)?([-._]?ubyte)?(\.gz)?", re.IGNORECASE)
CLASS_FILES = ("batches.meta.txt", "fine_label_names.txt")


def open_binary(path: Path, opening: Opening) -> Pack | None:
    """A lone file of CIFAR's; an IDX file is refused with what is missing. None for others."""
    shape = idx_shape(read_head(path))
    if shape is not None and path.stat().st_size == 4 + 4 * len(shape) + math.prod(shape):
        what = "images" if len(shape) > 1 else "labels"
        raise UnsupportedMediaType(
            f"{opening.filename} is an IDX file of {shape[0]} {what}, as MNIST's. Zip the file of "
            "the images and the file of the labels together and upload the zip."
        )
    record = is_cifar(path)
    if record is None:
        _refuse_odd_cifar(path, opening)
        return None
    return _plan(open_cifar(path, record, None), opening)


def _refuse_odd_cifar(path: Path, opening: Opening) -> None:
    """Name a file that has the size of CIFAR's batches, but not their labels."""
    size = path.stat().st_size
    if opening.filename.lower().endswith(".bin") and size and size % CIFAR_10 == 0:
        raise UnsupportedMediaType(
            f"{opening.filename} has the size of a CIFAR batch ({size // CIFAR_10} records of "
            f"{CIFAR_10} bytes), but its labels are not 0 to 9. Upload the images in folders "
            "named after their classes, or as NPZ."
        )


def open_binary_members(archive: Archive, opening: Opening) -> Pack | None:
    """Pairs of IDX files, or batches of CIFAR's, among the members of an archive."""
    parts = _idx_parts(archive, opening) or _cifar_parts(archive, opening)
    if not parts:
        return None
    source: RowSource = Several(parts) if len(parts) > 1 else parts[0].source
    pack = _plan(source, opening)
    pack.archive, pack.tables = archive, [part.name for part in parts]
    return pack


def _plan(source: RowSource, opening: Opening) -> Pack:
    profiles = opening.profile(source)
    return Pack(source.format, source, plan_roles(source, profiles, opening.roles), profiles)


def _idx_parts(archive: Archive, opening: Opening) -> list[Part]:
    pairs: dict[str, dict[str, Member]] = {}
    for name, member in archive.members.items():
        match = IDX.fullmatch(name)
        if match and (match[3] or match[4]):
            pairs.setdefault(match[1].lower(), {})[match[2].lower()] = member
    parts = []
    for prefix, pair in sorted(pairs.items()):
        if len(pair) == 2:
            images, labels = (_plain(archive, pair[k], opening) for k in ("images", "labels"))
            split = "test" if "t10k" in prefix or "test" in prefix else "train"
            parts.append(Part(pair["labels"].name, open_idx(images, labels), split))
    return parts


def _plain(archive: Archive, member: Member, opening: Opening) -> Path:
    spooled = archive.spool(member, opening.workspace)
    compression = find_compression(read_head(spooled))
    if compression is None:
        return spooled
    return unwrap(spooled, compression, spooled.with_name(f"{spooled.name}.plain"), opening.limits)


def _cifar_parts(archive: Archive, opening: Opening) -> list[Part]:
    batches = [member for name, member in archive.members.items() if name.lower().endswith(".bin")]
    parts = []
    for member in batches:
        spooled = archive.spool(member, opening.workspace)
        record = is_cifar(spooled)
        if record is None:
            return []
        names = _class_names(archive, 10 if record == CIFAR_10 else 100)
        split = "test" if "test" in member.name.lower() else "train"
        parts.append(Part(member.name, open_cifar(spooled, record, names), split))
    return parts


def _class_names(archive: Archive, count: int) -> list[str] | None:
    for name, member in archive.members.items():
        if name.rpartition("/")[2] in CLASS_FILES and member.size < 10_000:
            lines = archive.read(member).decode("utf-8", "replace").split("\n")
            names = [line.strip() for line in lines if line.strip()]
            if len(names) == count == len(set(names)):
                return names
    return None

"""Zip archives that come out the same whenever they are written."""

import zipfile

from service.ingest.archive import Archive, Member

EPOCH = (1980, 1, 1, 0, 0, 0)


def new_member(name: str, method: int) -> zipfile.ZipInfo:
    """A member without a date or an owner."""
    info = zipfile.ZipInfo(name, EPOCH)
    info.compress_type = method
    info.external_attr = 0o644 << 16
    info.create_system = 3
    return info


def copy_member(source: Archive, member: Member, name: str, target: zipfile.ZipFile) -> None:
    """Copy a member's content under another name."""
    with target.open(new_member(name, member.method), "w", force_zip64=True) as stream:
        for block in source.blocks(member):
            stream.write(block)

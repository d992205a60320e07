"""Opens an upload of any form."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from service.core.errors import UnsupportedMediaType
from service.ingest.archives.archive import Archive
from service.ingest.archives.opening import open_archive
from service.ingest.archives.unwrap import find_compression, plain_name, unwrap
from service.ingest.detect import detect, read_head, read_text
from service.ingest.folders.names import is_junk
from service.ingest.images.members import find_images
from service.ingest.packs.arrays import open_aligned, open_arrays
from service.ingest.packs.binary import open_binary, open_binary_members
from service.ingest.packs.folders import open_texts
from service.ingest.packs.images import open_images
from service.ingest.packs.pack import Opening, Pack
from service.ingest.packs.tables import (
    is_table,
    no_content,
    open_lone_table,
    open_member,
    open_zipped_tables,
)
from service.ingest.recognised import LOOKED_AT, refuse_text
from service.ingest.texts.folders import find_texts
from service.ingest.votes import TABLE_STEMS, VoteTable, as_vote_table


def open_pack(upload: Path, opening: Opening) -> Pack:
    """Raises BadDataset or UnsupportedMediaType."""
    compression = find_compression(read_head(upload))
    path = upload
    if compression is not None:
        path = unwrap(upload, compression, opening.workspace / "unwrapped", opening.limits)
        opening = replace(opening, filename=plain_name(opening.filename))
    if (lone := open_binary(path, opening)) is not None:
        return lone
    container = detect(path, opening.filename)
    if container == "csv":
        refuse_text(read_text(path), opening.filename)
    if container not in ("zip", "tar"):
        return open_lone_table(path, opening, container)
    archive = open_archive(path, opening.limits)
    pack = _open_members(archive, opening)
    pack.notes[:0] = archive.notes
    if path != upload and pack.images:
        pack.media = path
    return pack


def _open_members(archive: Archive, opening: Opening) -> Pack:
    names = [name for name in archive.members if not is_junk(name)]
    _refuse_documents(opening.filename, names)
    if names and all(name.endswith(".npy") for name in names):
        return open_arrays(archive, opening)
    if (binary := open_binary_members(archive, opening)) is not None:
        return binary
    tables = sorted(name for name in names if is_table(name) and not _is_document(archive, name))
    arrays = [name for name in names if name.lower().endswith(".npz")]
    images = find_images(archive)
    votes = _find_votes(archive, tables, opening)
    if votes is not None:
        tables.remove(votes.name)
    used: set[str | None] = {*(member.name for member in images), *tables}
    if images:
        pack = open_images(archive, images, tables, opening)
    elif tables and len(arrays) == 1:
        pack = open_aligned(archive, tables[0], arrays[0], opening)
    elif tables:
        pack = open_zipped_tables(archive, tables, opening)
        _note_texts(pack, archive, opening)
    else:
        texts = find_texts(archive)
        if len(texts) < opening.limits.smallest_dataset:
            raise no_content(opening.filename, names)
        pack = open_texts(archive, texts, opening)
        used.update(member.name for member in texts)
    pack.votes = votes
    used.update(pack.tables, [pack.arrays, None if votes is None else votes.name])
    _note_others(pack, [name for name in names if name not in used])
    return pack


def _is_document(archive: Archive, name: str) -> bool:
    """True for a JSON file that describes something and holds no rows."""
    if not name.lower().endswith(".json"):
        return False
    text = archive.head(archive.members[name], LOOKED_AT).decode("utf-8", "replace")
    return not text.lstrip("\ufeff \r\n\t").startswith("[")


def _note_others(pack: Pack, others: Sequence[str]) -> None:
    if others:
        more = " and others" if len(others) > 5 else ""
        pack.notes.append(f"Ignored {len(others)} other files: {', '.join(others[:5])}{more}.")


def _note_texts(pack: Pack, archive: Archive, opening: Opening) -> None:
    """Say that texts in folders of classes were not read, because a table was."""
    if pack.plan.file is not None:  # the table says which files to read
        return
    texts = [member.name for member in find_texts(archive) if member.name not in pack.tables]
    folders = {name.rpartition("/")[0] for name in texts}
    if len(texts) >= opening.limits.smallest_dataset and len(folders) > 1:
        read = ", ".join(pack.tables[:5])
        pack.notes.append(
            f"Only {read} was read. The archive also has {len(texts)} texts in {len(folders)} "
            "folders: if the folders are the classes, upload the archive again without the table."
        )


def _find_votes(archive: Archive, tables: list[str], opening: Opening) -> VoteTable | None:
    """A table of annotators' votes, in addition to the samples."""
    for name in tables:
        if Path(name).stem.lower() in TABLE_STEMS:
            found = as_vote_table(name, open_member(archive, name, opening))
            if found is not None:
                return found
    return None


def _refuse_documents(filename: str, names: list[str]) -> None:
    if "[Content_Types].xml" in names:
        detail = f"{filename} is an Office document without a sheet. Save its table as CSV."
        raise UnsupportedMediaType(detail)
    if any(name.endswith("/data.pkl") or name == "data.pkl" for name in names):
        what = "a PyTorch file, which can run code when it is read"
        raise UnsupportedMediaType(f"{filename} is {what}. Save the arrays as NPZ.")

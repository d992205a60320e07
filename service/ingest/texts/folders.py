"""Texts in folders: which files of an archive are texts, and the rows they become."""

import re
from collections.abc import Iterator

from service.ingest.archives.archive import Archive, Member
from service.ingest.detect import find_foreign
from service.ingest.folders.layout import FolderLayout, FolderSource
from service.ingest.folders.names import is_junk
from service.ingest.images.members import HEAD, SNIFFED
from service.ingest.source import BATCH_BYTES, BATCH_ROWS
from service.pictures.pixels import starts_like_picture

SUFFIXES = (".txt", ".text", ".eml")
# Not the numbers and hashes that mails and news end in: 00001.7c53336b37003a9286aba55d2945844c.
SUFFIX = re.compile(r"\.[a-z][a-z0-9]{0,5}", re.IGNORECASE)
DOCUMENT = re.compile(
    r"(read[-_ ]?me|licen[cs]e|copying|notice|authors|changelog|(.*[-_.])?vocab(ulary)?|"
    r"stop[-_]?words)(\.[a-z]+)?",
    re.IGNORECASE,
)


def find_texts(archive: Archive) -> list[Member]:
    """Members that are texts by their suffix or, without one, by their first bytes.

    Files about the data are none of them: those that are called so (README), and those that lie in
    no class, but beside the folders of classes (train/urls_pos.txt).
    """
    visible = [m for n, m in archive.members.items() if not is_junk(n) and not is_document(n)]
    named = {m.name for m in visible if m.name.lower().endswith(SUFFIXES)}
    bare = [m for m in visible if m.name not in named and not _has_suffix(m.name)]
    sniffed = [m for m in bare[:SNIFFED] if _is_text(archive, m)]
    if len(sniffed) == SNIFFED:  # all of them are texts: what is none cannot be decoded later
        sniffed = bare
    named.update(member.name for member in sniffed)
    return _without_documents([member for member in visible if member.name in named])


def is_document(name: str) -> bool:
    """True for files that are called as files about the data are: README, LICENSE, vocab."""
    return DOCUMENT.fullmatch(name.rpartition("/")[2]) is not None


def _has_suffix(name: str) -> bool:
    stem, dot, suffix = name.rpartition("/")[2].rpartition(".")
    return bool(stem) and SUFFIX.fullmatch(dot + suffix) is not None


def _is_text(archive: Archive, member: Member) -> bool:
    head = archive.head(member, HEAD)
    return b"\0" not in head and find_foreign(head) is None and not starts_like_picture(head)


def _without_documents(texts: list[Member]) -> list[Member]:
    """The texts but for those in no class whose folder holds folders of texts."""
    if not texts:
        return []
    layout = FolderLayout([member.name.split("/") for member in texts])
    above: set[str] = set()
    for member in texts:
        folder = member.name.rpartition("/")[0]
        while folder and (folder := folder.rpartition("/")[0]) not in above:
            above.add(folder)
    return [
        member
        for member in texts
        if member.name.rpartition("/")[0] not in above or layout.label_of(member.name) is not None
    ]


class TextFolders(FolderSource):
    """A row for each text: its folder is its class. A batch holds no more than fits in memory."""

    format = "textfolder"

    def __init__(self, members: list[Member]) -> None:
        super().__init__(members)
        self._sizes = [member.size for member in members]

    def _groups(self) -> Iterator[list[str]]:
        start = size = 0
        for place, added in enumerate(self._sizes):
            if place > start and (place - start == BATCH_ROWS or size + added > BATCH_BYTES):
                yield self.files[start:place]
                start, size = place, 0
            size += added
        yield self.files[start:]

"""Finds the files of an archive that hold the labels of its pictures, and reads them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from service.core.errors import BadDataset
from service.ingest.archives.archive import Archive, Member
from service.ingest.columns.label_column import some
from service.ingest.folders.layout import FolderLayout
from service.ingest.folders.names import is_junk
from service.ingest.images.manifest import ENOUGH, SAMPLES
from service.ingest.images.member_index import MemberIndex
from service.ingest.listings.json_labels import read_json, read_label
from service.ingest.listings.label_rows import LONGEST, NotRead, Pair, check_labels
from service.ingest.listings.lines import read_lines
from service.ingest.texts.decoding import decode
from service.ingest.texts.folders import is_document

LISTS = (".txt", ".lst", ".list")
SIDECARS = (".cls", ".json", ".txt")
TRIED = 50  # files that may be lists
SHORT = 64 << 10  # bytes of the file beside one picture


class Labels(NamedTuple):
    """The labels in a file, or in files beside the pictures: then `name` is their pattern.

    `by_member` has them by the names that the pictures have in the archive.
    """

    name: str
    pairs: list[Pair]
    files: list[str]
    by_member: dict[str, str | None]


@dataclass
class Found:
    """The labels that were found, and why other files give none."""

    labels: list[Labels] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)


class LabelFiles:
    """Reads the labels of `images`. `tables` are files that are known to be something else."""

    def __init__(
        self,
        archive: Archive,
        images: Sequence[Member],
        tables: Sequence[str],
        layout: FolderLayout,
        workspace: Path,
    ) -> None:
        self.archive, self.images = archive, images
        self.layout, self.workspace = layout, workspace
        self.index = MemberIndex(images)
        known = {*tables, *(image.name for image in images)}
        self._names = [n for n in archive.members if n not in known and not is_junk(n)]
        self._stems = {_stem(image.name) for image in images}

    def find(self) -> Found:
        """JSON documents, else lists, else files beside the pictures."""
        found = Found()
        for read, suffixes in ((self._read_json, (".json",)), (self._read_lines, LISTS)):
            found.labels = self._read_all(suffixes, read, found.unread)
            if found.labels:
                return found
        for suffix in SIDECARS:
            beside = {_stem(n): n for n in self._names if n.lower().endswith(suffix)}
            files = [name for stem, name in beside.items() if stem in self._stems]
            if files and len(files) >= ENOUGH * len(self.images):
                name = f"{files[0].rpartition('/')[0]}/*{suffix}".lstrip("/")
                try:
                    pairs = self._read_beside(suffix, beside)
                    found.labels = [self._labels(name, pairs, files)]
                except NotRead as reason:
                    found.unread[name] = str(reason)
                else:
                    return found
        return found

    def overrule(self, found: Found) -> bool:
        """Whether the labels count more than folders that could be classes.

        They must label most of the images, and tell more than the folders do.
        """
        listed = {name for labels in found.labels for name in labels.by_member}
        enough = len(listed) >= ENOUGH * len(self.images)
        return enough and not all(map(self._renames_folders, found.labels))

    def tell_unread(self, found: Found) -> str:
        """Why files beside the images give no labels; empty if there are none."""
        told = [f"{name} gives no labels: {reason}." for name, reason in found.unread.items()]
        known = {*found.unread, *(name for labels in found.labels for name in labels.files)}
        others = [
            name
            for name in self._names
            if name not in known and not is_document(name) and _stem(name) not in self._stems
        ]
        if others:
            told.append(f"Not looked into: {some(others[:5])}.")
        return " ".join([*told[:3], *([f"({len(told) - 3} more files.)"] if told[3:] else [])])

    def _read_all(
        self,
        suffixes: tuple[str, ...],
        read: Callable[[Member], list[Pair]],
        unread: dict[str, str],
    ) -> list[Labels]:
        names = [n for n in self._names if n.lower().endswith(suffixes) and not is_document(n)]
        labels = []
        lists = sorted((n for n in names if _stem(n) not in self._stems), key=_nearest_first)
        for name in lists[:TRIED]:
            member = self.archive.members[name]
            try:
                if member.size > LONGEST:
                    raise NotRead(f"it has more than {LONGEST >> 20} MiB")
                labels.append(self._labels(name, check_labels(read(member)), [name]))
            except NotRead as reason:
                unread[name] = str(reason)
        return self._without_repeats(labels, unread)

    def _without_repeats(self, labels: list[Labels], unread: dict[str, str]) -> list[Labels]:
        """The lists but for those, as trainval.txt, whose pictures all stand in smaller ones.

        None if two lists label a picture differently, as those of Pascal VOC's classes do.
        """
        seen: dict[str, tuple[str | None, str]] = {}  # the label of a picture, and the list
        kept = []
        for part in sorted(labels, key=lambda part: len(part.pairs)):
            for member, label in part.by_member.items():
                other, name = seen.get(member, (label, part.name))
                if other != label:
                    differ = "labels the same images differently; keep one of them"
                    unread |= {part.name: f"{name} {differ}", name: f"{part.name} {differ}"}
                    return []
            if part.by_member.keys() <= seen.keys():
                unread[part.name] = "its images stand in other lists too"
            else:
                kept.append(part)
                seen |= {member: (label, part.name) for member, label in part.by_member.items()}
        return sorted(kept, key=lambda part: part.name)

    def _labels(self, name: str, pairs: list[Pair], files: list[str]) -> Labels:
        folder = name.rpartition("/")[0]
        found = ((self.index.find(pair.file, folder), pair.label) for pair in pairs)
        by_member = {member.name: label for member, label in found if member is not None}
        return Labels(name, pairs, files, by_member)

    def _renames_folders(self, labels: Labels) -> bool:
        """Whether the labels are but other names for the folders that the pictures lie in."""
        both = {(self.layout.label_of(name), label) for name, label in labels.by_member.items()}
        return len(both) == len({one for one, _ in both}) == len({other for _, other in both})

    def _read_json(self, member: Member) -> list[Pair]:
        pairs = read_json(self._text(member))
        folder = member.name.rpartition("/")[0]
        first = [pair.file for pair in pairs[:SAMPLES]]
        if sum(self.index.find(file, folder) is not None for file in first) < ENOUGH * len(first):
            raise NotRead("it names none of the images")
        return pairs

    def _read_lines(self, member: Member) -> list[Pair]:
        return read_lines(self._text(member), self.index, member.name.rpartition("/")[0])

    def _read_beside(self, suffix: str, beside: dict[str, str]) -> list[Pair]:
        pairs = []
        for image in self.images:
            name = beside.get(_stem(image.name))
            if name is not None:
                member = self.archive.members[name]
                if member.size > SHORT:
                    raise NotRead("they are too long for labels")
                text = self._text(member).strip()
                label = read_label(text) if suffix == ".json" else text or None
                split = self.layout.split_of(image.name) if self.layout.has_splits else None
                pairs.append(Pair(image.name, label, split))
        if any("\n" in (pair.label or "") for pair in pairs):
            raise NotRead("they have several lines")
        return check_labels(pairs)

    def _text(self, member: Member) -> str:
        data = self.archive.read(member)
        try:
            return decode(data, self.workspace).text
        except BadDataset as error:
            raise NotRead(f"it is no text ({error.detail.rstrip('.')})") from error


def _stem(name: str) -> str:
    folder, slash, last = name.rpartition("/")
    return folder + slash + (last.rpartition(".")[0] or last)


def _nearest_first(name: str) -> tuple[int, str]:
    return name.count("/"), name

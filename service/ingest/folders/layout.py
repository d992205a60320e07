"""Files in folders: which level of folders is the class, and which is a split of the data."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from service.ingest.archives.archive import Member
from service.ingest.folders.names import is_split_name, is_unlabeled_name
from service.ingest.source import BATCH_ROWS

GENERIC = ("images", "imgs", "img", "image", "pictures", "photos", "data", "files", "jpegimages")
NUMBER = re.compile(r"\d+")
FOLDERS = 3  # levels of folders that are shown as columns, for people who know better


@dataclass
class _Folder:
    """A folder with files somewhere below it."""

    files: int = 0
    folders: dict[str, "_Folder"] = field(default_factory=dict)

    def add(self, parts: Sequence[str]) -> None:
        if len(parts) == 1:
            self.files += 1
        else:
            self.folders.setdefault(parts[0], _Folder()).add(parts[1:])

    def descend(self, name: str = "") -> tuple[tuple[str, ...], "_Folder"]:
        """Past folders that hold one folder alone, as in seg_train/seg_train."""
        if self.files == 0 and len(self.folders) == 1:
            inner, folder = next(iter(self.folders.items()))
            if folder.folders or inner == name:
                path, end = folder.descend(inner)
                return (inner, *path), end
        return (), self


class FolderLayout:
    """Where in each picture's path its class and its split stand.

    `root` are the folders that all pictures share and that are no class.
    """

    def __init__(self, paths: list[list[str]]) -> None:
        self.notes: list[str] = []
        tree = _Folder()
        for path in paths:
            tree.add(path)
        self.root: tuple[str, ...] = ()
        while len(tree.folders) == 1 and next(iter(tree.folders.values())).folders:
            name, tree = next(iter(tree.folders.items()))
            self.root += (name,)
        self._ends = {name: folder.descend(name) for name, folder in tree.folders.items()}
        self._splits = self._find_splits()
        self.split_inside = not self._splits and self._inner_splits(tree)
        self._unlabeled = self._find_unlabeled()
        self._foreign = self._find_foreign()

    def _find_splits(self) -> bool:
        """Whether the first level holds splits of the data rather than classes."""
        names = list(self._ends)
        deep = {name: set(end.folders) for name, (_, end) in self._ends.items() if end.folders}
        if names and all(map(is_split_name, names)):
            return True
        if not deep or any(map(is_split_name, set.union(*deep.values()))):
            return False
        flat = [name for name in names if name not in deep]
        if all(map(is_split_name, deep)):
            self.notes.append(f"The folder {_some(flat)} was read as samples without labels.")
            return True
        shared = set.intersection(*deep.values())
        everything = set.union(*deep.values())
        alike = len(deep) > 1 and len(shared) > 1 and 2 * len(shared) >= len(everything)
        if shared and any(map(is_split_name, deep)):
            return True
        if not alike or _are_numbered(shared) or not all(map(is_unlabeled_name, flat)):
            return False
        self.notes.append(
            f"The folders {_some(names)} contain the same folders ({_some(sorted(shared))}), so "
            "they were read as splits, and the folders in them as classes. If they are the "
            "classes, choose the column folder_1 as the label."
        )
        return True

    def _inner_splits(self, tree: _Folder) -> bool:
        """Whether every class holds splits: cat/train, cat/test."""
        below = [set(folder.folders) for folder in tree.folders.values() if folder.folders]
        return bool(below) and all(map(is_split_name, set.union(*below)))

    def _find_unlabeled(self) -> set[str]:
        """First folders beside classes that hold test pictures without labels."""
        if self._splits or len(self._ends) < 3:
            return set()
        names = {name for name in self._ends if is_unlabeled_name(name)}
        if len(names) != 1 or len(self._ends) - len(names) < 2:
            return set()
        self.notes.append(
            f"The folder {_some(sorted(names))} was read as samples without labels. If it is a "
            "class, choose the column folder_1 as the label."
        )
        return names

    def _find_foreign(self) -> set[tuple[str, str]]:
        """Folders in splits that are no classes: val/images beside train/cat and train/dog."""
        if not self._splits:
            return set()
        sets = {name: set(end.folders) for name, (_, end) in self._ends.items()}
        foreign: set[tuple[str, str]] = set()
        for split, found in sets.items():
            classes: set[str] = set().union(
                *(s for n, s in sets.items() if n != split and len(s) > 1)
            )
            for name in found - classes if classes else ():
                if len(found) == 1 or name.lower() in GENERIC or is_unlabeled_name(name):
                    foreign.add((split, name))
        unlabeled = sorted(f"{s}/{name}" for s, name in foreign if is_unlabeled_name(name))
        if unlabeled:
            self.notes.append(f"The folder {_some(unlabeled)} was read as samples without labels.")
        return foreign

    @property
    def has_splits(self) -> bool:
        """Whether a level of folders was read as splits of the data."""
        return self._splits or self.split_inside

    @property
    def has_classes(self) -> bool:
        """Whether any folder is a class."""
        if self._splits:
            return any(end.folders for _, end in self._ends.values())
        return bool(self._ends)

    def label_of(self, file: str) -> str | None:
        """The folder that is the class, None for a picture in none."""
        parts = file.split("/")
        home = self._home(parts)
        depth = len(home)
        if tuple(parts[:depth]) != home or len(parts) <= depth + 1:
            return None
        name = parts[depth]
        if self._splits:
            return None if (parts[len(self.root)], name) in self._foreign else name
        return None if name in self._unlabeled else name

    def move(self, file: str, label: str) -> list[str]:
        """The path of the picture in the folder of another class, from where it is read as such."""
        parts = file.split("/")
        home = self._home(parts)
        if self.label_of(file) is None:
            return [*home, label, parts[-1]]
        return [*home, label, *parts[len(home) + 1 :]]

    def _home(self, parts: Sequence[str]) -> tuple[str, ...]:
        """The folders in which the class folders of a picture lie, or would lie."""
        if not self._splits:
            return self.root
        depth = len(self.root)
        inside = tuple(parts[:depth]) == self.root and len(parts) > depth + 1
        split = parts[depth] if inside else self._main_split()
        return (*self.root, split, *self._ends[split][0])

    def _main_split(self) -> str:
        """The split with the most classes."""
        return max(self._ends, key=lambda name: len(self._ends[name][1].folders))

    def split_of(self, file: str) -> str | None:
        """The folder that is the split."""
        parts = file.split("/")
        depth = len(self.root)
        if self._splits or (len(parts) > depth + 1 and parts[depth] in self._unlabeled):
            return parts[depth] if len(parts) > depth + 1 else None
        if self.split_inside:
            return parts[depth + 1] if len(parts) > depth + 2 else None
        return None


def _are_numbered(names: Iterable[str]) -> bool:
    """True for names that differ in their numbers alone, as no classes do: batch0, batch1."""
    return len({NUMBER.sub("", name) for name in names}) == 1


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")


class FolderSource:
    """A row for each file: its folder is its class."""

    format = "imagefolder"

    def __init__(self, members: list[Member]) -> None:
        self.unsupported: dict[str, str] = {}
        self.class_names: dict[str, list[str]] = {}
        self.progress = 0.0
        self.files = [member.name for member in members]
        paths = [name.split("/") for name in self.files]
        self.layout = FolderLayout(paths)
        self.notes = self.layout.notes
        self.common = _common_folders(paths)
        self.levels = min(FOLDERS, max(len(path) for path in paths) - 1 - self.common)
        self.columns: tuple[str, ...] = (
            *("sample_id", "file", "label"),
            *(("split",) if self.layout.has_splits else ()),
            *(f"folder_{level + 1}" for level in range(self.levels)),
        )

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """One row a file, in the order of the archive; no label for files in no folder."""
        wanted = self.columns if columns is None else columns
        done = 0
        for files in self._groups():
            done += len(files)
            self.progress = done / len(self.files)
            yield pa.RecordBatch.from_pydict(
                {name: pa.array(self._column(name, files), pa.string()) for name in wanted}
            )

    def _groups(self) -> Iterator[list[str]]:
        """The files of each batch."""
        for start in range(0, len(self.files), BATCH_ROWS):
            yield self.files[start : start + BATCH_ROWS]

    def _column(self, name: str, files: list[str]) -> list[str | None]:
        if name == "file":
            return list(files)
        if name == "label":
            return [self.layout.label_of(file) for file in files]
        if name == "split":
            return [self.layout.split_of(file) for file in files]
        inner = [file.split("/")[self.common :] for file in files]
        if name == "sample_id":
            return ["/".join(parts) for parts in inner]
        level = int(name.removeprefix("folder_")) - 1
        return [parts[level] if len(parts) > level + 1 else None for parts in inner]


def _common_folders(paths: list[list[str]]) -> int:
    """Leading folders that all share, as long as a folder is left below."""
    depth = 0
    while len({path[depth] for path in paths}) == 1 and all(len(p) >= depth + 3 for p in paths):
        depth += 1
    return depth

"""Finds the picture that a table means, however the table writes its name."""

from collections import defaultdict
from collections.abc import Iterable

from service.ingest.archives.archive import Member, fold


class MemberIndex:
    """Looks pictures up by path, by the end of a path, and by names without their extension."""

    def __init__(self, members: Iterable[Member]) -> None:
        self._by_name: dict[str, list[tuple[list[str], Member]]] = defaultdict(list)
        self._by_stem: dict[str, list[tuple[list[str], Member]]] = defaultdict(list)
        paths = [(fold(member.name).split("/"), member) for member in members]
        shared = _shared_folders([path for path, _ in paths])
        for path, member in paths:
            entry = (path[shared:], member)
            self._by_name[path[-1]].append(entry)
            self._by_stem[path[-1].rpartition(".")[0] or path[-1]].append(entry)

    def find(self, value: str | None, folder: str = "") -> Member | None:
        """The one picture that `value` means in a table in `folder`; None if none or several fit.

        The value may be absolute or relative, with slashes or backslashes, with or without an
        extension. Of two paths one must be the end of the other: `train/1.jpg` is never found as
        `test/1.jpg`. Of several that fit, those below the table's folder are preferred.
        """
        if not value:
            return None
        wanted = [p for p in fold(value).replace("\\", "/").split("/") if p not in ("", ".")]
        if not wanted:
            return None
        found = self._by_name.get(wanted[-1]) or self._by_stem.get(wanted[-1]) or []
        fitting = [(path, member) for path, member in found if _fits(path[:-1], wanted[:-1])]
        if len(fitting) > 1:
            depth = max(_depth(path[:-1], wanted[:-1]) for path, _ in fitting)
            fitting = [f for f in fitting if _depth(f[0][:-1], wanted[:-1]) == depth]
        if len(fitting) > 1 and folder:
            inside = fold(folder) + "/"
            fitting = [f for f in fitting if fold(f[1].name).startswith(inside)] or fitting
        if len(fitting) > 1:
            fitting = [f for f in fitting if len(f[0]) == len(wanted)] or fitting
        return fitting[0][1] if len(fitting) == 1 else None


def _shared_folders(paths: list[list[str]]) -> int:
    depth = 0
    while paths and all(len(p) > depth + 1 and p[depth] == paths[0][depth] for p in paths):
        depth += 1
    return depth


def _fits(folders: list[str], wanted: list[str]) -> bool:
    """Whether one list of folders is the end of the other."""
    return _depth(folders, wanted) == min(len(folders), len(wanted))


def _depth(folders: list[str], wanted: list[str]) -> int:
    """Folders that both have in common, from the end."""
    depth = 0
    while depth < min(len(folders), len(wanted)) and folders[-1 - depth] == wanted[-1 - depth]:
        depth += 1
    return depth

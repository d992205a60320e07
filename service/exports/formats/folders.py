"""Rewrites folders that are classes: each corrected image or text moves to that of its class."""

import tempfile
from pathlib import Path

from service.core.errors import BadInput
from service.exports.formats.containers import rewriting
from service.exports.formats.corrections import CorrectedLabels, Correction, RowEdits
from service.exports.formats.limits import PASSED
from service.exports.formats.output import Output
from service.exports.formats.patch import patch_lines
from service.ingest.archives.archive import fold, is_safe_name
from service.ingest.archives.opening import open_archive
from service.ingest.folders.layout import FolderLayout, FolderSource
from service.ingest.images.members import find_images
from service.ingest.origin import Origin
from service.ingest.texts.folders import TextFolders, find_texts

# A hidden name, so that a later ingest does not mistake it for a manifest.
CORRECTIONS_FILE = ".labelaudit/corrections.jsonl"


def rewrite_folders(
    upload: Path,
    samples: Path,
    labels: CorrectedLabels,
    origin: Origin,
    edits: RowEdits,
    output: Output,
) -> None:
    """Rewrite the archive, with the corrections listed in `.labelaudit/corrections.jsonl`."""
    archive = open_archive(upload, PASSED)
    source = (
        TextFolders(find_texts(archive))
        if origin.format == TextFolders.format
        else FolderSource(find_images(archive))
    )
    changes = {source.files[edits.row_of(place)]: labels[place] for place in labels}
    moved = _plan_moves(source.layout, list(archive.members), changes)
    with (
        tempfile.TemporaryDirectory(dir=output.target.parent, prefix=".export.") as folder,
        rewriting(archive, output.target) as written,
    ):
        for done, member in enumerate(written.entries()):
            name = member.name
            change = changes.get(name)
            if name != CORRECTIONS_FILE and not (change is not None and change.excluded):
                written.copy(member, moved.get(name, name))
            output.on_progress(done / len(archive.members))
        lines = Path(folder) / "corrections"
        with lines.open("wb") as stream:
            stream.writelines(patch_lines(samples, labels))
        written.add(CORRECTIONS_FILE, lines)


def _plan_moves(
    folders: FolderLayout, names: list[str], changes: dict[str, Correction]
) -> dict[str, str]:
    """The new names of files whose class changed. A name that is taken gets the old class as a
    prefix."""
    staying = {name for name in names if not _moves(folders, name, changes.get(name))}
    taken = {fold(name) for name in staying}
    moved = {}
    for name in names:
        change = changes.get(name)
        if name in staying or change is None or change.excluded:
            continue
        moved[name] = _free_name(folders, name, str(change.corrected_label), taken)
        taken.add(fold(moved[name]))
    return moved


def _moves(folders: FolderLayout, name: str, change: Correction | None) -> bool:
    if change is None:
        return False
    return change.excluded or change.corrected_label not in (None, folders.label_of(name))


def _free_name(folders: FolderLayout, name: str, label: str, taken: set[str]) -> str:
    path = folders.move(name, label)
    candidate = "/".join(path)
    old = folders.label_of(name) or ""
    if "/" in label or not is_safe_name(candidate):
        detail = f"The class {label!r} cannot name a folder. Export as csv or parquet instead."
        raise BadInput(detail, type="unsafe-class-name")
    number = 0
    while fold(candidate) in taken:
        mark = "-".join(filter(None, ["from", old, str(number or "")]))
        candidate = "/".join([*path[:-1], f"{mark}-{path[-1]}"])
        number += 1
    return candidate

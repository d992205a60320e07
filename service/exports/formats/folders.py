"""Rewrites ImageFolder: each corrected image moves to the folder of its class."""

import zipfile
from pathlib import Path

from service.core.errors import BadInput
from service.exports.formats.corrections import CorrectedLabels, Correction, read_rows
from service.exports.formats.output import Output
from service.exports.formats.patch import patch_lines
from service.exports.formats.tables import PASSED
from service.exports.formats.zips import copy_member, new_member
from service.ingest.archive import fold, is_safe_name, open_archive
from service.ingest.images import FolderSource, find_images

# A hidden name, so that a later ingest does not mistake it for a manifest.
CORRECTIONS_FILE = ".labelaudit/corrections.jsonl"


def rewrite_folders(upload: Path, samples: Path, labels: CorrectedLabels, output: Output) -> None:
    """Rewrite the archive, with the corrections listed in `.labelaudit/corrections.jsonl`."""
    archive = open_archive(upload, PASSED)
    folders = FolderSource(find_images(archive))
    changes = _by_file(samples, labels)
    moved = _plan_moves(folders, list(archive.members), changes)
    with zipfile.ZipFile(output.target, "w") as written:
        for done, (name, member) in enumerate(archive.members.items()):
            change = changes.get(name)
            if name != CORRECTIONS_FILE and not (change is not None and change.excluded):
                copy_member(archive, member, moved.get(name, name), written)
            output.on_progress(done / len(archive.members))
        with written.open(new_member(CORRECTIONS_FILE, zipfile.ZIP_DEFLATED), "w") as stream:
            for line in patch_lines(samples, labels):
                stream.write(line)


def _by_file(samples: Path, labels: CorrectedLabels) -> dict[str, Correction]:
    positions = sorted(labels)
    rows = read_rows(samples, positions, ["file"])
    return {row["file"]: labels[p] for p, row in zip(positions, rows, strict=True)}


def _plan_moves(
    folders: FolderSource, names: list[str], changes: dict[str, Correction]
) -> dict[str, str]:
    """The new names of images whose class changed. A name that is taken gets the old class as a
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


def _moves(folders: FolderSource, name: str, change: Correction | None) -> bool:
    if change is None:
        return False
    return change.excluded or change.corrected_label not in (None, folders.label_of(name))


def _free_name(folders: FolderSource, name: str, label: str, taken: set[str]) -> str:
    parts = name.split("/")
    above, below = parts[: folders.depth], parts[folders.depth :]
    old = below[0] if len(below) > 1 else ""
    inner = below[1:] if len(below) > 1 else below
    candidate = "/".join([*above, label, *inner])
    if "/" in label or not is_safe_name(candidate):
        detail = f"The class {label!r} cannot name a folder. Export as csv or parquet instead."
        raise BadInput(detail, type="unsafe-class-name")
    number = 0
    while fold(candidate) in taken:
        mark = "-".join(filter(None, ["from", old, str(number or "")]))
        candidate = "/".join([*above, label, *inner[:-1], f"{mark}-{inner[-1]}"])
        number += 1
    return candidate

"""Opens files in folders that are their classes."""

from collections.abc import Sequence
from dataclasses import replace

from service.ingest.archives.archive import Archive, Member
from service.ingest.columns.label_column import Profiles
from service.ingest.columns.roles import plan_roles
from service.ingest.faults import refuse
from service.ingest.folders.layout import FolderSource
from service.ingest.packs.pack import Opening, Pack
from service.ingest.report import ColumnRoles
from service.ingest.texts.folders import TextFolders

ROLES = ColumnRoles(sample_id="sample_id", label="label", file="file")


def open_texts(archive: Archive, texts: list[Member], opening: Opening) -> Pack:
    """Texts with a folder for each class."""
    source = TextFolders(texts)
    profiles = opening.profile(source)
    if not profiles[opening.roles.label or "label"].present:
        advice = "Put each text into a folder named after its class, or upload a table with the"
        why = why_no_classes(source, "texts")
        raise refuse("label-column-missing", f"{why} {advice} columns text and label.")
    pack = plan_folders(source, profiles, opening, archive)
    pack.plan.kind = "text"
    return pack


def plan_folders(
    source: FolderSource,
    profiles: Profiles,
    opening: Opening,
    archive: Archive,
    images: Sequence[Member] = (),
) -> Pack:
    """Files whose classes are their folders, or the level of folders that the caller chose."""
    roles = replace(ROLES, label=opening.roles.label or "label")
    plan = plan_roles(source, profiles, roles, media=True)
    for name in source.columns:
        if name.startswith("folder_") or name == "split":
            plan.ignored.pop(name, None)
    pack = Pack(source.format, source, plan, profiles, archive, list(images), "file")
    if source.layout.has_splits:
        pack.notes.append("The folders train, test etc. were read as one dataset.")
    return pack


def why_no_classes(source: FolderSource, what: str) -> str:
    """Why no folder is a class."""
    folders = sorted({file.rpartition("/")[0] for file in source.files} - {""})
    if not folders:
        return f"The {what} are in no folders."
    shown = ", ".join(folders[:5])
    return f"The folders of the {what} ({shown}) are splits of the data, not classes."

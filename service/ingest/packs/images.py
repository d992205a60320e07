"""Opens an archive of pictures: their classes come from tables or from folders."""

from dataclasses import replace

from service.core.errors import BadDataset
from service.ingest.archives.archive import Archive, Member
from service.ingest.columns.column_names import (
    CORRECTED,
    LABELS,
    find_name,
    looks_like_id,
    looks_like_label,
)
from service.ingest.columns.label_column import some
from service.ingest.columns.roles import plan_roles
from service.ingest.faults import refuse
from service.ingest.folders.layout import FolderSource
from service.ingest.folders.names import is_split_name
from service.ingest.images.manifest import MEMBER, ListedColumn, Manifest, find_file_column
from service.ingest.images.member_index import MemberIndex
from service.ingest.listings.label_rows import FILE, LabelRows
from service.ingest.listings.reading import Found, LabelFiles
from service.ingest.listings.told_names import tell_names
from service.ingest.packs.folders import plan_folders, why_no_classes
from service.ingest.packs.pack import Opening, Pack
from service.ingest.packs.tables import open_member
from service.ingest.recognised import refuse_boxes
from service.ingest.report import ColumnRoles
from service.ingest.source import RowSource
from service.ingest.tables.several import Part, Several, split_of

MANIFEST_STEMS = ("metadata", "samples", "manifest", "labels", "annotations", "train")
ADVICE = (
    "Put each image into a folder named after its class, or add a table with the columns file and "
    "label."
)


def open_images(
    archive: Archive, images: list[Member], tables: list[str], opening: Opening
) -> Pack:
    """Pictures with tables or other files that label them, or else with a folder for each class.

    A table that names none of the pictures is left aside with a note; one that names them but has
    no label is refused unless the folders are classes.
    """
    found = [_listing(archive, images, name, opening) for name in tables]
    listings = [listing for listing in found if listing is not None]
    labeled = [listing for listing in listings if listing.label is not None]
    unread = [n for n, listing in zip(tables, found, strict=True) if listing is None]
    if labeled:
        pack = _open_manifest(archive, images, labeled, opening)
    else:
        pack = _open_others(archive, images, listings, opening, unread)
    for listing in listings:
        if listing.name not in pack.tables:
            pack.notes.append(
                f"The table {listing.name} lists images, but was not used: it has no label column."
                if listing.label is None
                else f"The table {listing.name} lists images, but was not used: its columns differ."
            )
    if unread:
        pack.notes.append(f"Tables that name no image were not used: {', '.join(unread[:5])}.")
    return pack


class _Listing:
    """A table that names pictures."""

    def __init__(self, name: str, source: RowSource, file: ListedColumn, roles: ColumnRoles):
        self.name, self.source, self.file = name, source, file.name
        self.note: str | None = None
        self.chosen: str | None = roles.label if roles.label in source.columns else None
        self.label = self.chosen or self._find_label()

    def _find_label(self) -> str | None:
        others = [n for n in self.source.columns if n != self.file]
        named = find_name(others, (CORRECTED, *LABELS))
        if named is not None:
            return named
        lone = [n for n in others if not looks_like_id(n) and not looks_like_label(n)]
        if len(lone) == 1 and self._is_word(lone[0]):
            self.note = f"Read the column {lone[0]} of {self.name} as the label."
            self.chosen = lone[0]
        return self.chosen

    def _is_word(self, column: str) -> bool:
        """Whether the first values could be classes: they repeat, and are no fractions."""
        first = next(iter(self.source.batches([column])), None)
        if first is None or column in self.source.unsupported:
            return False
        values = [str(value) for value in first[0].to_pylist() if value is not None]
        few = 2 <= len(set(values)) <= len(values) / 2
        return few and not any("." in value for value in values)


def _listing(
    archive: Archive, images: list[Member], name: str, opening: Opening
) -> _Listing | None:
    try:
        source = open_member(archive, name, opening)
    except BadDataset:
        if len([n for n in archive.members if n == name]) and _is_named_manifest(name):
            raise
        return None
    folder = name.rpartition("/")[0]
    file = find_file_column(source, MemberIndex(images), folder, opening.roles.file)
    return None if file is None else _Listing(name, source, file, opening.roles)


def _is_named_manifest(name: str) -> bool:
    return name.rpartition("/")[2].split(".")[0].lower() in MANIFEST_STEMS


def _open_manifest(
    archive: Archive, images: list[Member], labeled: list[_Listing], opening: Opening
) -> Pack:
    chosen = _same_columns(labeled)
    first = chosen[0]
    source: RowSource = first.source
    if len(chosen) > 1:
        parts = [Part(c.name, c.source, split_of(c.name, is_split_name)) for c in chosen]
        several = Several(parts)
        manifest = Manifest(several, first.file, lambda: several.current.folder, images)
    else:
        folder = first.name.rpartition("/")[0]
        manifest = Manifest(source, first.file, lambda: folder, images)
    profiles = opening.profile(manifest)
    roles = replace(opening.roles, label=first.chosen, file=first.file)
    plan = plan_roles(manifest, profiles, roles, media=True)
    names = [c.name for c in chosen]
    pack = Pack("image-manifest", manifest, plan, profiles, archive, images, MEMBER, tables=names)
    if len(chosen) > 1 and plan.sample_id is None:
        pack.id_column = MEMBER  # the same name may stand in each table
    pack.notes += [c.note for c in chosen if c.note]
    if manifest.unlisted:
        pack.notes.append(
            f"{len(manifest.unlisted)} images are not in {', '.join(names)}; they have no label."
        )
    return pack


def _same_columns(labeled: list[_Listing]) -> list[_Listing]:
    """The first table and those with its columns for files and labels."""
    ordered = sorted(labeled, key=lambda listing: _manifest_order(listing.name))
    first = ordered[0]
    return [c for c in ordered if (c.file, c.label) == (first.file, first.label)]


def _manifest_order(name: str) -> tuple[int, int, str]:
    stem = name.rpartition("/")[2].split(".")[0].lower()
    place = MANIFEST_STEMS.index(stem) if stem in MANIFEST_STEMS else len(MANIFEST_STEMS)
    return place, name.count("/"), name


def _open_others(
    archive: Archive,
    images: list[Member],
    listings: list[_Listing],
    opening: Opening,
    tables: list[str],
) -> Pack:
    """Pictures whose labels stand in other files than tables, or are their folders."""
    source = FolderSource(images)
    classes = set(map(source.layout.label_of, source.files))
    refuse_boxes(archive, images, classes)
    known = [*tables, *(listing.name for listing in listings)]
    files = LabelFiles(archive, images, known, source.layout, opening.workspace)
    found = files.find()
    named = opening.roles.label
    chosen = named is not None and named.startswith("folder_")
    if found.labels and not chosen and (len(classes - {None}) < 2 or files.overrule(found)):
        return _open_labels(archive, images, found, opening)
    unread = files.tell_unread(found)
    pack = _open_folders(source, archive, images, listings, opening, tables, unread)
    pack.notes += [
        f"{labels.name} lists images, but was not used: the folders are the classes."
        for labels in found.labels
    ]
    return pack


def _open_labels(archive: Archive, images: list[Member], found: Found, opening: Opening) -> Pack:
    file = ListedColumn(FILE, 1.0)
    labeled = [_Listing(x.name, LabelRows(x.pairs), file, opening.roles) for x in found.labels]
    pack = _open_manifest(archive, images, labeled, opening)
    pack.tables = [name for labels in found.labels for name in labels.files]
    pack.notes.append(f"The labels were read from {some([x.name for x in found.labels])}.")
    return pack


def _open_folders(
    source: FolderSource,
    archive: Archive,
    images: list[Member],
    listings: list[_Listing],
    opening: Opening,
    tables: list[str],
    unread: str,
) -> Pack:
    """`unread` says why other files give no labels."""
    profiles = opening.profile(source)
    label = profiles[opening.roles.label or "label"]
    names = tell_names(source.files)
    if listings and len(profiles["label"].distinct) < 2:
        columns = ", ".join(n for n in listings[0].source.columns if n != listings[0].file)
        detail = f"{listings[0].name} lists the images, but none of its columns looks like a label"
        raise refuse(
            "label-column-missing",
            f"{detail}: {columns}. Name one `label`, or set it in the column roles.",
        )
    if not label.present:
        why = why_no_classes(source, "images")
        if tables:
            why += f" The table {tables[0]} names none of the images."
        raise refuse("label-column-missing", " ".join(filter(None, [why, unread, names or ADVICE])))
    if len(label.distinct) < 2 and (unread or names):
        why = f"All labeled images lie in one class folder, {label.examples[0]}."
        raise refuse("too-few-classes", " ".join(filter(None, [why, unread, names or ADVICE])))
    return plan_folders(source, profiles, opening, archive, images)

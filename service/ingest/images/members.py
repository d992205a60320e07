"""Which members of an archive are pictures, by their names and first bytes."""

from service.core.errors import UnsupportedMediaType
from service.ingest.archives.archive import Archive, Member
from service.ingest.columns.column_names import IMAGE_SUFFIXES
from service.ingest.folders.names import is_junk
from service.pictures.pixels import starts_like_picture

VIDEO_SUFFIXES = (".mp4", ".m4v", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv")
NO_VIDEOS = "Videos are not read. Save the frames that you want to label as JPEG or PNG."
# Pictures and videos that nothing here decodes: they are counted, never dropped without a word.
FOREIGN_SUFFIXES = (
    *(".jxl", ".psd", ".xcf", ".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".raf", ".rw2"),
    *(".exr", ".hdr", ".tga", ".ico", ".eps", ".nii", ".nii.gz", ".mha", ".nrrd", ".svs"),
    *VIDEO_SUFFIXES,
)
HEAD = 132  # bytes that tell a picture from other files
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".xlsx", ".txt", ".md", ".xml")
SHOWN = 20
SNIFFED = 2000  # files without a known suffix that are looked into


def find_images(archive: Archive) -> list[Member]:
    """Members that are pictures by their names or, without a known suffix, by their first bytes.

    Raises UnsupportedMediaType for SVG and HTML among them, and if there are videos alone.
    """
    visible = [m for n, m in archive.members.items() if not is_junk(n)]
    images = {m.name: m for m in visible if names_picture(m.name)}
    others = [m for m in visible if m.name not in images and not m.name.lower().endswith(TABLES)]
    sniffed = [m for m in others[:SNIFFED] if is_picture(archive, m)]
    if len(sniffed) == SNIFFED:  # a data set without any suffixes: all are looked into
        sniffed += [m for m in others[SNIFFED:] if is_picture(archive, m)]
    images |= {m.name: m for m in sniffed}
    for member in visible:
        if images and member.name.lower().endswith((".svg", ".html", ".htm")):
            detail = f"{member.name} is a document, not an image. Convert it to PNG or remove it."
            raise UnsupportedMediaType(detail, errors=[{"detail": detail, "file": member.name}])
    found = [member for member in visible if member.name in images]
    videos = [member.name for member in found if is_video(member.name)]
    if videos and len(videos) == len(found):
        raise UnsupportedMediaType(
            f"{_counted(videos)} and no image. {NO_VIDEOS}",
            errors=[{"detail": NO_VIDEOS, "file": name} for name in videos[:SHOWN]],
        )
    return found


def names_picture(name: str) -> bool:
    """True if the name ends as pictures do, whether they can be read or not."""
    return name.lower().endswith(IMAGE_SUFFIXES + FOREIGN_SUFFIXES)


def is_video(name: str) -> bool:
    """True if the name ends as videos do."""
    return name.lower().endswith(VIDEO_SUFFIXES)


def _counted(videos: list[str]) -> str:
    if len(videos) == 1:
        return f"The archive has a video, {videos[0]},"
    return f"The archive has {len(videos)} videos, such as {videos[0]},"


def is_picture(archive: Archive, member: Member) -> bool:
    """True if the member's first bytes are those of a picture."""
    return starts_like_picture(archive.head(member, HEAD))

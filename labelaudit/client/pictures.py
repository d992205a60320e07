"""Tells pictures from other files, by name or, without a known suffix, by their first bytes."""

from pathlib import Path

SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"),
        *(".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".heic", ".heif", ".jp2", ".j2k", ".dcm"),
        *(".dicom", ".jxl", ".psd", ".cr2", ".nef", ".arw", ".dng", ".tga", ".exr"),
    }
)
STARTS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\x00", b"MM\x00*")
BOXES = (b"ftypavif", b"ftypheic", b"ftypheix", b"ftypmif1", b"jP  \r\n\x87\n")


def is_picture(path: Path) -> bool:
    """True for a picture. The service says which pictures it cannot read, so all are sent."""
    if path.suffix.lower() in SUFFIXES:
        return True
    with path.open("rb") as file:
        head = file.read(132)
    webp = head.startswith(b"RIFF") and head[8:12] == b"WEBP"
    dicom = head[128:] == b"DICM"
    return head.startswith(STARTS) or head[4:12] in BOXES or webp or dicom

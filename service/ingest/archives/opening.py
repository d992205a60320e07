"""Opens an archive of any kind that is read."""

from pathlib import Path

from service.ingest.archives.archive import Archive
from service.ingest.archives.tars import BLOCK, is_tar, open_tar
from service.ingest.archives.zips import open_zip
from service.ingest.report import Limits


def open_archive(path: Path, limits: Limits) -> Archive:
    """Check every entry of a zip or a tar. Raises BadDataset (`archive-*`, `duplicate-path`)."""
    with path.open("rb") as file:
        head = file.read(BLOCK)
    return open_tar(path, limits) if is_tar(head) else open_zip(path, limits)

"""Where the process that reads an untrusted file reads and writes.

If it runs as another user, it may not enter our folders: it gets a folder of its own, and the
upload as an open file. What it wrote is then moved to where it belongs.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from service.core import sandbox
from service.storage.atomic import sync

READABLE_BY_GROUP = 0o040
HERE = "/proc/self/cwd"  # an absolute path that passes through no folder of ours


@dataclass(frozen=True)
class Place:
    """What the process is told; `files` are the descriptors that it inherits."""

    user: str
    folder: Path
    upload: str
    destination: str
    files: tuple[int, ...] = ()


@contextmanager
def reading_place(upload: Path, destination: Path) -> Iterator[Place]:
    """If the block succeeds, what was written is in `destination`."""
    if not sandbox.can_change_user():
        yield Place("own", Path("/"), str(upload.absolute()), str(destination.absolute()))
        return
    created = not destination.exists()
    destination.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".ingest.", dir=destination))
    try:
        os.chown(folder, sandbox.READER_ID, sandbox.READER_ID)
        with upload.open("rb") as file, _readable(upload):
            number = file.fileno()
            yield Place("other", folder, f"/proc/self/fd/{number}", HERE, (number,))
        _take(folder, destination)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if created:
            with suppress(OSError):
                destination.rmdir()
        raise
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _readable(upload: Path) -> Iterator[None]:
    """The reader's group may read the file; its folders still admit nobody else."""
    before = upload.stat()
    os.chown(upload, -1, sandbox.READER_ID)
    upload.chmod(before.st_mode | READABLE_BY_GROUP)
    try:
        yield
    finally:
        os.chown(upload, -1, before.st_gid)
        upload.chmod(before.st_mode)


def _take(folder: Path, destination: Path) -> None:
    """Make the files ours. Anything else, such as a link, was put there by the upload."""
    os.chown(folder, os.getuid(), os.getgid())  # from now on the reader can change nothing in it
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not path.is_file():
            raise RuntimeError(f"The reader left {path.name!r}, which is no file.")
        os.chown(path, os.getuid(), os.getgid(), follow_symlinks=False)
        path.replace(destination / path.name)
    sync(destination)

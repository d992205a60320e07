"""Files and folders that appear under their name complete and durable, or not at all.

They are written beside their final path. `publish` then flushes their content to disk before the
rename, and the folder after it: a power cut leaves either the old state or the new one.
"""

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


@contextmanager
def replacing(target: Path) -> Generator[Path]:
    """A temporary path beside `target` for a file or a folder to write.

    It is published as `target` when the block ends without an error, and otherwise removed.
    """
    make_folder(target.parent)
    temporary = target.with_name(f".{target.name}.{uuid4().hex}.part")
    try:
        yield temporary
        publish(temporary, target)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def publish(finished: Path, target: Path, *, replace: bool = True) -> None:
    """Rename a finished file or folder to `target`, on the same file system, and make it durable.

    With `replace`, an existing folder is replaced: if two processes publish the same one, the later
    wins. Without it, a folder that is not empty raises OSError.
    """
    _sync_all(finished)
    while True:
        try:
            os.replace(finished, target)  # noqa: PTH105
            break
        except OSError:
            if not (replace and finished.is_dir() and target.is_dir()):
                raise
            shutil.rmtree(target, ignore_errors=True)
    sync(target.parent)


def make_folder(folder: Path) -> None:
    """Create a folder and its parents, durably."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for created in reversed(missing):
        sync(created.parent)


def sync(path: Path) -> None:
    """Flush a file's content, or a folder's entries, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_all(path: Path) -> None:
    if path.is_dir():
        for inside in path.iterdir():
            _sync_all(inside)
    sync(path)

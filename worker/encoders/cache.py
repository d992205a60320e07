"""Encodings by content: the same samples of the same upload are encoded once."""

import hashlib
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.options.encoders import get_encoder

# Bump when `encode_pixels` would give other pixels for the same images.
PIXELS_VERSION = 2


def cache_key(
    kind: str,
    *,
    upload_sha256: str,
    encoder: str | None,
    fine_tuned: bool = False,
    positions: NDArray[np.integer] | None,
) -> str:
    """The storage key of an encoding: `encodings/<sha256 of everything that decides it>.npy`.

    Two keys differ if the uploads, the encoders or their versions, or the positions differ. A model
    in a local folder counts by its files' names, sizes and times of change.
    """
    parts = {
        "upload": upload_sha256,
        "kind": kind,
        "encoder": encoder,
        "version": PIXELS_VERSION if encoder is None else get_encoder(kind, encoder).version,
        "fine_tuned": fine_tuned,
        "folder": _folder_state(encoder),
        "positions": None if positions is None else _digest(positions),
    }
    text = json.dumps(parts, sort_keys=True)
    return f"encodings/{hashlib.sha256(text.encode()).hexdigest()}.npy"


def _digest(positions: NDArray[np.integer]) -> str:
    return hashlib.sha256(np.ascontiguousarray(positions, dtype="<i8").tobytes()).hexdigest()


def _folder_state(encoder: str | None) -> list[tuple[str, int, int]]:
    name = (encoder or "").partition(":")[2]
    folder = Path(name)
    if not name or not folder.is_dir():
        return []
    return sorted(
        (str(path.relative_to(folder)), path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    )

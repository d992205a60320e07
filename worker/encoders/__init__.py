"""Samples -> arrays that a network can train on, streamed to disk.

`service.options.encoders` lists the names; each has one function here. All of them read a row group
at a time and write batch by batch, so memory does not grow with the dataset.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from service.core.errors import BadDataset
from service.options.encoders import check_encoder
from worker.encoders.cache import cache_key
from worker.encoders.encoding import Encoding, writing_array
from worker.encoders.samples import Samples

__all__ = ["FAMILIES", "NAMES", "EncodedInputs", "cache_key", "encode"]

BATCH_SIZES = {"image": {"cpu": 64, "cuda": 512}, "text": {"cpu": 32, "cuda": 256}}
NAMES = frozenset({"efficientnet-lite0", "all-minilm-l6-v2", "tabular", "identity"})
FAMILIES = frozenset({"timm:", "sentence-transformers:"})


@dataclass(frozen=True)
class EncodedInputs:
    """An encoding on disk: (N, D) vectors, or (N, C, H, W) uint8 pixels when `encoder` is None."""

    path: Path
    encoder: str | None
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    reused: bool

    def load(self) -> NDArray[np.generic]:
        """The array, mapped from disk and read-only."""
        array: NDArray[np.generic] = np.load(self.path, mmap_mode="r")
        return array


def encode(
    kind: str,
    samples: Path,
    upload: Path,
    *,
    encoder: str | None,
    fine_tuned: bool = False,
    destination: Path,
    positions: NDArray[np.integer] | None = None,
    device: str = "cpu",
    batch_size: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> EncodedInputs:
    """Encode the samples at `positions` (all if None) to `destination`, row i for position i.

    `samples` is the dataset's samples.parquet and `upload` the file it came from; `encoder` a name
    of `service.options.encoders`, or None for pixels to train on end to end; with `fine_tuned` the
    encoder is to be fine-tuned, and what it reads is written: (N, 3, S, S) uint8 pixels, (N, L)
    int32 tokens. A destination that exists is complete and is used again.
    `on_progress(done, total)` is called after each batch and may raise to stop; then nothing is
    left behind.

    Raises
    ------
    BadInput
        The encoder is unknown, not for this kind, or cannot be loaded.
    BadDataset
        A sample cannot be read or encoded; `errors` names it.
    """
    check_encoder(kind, encoder)
    if destination.exists():
        return _described(destination, encoder, reused=True)
    chosen = Samples.open(samples, upload, positions)
    target = torch.device(device)
    if batch_size is None:
        batch_size = BATCH_SIZES.get(kind, {}).get(target.type, 64)
    if fine_tuned:
        encoding = stored(kind, chosen, encoder or "", batch_size)
    else:
        encoding = start(chosen, encoder, target, batch_size)
    done = 0
    with writing_array(destination, (len(chosen), *encoding.shape), encoding.dtype) as array:
        for rows, values in encoding.batches:
            if not np.isfinite(values).all():
                raise _not_finite(chosen, rows, values)
            array[rows] = values
            done += len(rows)
            if on_progress is not None:
                on_progress(done, len(chosen))
    return _described(destination, encoder, reused=False)


def start(samples: Samples, encoder: str | None, device: torch.device, batch_size: int) -> Encoding:
    """Begin to encode samples; nothing is computed before the first batch is asked for."""
    # Imported one by one: an audit of a table should not wait for transformers to load.
    family, colon, name = (encoder or "").partition(":")
    match family + colon:
        case "":
            from worker.encoders.images import encode_pixels

            return encode_pixels(samples, batch_size=batch_size)
        case "efficientnet-lite0":
            from worker.encoders.images import encode_efficientnet

            return encode_efficientnet(samples, device=device, batch_size=batch_size)
        case "timm:":
            from worker.encoders.images import encode_timm

            return encode_timm(samples, name=name, device=device, batch_size=batch_size)
        case "all-minilm-l6-v2":
            from worker.encoders.texts import encode_minilm

            return encode_minilm(samples, device=device, batch_size=batch_size)
        case "sentence-transformers:":
            from worker.encoders.texts import encode_sentence_transformers

            return encode_sentence_transformers(
                samples, name=name, device=device, batch_size=batch_size
            )
        case "tabular":
            from worker.encoders.tables import encode_table

            return encode_table(samples)
        case "identity":
            from worker.encoders.vectors import encode_vectors

            return encode_vectors(samples)
    raise NotImplementedError(f"{encoder} is listed but not implemented")


def stored(
    kind: str, samples: Samples, encoder: str, batch_size: int, *, edge: int | None = None
) -> Encoding:
    """What a network that fine-tunes the encoder reads."""
    if kind == "image":
        from worker.encoders.images import stored_images

        return stored_images(samples, encoder, batch_size=batch_size, edge=edge)
    from worker.encoders.texts import stored_texts

    return stored_texts(samples, encoder)


def _described(path: Path, encoder: str | None, *, reused: bool) -> EncodedInputs:
    array = np.load(path, mmap_mode="r")
    return EncodedInputs(path, encoder, array.shape, array.dtype, reused)


def _not_finite(
    samples: Samples, rows: NDArray[np.int64], values: NDArray[np.generic]
) -> BadDataset:
    finite = np.isfinite(values).reshape(len(rows), -1).all(axis=1)
    row = int(samples.positions[rows[int(finite.argmin())]]) + 1
    return BadDataset(
        f"The encoder gave NaN or infinity for the sample in data row {row}.",
        errors=[{"row": row, "detail": "its encoding is not finite"}],
    )

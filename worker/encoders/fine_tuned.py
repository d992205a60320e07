"""Trained encoders as modules that can be fine-tuned: stored samples in, features out."""

from typing import Any

import torch
from torch import Tensor, nn

from worker.encoders import hub, images, texts
from worker.encoders.backbone import Backbone

PADDING = texts.PADDING


class FineTunedBackbone(nn.Module):
    """An encoder to train further. Normalisation statistics and dropout stay as in evaluation."""

    features: int

    def prepare(self, inputs: Tensor) -> Tensor:
        """Leave out what no sample of the batch needs."""
        return inputs

    def frozen(self) -> list[nn.Parameter]:
        """What is not trained, and shared by replicas."""
        return [parameter for parameter in self.parameters() if not parameter.requires_grad]


class FineTunedImageBackbone(FineTunedBackbone):
    """(B, 3, H, W) uint8 -> (B, F)."""

    mean: Tensor
    scale: Tensor

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.network, self.features = backbone.network.requires_grad_(True), backbone.features
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        for name in ("mean", "scale"):
            values = torch.tensor(getattr(backbone, name)).view(1, 3, 1, 1)
            self.register_buffer(name, values, persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        pixels = (inputs.float() - self.mean) / self.scale
        features: Tensor = self.network(pixels.contiguous(memory_format=torch.channels_last))
        return features


class FineTunedTextBackbone(FineTunedBackbone):
    """(B, L) token numbers, `PADDING` behind each text -> (B, F). The embeddings of tokens stay as
    they are: half of the weights, and the half that few texts can only spoil."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.network, self.features = model, int(model.get_embedding_dimension())
        for module in model.modules():
            if isinstance(module, nn.Embedding):
                module.requires_grad_(False)

    def prepare(self, inputs: Tensor) -> Tensor:
        longest = int((inputs != PADDING).sum(1).max())
        return inputs[:, : max(1, longest)]

    def forward(self, inputs: Tensor) -> Tensor:
        seen = inputs != PADDING
        tokens = {"input_ids": inputs.clamp_min(0).long(), "attention_mask": seen.long()}
        features: Tensor = self.network(tokens)["sentence_embedding"]
        return features


def load_backbone(encoder: str) -> FineTunedBackbone:
    """A fresh copy of the encoder. Raises BadInput if it cannot be had."""
    family, _, name = encoder.partition(":")
    match family:
        case "efficientnet-lite0":
            backbone: FineTunedBackbone = FineTunedImageBackbone(images.efficientnet_backbone(0))
        case "timm":
            backbone = FineTunedImageBackbone(hub.load_timm(name))
        case _:
            backbone = FineTunedTextBackbone(
                texts.load(encoder, torch.device("cpu"), torch.float32)
            )
    return backbone.eval()

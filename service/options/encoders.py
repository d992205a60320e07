"""What can turn a sample into a vector: a list that the API and the CLI show, and check names by.

Nothing here computes; the worker has one implementation for each entry (`worker.encoders`).
"""

import re
from dataclasses import dataclass

from labelaudit.enums import DatasetKind
from service.core.errors import BadInput


@dataclass(frozen=True)
class EncoderInfo:
    """One encoder. A `name` ending in ":" is a family: what follows the colon is a model.

    `version` changes whenever the same input would be encoded differently, so that no encoding made
    by an older version is ever reused. `licence` is that of the weights.
    """

    name: str
    kind: DatasetKind
    description: str
    licence: str
    version: int
    needs_network: bool = False
    extra: str | None = None

    @property
    def is_family(self) -> bool:
        return self.name.endswith(":")

    def matches(self, name: str) -> bool:
        if self.is_family:
            return name.startswith(self.name) and len(name) > len(self.name)
        return name == self.name


ENCODERS: tuple[EncoderInfo, ...] = (
    EncoderInfo(
        name="efficientnet-lite0",
        kind=DatasetKind.image,
        description="EfficientNet-Lite0 trained on ImageNet; 1,280 numbers an image, fast on a CPU",
        licence="Apache-2.0",
        version=1,
    ),
    EncoderInfo(
        name="timm:",
        kind=DatasetKind.image,
        description="any model of the timm hub, or of the operator's models directory: timm:<name>",
        licence="the model's own",
        version=1,
        needs_network=True,
        extra="timm",
    ),
    EncoderInfo(
        name="all-minilm-l6-v2",
        kind=DatasetKind.text,
        description="all-MiniLM-L6-v2 sentence embeddings; 384 numbers a text, English, 256 tokens",
        licence="Apache-2.0",
        version=1,
    ),
    EncoderInfo(
        name="sentence-transformers:",
        kind=DatasetKind.text,
        description="any sentence-transformers model of the hub, or of the operator's models "
        "directory: sentence-transformers:<name>",
        licence="the model's own",
        version=1,
        needs_network=True,
    ),
    EncoderInfo(
        name="tabular",
        kind=DatasetKind.table,
        description="numbers scaled and clipped softly, categories one-hot, rare ones pooled",
        licence="Apache-2.0",
        version=1,
    ),
    EncoderInfo(
        name="identity",
        kind=DatasetKind.vector,
        description="the uploaded embedding as it is",
        licence="Apache-2.0",
        version=1,
    ),
)

DEFAULTS: dict[str, str] = {
    DatasetKind.image: "efficientnet-lite0",
    DatasetKind.text: "all-minilm-l6-v2",
    DatasetKind.table: "tabular",
    DatasetKind.vector: "identity",
}

END_TO_END_KINDS = frozenset({DatasetKind.image})
FINE_TUNED_KINDS = frozenset({DatasetKind.image, DatasetKind.text})
MODEL_NAME = re.compile(r"(hf-hub:)?[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


def find_encoder(name: str) -> EncoderInfo | None:
    return next((encoder for encoder in ENCODERS if encoder.matches(name)), None)


def get_encoder(kind: str, name: str) -> EncoderInfo:
    """The encoder of this name, if it is one for this kind of sample; BadInput otherwise."""
    encoder = find_encoder(name)
    if encoder is None or encoder.kind != kind:
        wrong = "There is no encoder" if encoder is None else f"Samples of kind {kind!r} cannot use"
        raise BadInput(f"{wrong} {name!r}. {_choices(kind)}", type="unknown-encoder")
    return encoder


def check_encoder(kind: str, name: str | None) -> None:
    """Refuse a choice that cannot work; `None` means that the network is trained end to end."""
    if name is not None:
        get_encoder(kind, name)
    elif kind not in END_TO_END_KINDS:
        raise BadInput(
            f"Samples of kind {kind!r} need an encoder: only images can be trained end to end. "
            f"{_choices(kind)}",
            type="unknown-encoder",
        )


def check_fine_tunable(kind: str, name: str | None) -> None:
    """Refuse what cannot be fine-tuned."""
    if kind not in FINE_TUNED_KINDS:
        raise BadInput(
            f"The network `fine_tuned` trains the encoder of images or texts; samples of kind "
            f"{kind!r} have none that learns. Leave `network` out, or name linear or mlp.",
            type="not-fine-tunable",
            errors=[{"pointer": "/network", "detail": "images and texts only"}],
        )
    if name is None:
        raise BadInput(
            "The network `fine_tuned` needs an encoder, and `encoder` is null. Leave `encoder` out "
            "or name one; or leave `network` out to train a small network on the pixels.",
            type="not-fine-tunable",
            errors=[{"pointer": "/encoder", "detail": "null leaves nothing to fine-tune"}],
        )


def check_model_name(name: str) -> None:
    """Refuse paths: only the operator says which folders of a worker hold models."""
    if not MODEL_NAME.fullmatch(name):
        raise BadInput(
            f"{name!r} is not the name of a model. Names are those of the hub, such as "
            "`resnet18.a1_in1k` or `owner/model`, or those of folders that the operator keeps in "
            "LABELAUDIT_MODELS_DIR; paths are not read.",
            type="unknown-encoder",
            errors=[{"pointer": "/encoder", "detail": "a name, not a path"}],
        )


def _choices(kind: str) -> str:
    names = [
        encoder.name + ("<name>" if encoder.is_family else "")
        for encoder in ENCODERS
        if encoder.kind == kind
    ]
    return f"Choose one of: {', '.join(names)}." if names else f"Kind {kind!r} takes no encoder."

"""What can turn a sample into a vector: a list that the API and the CLI show, and check names by.

Nothing here computes; the worker has one implementation for each entry (`worker.encoders`).
"""

from dataclasses import dataclass
from typing import Literal

from service.errors import BadInput

Kind = Literal["image", "text", "table", "vector"]


@dataclass(frozen=True)
class EncoderInfo:
    """One encoder. A `name` ending in ":" is a family: what follows the colon is a model or folder.

    `version` changes whenever the same input would be encoded differently, so that no encoding made
    by an older version is ever reused. `licence` is that of the weights.
    """

    name: str
    kind: Kind
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
        kind="image",
        description="EfficientNet-Lite0 trained on ImageNet; 1,280 numbers an image, fast on a CPU",
        licence="Apache-2.0",
        version=1,
    ),
    EncoderInfo(
        name="timm:",
        kind="image",
        description="any model of the timm hub, or a local folder of one: timm:<name or folder>",
        licence="the model's own",
        version=1,
        needs_network=True,
        extra="timm",
    ),
    EncoderInfo(
        name="all-minilm-l6-v2",
        kind="text",
        description="all-MiniLM-L6-v2 sentence embeddings; 384 numbers a text, English, 256 tokens",
        licence="Apache-2.0",
        version=1,
    ),
    EncoderInfo(
        name="sentence-transformers:",
        kind="text",
        description="any sentence-transformers model: sentence-transformers:<hub name or folder>",
        licence="the model's own",
        version=1,
        needs_network=True,
    ),
    EncoderInfo(
        name="tabular",
        kind="table",
        description="numbers scaled and clipped softly, categories one-hot, rare ones pooled",
        licence="Apache-2.0",
        version=1,
    ),
    EncoderInfo(
        name="identity",
        kind="vector",
        description="the uploaded embedding as it is",
        licence="Apache-2.0",
        version=1,
    ),
)

DEFAULTS: dict[str, str] = {
    "image": "efficientnet-lite0",
    "text": "all-minilm-l6-v2",
    "table": "tabular",
    "vector": "identity",
}

END_TO_END_KINDS = frozenset({"image"})


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


def _choices(kind: str) -> str:
    names = [
        encoder.name + ("<name or folder>" if encoder.is_family else "")
        for encoder in ENCODERS
        if encoder.kind == kind
    ]
    return f"Choose one of: {', '.join(names)}." if names else f"Kind {kind!r} takes no encoder."

"""Networks from a hub or a local folder; what they need is imported only here."""

from pathlib import Path

import numpy as np

from service.core.errors import BadInput
from service.options.encoders import check_model_name
from worker.encoders.backbone import Backbone


def located(encoder: str | None, models_dir: Path | None) -> str | None:
    """The encoder with the folder that its name means, where the operator keeps one of that name.

    Raises
    ------
    BadInput
        The name is a path: what lies on a worker is the operator's to offer.
    """
    family, colon, name = (encoder or "").partition(":")
    if not colon:
        return encoder
    check_model_name(name)
    if models_dir is not None and (folder := models_dir.resolve() / name).is_dir():
        return f"{family}:{folder}"
    if Path(name).exists():  # libraries would take a folder of the working directory for the model
        raise BadInput(
            f"{name!r} is not among this worker's models. Name a model of the hub, or one that the "
            "operator keeps in LABELAUDIT_MODELS_DIR.",
            type="encoder-unavailable",
        )
    return encoder


def load_timm(name: str) -> Backbone:
    """A timm model without its head, by hub name or local folder; BadInput if it cannot be had."""
    try:
        import timm
    except ImportError as error:
        raise BadInput(
            f"The encoder 'timm:{name}' needs timm, which is not installed on this worker: "
            "pip install 'labelaudit[timm]'.",
            type="encoder-unavailable",
        ) from error
    except Exception as error:  # a torchvision built for another torch fails in its own ways
        raise unavailable(f"timm:{name}", error) from error
    source = f"local-dir:{name}" if Path(name).is_dir() else name
    try:
        model = timm.create_model(source, pretrained=True, num_classes=0).eval()
    except Exception as error:  # timm and the hub raise nearly anything
        raise unavailable(f"timm:{name}", error) from error
    model.requires_grad_(False)
    settings = timm.data.resolve_model_data_config(model)
    return Backbone(
        model,
        edge=int(settings["input_size"][-1]),
        mean=tuple(255.0 * value for value in settings["mean"]),
        scale=tuple(255.0 * value for value in settings["std"]),
        features=int(model.num_features),
        dtype=np.float32,
    )


def unavailable(name: str, error: Exception) -> BadInput:
    reason = str(error).strip().splitlines() or [type(error).__name__]
    return BadInput(
        f"The encoder {name!r} cannot be loaded: {reason[0].rstrip('.')}. Name a folder of "
        "LABELAUDIT_MODELS_DIR, or a hub model where workers may reach the hub.",
        type="encoder-unavailable",
    )

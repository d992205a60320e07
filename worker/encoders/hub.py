"""Networks from a hub or a local folder; what they need is imported only here."""

from pathlib import Path

import numpy as np

from service.errors import BadInput
from worker.encoders.images import Backbone


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
        f"The encoder {name!r} cannot be loaded: {reason[0].rstrip('.')}. Name a folder on the "
        "worker, or a hub model where workers may reach the hub.",
        type="encoder-unavailable",
    )

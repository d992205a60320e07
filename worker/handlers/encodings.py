"""An audit's encoding: found in the cache, or made."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from service.datasets import encodings
from service.datasets import records as datasets
from service.db.tables import Audit, Dataset
from worker.encoders import EncodedInputs, cache_key, encode
from worker.encoders.hub import located
from worker.handlers.audit_inputs import training_config
from worker.runtime.context import Worker


def located_encoder(worker: Worker, audit: Audit) -> str | None:
    return located(audit.config["encoder"], worker.settings.models_dir)


def ensure_encoding(
    worker: Worker,
    audit: Audit,
    dataset: Dataset,
    positions: NDArray[np.int64],
    on_progress: Callable[[float], None],
) -> tuple[str, EncodedInputs]:
    """The key and the encoding of the samples at these positions."""
    encoder = located_encoder(worker, audit)
    fine_tuned = training_config(audit).network == "fine_tuned"
    key = cache_key(
        str(dataset.kind),
        upload_sha256=dataset.sha256,
        encoder=encoder,
        fine_tuned=fine_tuned,
        positions=positions,
    )
    inputs = encode(
        str(dataset.kind),
        worker.storage.path(datasets.samples_key(dataset.id)),
        datasets.media_path(worker.storage, dataset.id),
        encoder=encoder,
        fine_tuned=fine_tuned,
        destination=worker.storage.path(key),
        positions=positions,
        device=worker.device,
        on_progress=lambda done, total: on_progress(done / max(1, total)),
    )
    encodings.touch(worker.storage, key)
    return key, inputs

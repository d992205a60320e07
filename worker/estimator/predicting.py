"""What a handed-out model says of new samples, in this process."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from service.inference import head
from service.inference.table import transform
from worker.estimator.engine import Model
from worker.estimator.inputs import SAMPLE_ID, TEXT, Kind, rows_of


def probabilities_of(model: Model, kind: Kind, samples: Any) -> NDArray[np.float64]:
    """(N, C) calibrated probabilities of vectors (N, D), texts or a data frame."""
    match kind:
        case "vectors":
            vectors = np.asarray(samples, np.float32)
        case "table":
            assert model.description.table is not None
            vectors = transform(model.description.table, rows_of(samples))
        case _:
            vectors = _encoded(model, samples)
    logits = head.head_logits(model.weights, vectors)
    return head.softmax(logits, model.description.temperature)


def _encoded(model: Model, texts: list[str]) -> NDArray[np.float32]:
    """(N, D) of texts, by the encoder that the model was trained with."""
    from worker.classifier.encoding import encode_like

    with tempfile.TemporaryDirectory(prefix="labelaudit-") as scratch:
        path = Path(scratch, "samples.parquet")
        ids = [str(row) for row in range(len(texts))]
        pq.write_table(pa.table({SAMPLE_ID: ids, TEXT: pa.array(texts, pa.string())}), path)
        return encode_like(model.description, path, path, device="cpu")

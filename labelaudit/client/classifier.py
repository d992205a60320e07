"""The classifier that an audit trains on the cleaned labels: wait for it, download it, predict."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from labelaudit.client.download import download
from labelaudit.client.errors import JobFailedError
from labelaudit.client.paths import audit_path
from labelaudit.client.polling import poll
from labelaudit.client.transport import Transport
from labelaudit.enums import FINISHED, JobStatus
from labelaudit.schemas import (
    MAX_PREDICTED,
    ClassifierRead,
    Prediction,
    PredictionRead,
)
from labelaudit.schemas.model_description import Cell

POLL_SECONDS = 0.5
REQUEST_BYTES = 8 * 2**20  # of images or texts; Base64 and JSON add to them


class Classifier:
    """The classifier of one audit. Its training starts once the audit is completed."""

    def __init__(self, transport: Transport, audit_id: str) -> None:
        self.audit_id = audit_id
        self._transport = transport
        self._audit = audit_path(audit_id)

    def __repr__(self) -> str:
        return f"Classifier({self.audit_id!r})"

    def read(self) -> ClassifierRead:
        return ClassifierRead.model_validate(self._transport.get(f"{self._audit}/classifier"))

    def wait(self, *, timeout: float | None = None) -> ClassifierRead:
        """Return once the classifier is trained. Raises JobFailedError, TimeoutError."""
        model = poll(
            self.read,
            lambda model: model.status in FINISHED,
            interval=POLL_SECONDS,
            timeout=timeout,
            subject="The training of the classifier",
        )
        if model.status is not JobStatus.completed:
            title = f"The training of the classifier was {model.status}"
            raise JobFailedError(model.problem or {"title": title})
        return model

    def save(self, destination: str | Path) -> list[Path]:
        """Download the classifier's files into a folder, which is created if necessary."""
        folder = Path(destination)
        folder.mkdir(parents=True, exist_ok=True)
        return [
            download(self._transport, file.download_url, folder / file.name)
            for file in self.read().files
        ]

    def predict(
        self,
        *,
        texts: Sequence[str] | None = None,
        rows: Sequence[Mapping[str, Cell]] | None = None,
        vectors: Sequence[Sequence[float]] | None = None,
        images: Sequence[bytes] | None = None,
    ) -> list[Prediction]:
        """Predict any number of new samples, in order.

        Give exactly one of the four, the one that matches the dataset's kind. Raises JobFailedError
        if a worker cannot read one of the samples.
        """
        given = {"texts": texts, "rows": rows, "vectors": vectors, "images": images}
        samples = {kind: items for kind, items in given.items() if items is not None}
        if len(samples) != 1:
            raise TypeError("give exactly one of texts, rows, vectors and images")
        ((kind, items),) = samples.items()
        return [
            prediction
            for batch in _batches(items, MAX_PREDICTED[kind])
            for prediction in self._predict_batch({kind: batch})
        ]

    def _predict_batch(self, body: dict[str, Any]) -> list[Prediction]:
        response = self._transport.request("POST", f"{self._audit}/predict", json=body)
        answer = PredictionRead.model_validate(response.json())
        if answer.status not in FINISHED:
            location = response.headers["Location"]
            answer = poll(
                lambda: PredictionRead.model_validate(self._transport.get(location)),
                lambda answer: answer.status in FINISHED,
                interval=POLL_SECONDS,
            )
        if answer.predictions is None:
            title = f"The prediction was {answer.status}"
            raise JobFailedError(answer.problem or {"title": title})
        return answer.predictions


def _batches(items: Sequence[Any], count: int) -> Iterator[list[Any]]:
    """Batches of at most `count` items and about 8 MiB of text or image; images as Base64."""
    batch: list[Any] = []
    size = 0
    for item in items:
        weight = len(item) if isinstance(item, (str, bytes)) else 0
        if batch and (len(batch) == count or size + weight > REQUEST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(base64.b64encode(item).decode() if isinstance(item, bytes) else item)
        size += weight
    if batch:
        yield batch

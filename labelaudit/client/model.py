"""The classifier of an audit from the outside: wait for it, save it, ask it."""

import base64
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from labelaudit.client.download import save
from labelaudit.client.errors import JobFailed
from labelaudit.client.transport import Transport
from labelaudit.enums import FINISHED, JobStatus
from labelaudit.schemas import (
    MAX_PREDICTED,
    ModelRead,
    Prediction,
    PredictionRead,
)
from labelaudit.schemas.model_description import Cell

POLL_SECONDS = 0.5
REQUEST_BYTES = 8 * 2**20  # of images or texts; Base64 and JSON add to them


class ModelHandle:
    """The model of one audit. It is trained once the audit is completed."""

    def __init__(self, transport: Transport, audit_id: str) -> None:
        self.audit_id = audit_id
        self._transport = transport
        self._audit = f"/v1/audits/{quote(audit_id, safe='')}"

    def __repr__(self) -> str:
        return f"ModelHandle({self.audit_id!r})"

    def read(self) -> ModelRead:
        return ModelRead.model_validate(self._transport.get(f"{self._audit}/model"))

    def wait(self, *, timeout: float | None = None) -> ModelRead:
        """Return once the model is trained. Raises JobFailed, TimeoutError."""
        deadline = time.monotonic() + timeout if timeout is not None else float("inf")
        while True:
            model = self.read()
            if model.status is JobStatus.completed:
                return model
            if model.status in FINISHED:
                raise JobFailed(model.problem or {"title": f"The model was {model.status}"})
            if time.monotonic() > deadline:
                raise TimeoutError(f"The model has not been trained within {timeout} s.")
            time.sleep(POLL_SECONDS)

    def save(self, destination: str | Path) -> list[Path]:
        """Download the model's files into a folder, which is made where it is missing."""
        folder = Path(destination)
        folder.mkdir(parents=True, exist_ok=True)
        return [
            save(self._transport, file.download_url, folder / file.name)
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
        """What the model says about new samples, in their order; any number of them.

        Give one of the four, that of the dataset's kind. Raises JobFailed where a worker could not
        read one.
        """
        given = {"texts": texts, "rows": rows, "vectors": vectors, "images": images}
        (form, items), *others = [(name, some) for name, some in given.items() if some is not None]
        if others:
            raise TypeError("give one of texts, rows, vectors and images")
        assert items is not None
        return [
            prediction
            for batch in _batches(items, MAX_PREDICTED[form])
            for prediction in self._ask({form: batch})
        ]

    def _ask(self, body: dict[str, Any]) -> list[Prediction]:
        response = self._transport.request("POST", f"{self._audit}/predict", json=body)
        answer = PredictionRead.model_validate(response.json())
        while answer.status not in FINISHED:
            time.sleep(POLL_SECONDS)
            where = response.headers["Location"]
            answer = PredictionRead.model_validate(self._transport.get(where))
        if answer.predictions is None:
            raise JobFailed(answer.problem or {"title": f"The prediction was {answer.status}"})
        return answer.predictions


def _batches(items: Sequence[Any], count: int) -> Iterator[list[Any]]:
    """At most `count` items and about 8 MiB of text or image each; images as Base64."""
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

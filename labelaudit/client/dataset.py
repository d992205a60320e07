"""A dataset as the client hands it out: what the service says of it, and what a notebook shows."""

from collections.abc import Iterator
from typing import Any

from pydantic import PrivateAttr

from labelaudit.client import html
from labelaudit.client.paths import dataset_path
from labelaudit.client.transport import Transport
from labelaudit.enums import JobStatus
from labelaudit.schemas import DatasetRead, SampleRead

SHOWN = 5  # samples in a notebook
SHOWN_CLASSES = 20
PAGE = 200


class Dataset(DatasetRead):
    """A dataset at the moment it was read, and its samples."""

    _transport: Transport = PrivateAttr()

    @classmethod
    def of(cls, transport: Transport, answer: Any) -> "Dataset":
        dataset = cls.model_validate(answer)
        dataset._transport = transport
        return dataset

    def samples(self, *, limit: int | None = None) -> Iterator[SampleRead]:
        """The samples in the order of the upload. Pages are fetched as they are needed."""
        path = f"{dataset_path(self.id)}/samples"
        for item in self._transport.pages(path, limit=limit, page=PAGE):
            yield SampleRead.model_validate(item)

    def __repr__(self) -> str:
        size = f", {self.sample_count:,} samples" if self.status is JobStatus.completed else ""
        return f"Dataset({self.id!r}, {self.name!r}, {self.status}{size})"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        if self.status is not JobStatus.completed:
            problem = (self.problem or {}).get("title")
            return html.facts(self.name, {"id": self.id, "status": self.status, "problem": problem})
        classes = ", ".join(self.class_names[:SHOWN_CLASSES])
        more = len(self.class_names) - SHOWN_CLASSES
        told = {
            "id": self.id,
            "samples": f"{self.sample_count:,} ({self.kind})",
            "without a label": self.sample_count - self.labeled_count or None,
            "classes": f"{classes} and {more:,} more" if more > 0 else classes,
            "notes": " ".join(self.warnings),
        }
        rows = [
            (
                html.sample(self._transport, one.content, one.media_url),
                one.sample_id,
                one.given_label,
                one.corrected_label,
            )
            for one in self.samples(limit=SHOWN)
        ]
        return html.facts(self.name, told) + html.table(
            ("sample", "id", "given", "corrected"), rows
        )

"""The URLs of a sample."""

from urllib.parse import quote

from labelaudit.enums import DatasetKind
from service.db.tables import Dataset


def sample_url(dataset_id: str, sample_id: str, part: str) -> str:
    return f"/v1/datasets/{dataset_id}/samples/{quote(sample_id, safe='')}/{part}"


def media_url(dataset: Dataset, sample_id: str) -> str | None:
    if dataset.kind is not DatasetKind.image:
        return None
    return sample_url(dataset.id, sample_id, "media")

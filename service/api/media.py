"""The URL of a sample's image."""

from urllib.parse import quote

from labelaudit.enums import DatasetKind
from service.db.tables import Dataset


def media_url(dataset: Dataset, sample_id: str) -> str | None:
    if dataset.kind is not DatasetKind.image:
        return None
    return f"/v1/datasets/{dataset.id}/samples/{quote(sample_id, safe='')}/media"

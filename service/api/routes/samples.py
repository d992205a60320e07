"""/v1/datasets/{id}/samples: one sample and its image."""

from typing import Annotated, Any

from fastapi import Query, Response

from labelaudit.schemas import SampleRead
from service import review
from service.api.dependencies import Reader, ReadSession, StorageDep
from service.api.media import media_url
from service.api.problems import documented
from service.api.routing import TransactionRouter
from service.datasets import records as datasets

router = TransactionRouter(
    prefix="/v1/datasets/{dataset_id}/samples", tags=["datasets"], responses=documented()
)


@router.get("/{sample_id:path}/media", responses=documented(), response_class=Response)
def read_media(
    session: ReadSession,
    storage: StorageDep,
    caller: Reader,
    dataset_id: str,
    sample_id: str,
    size: Annotated[int, Query(ge=16, le=2048)] = 512,
) -> Response:
    """The sample's image, re-encoded (never the uploaded bytes), at most `size` pixels a side."""
    dataset = datasets.get_ready_dataset(session, dataset_id)
    sample = datasets.get_sample(session, dataset_id, sample_id)
    return Response(
        datasets.read_picture(storage, dataset, sample.position, size=size),
        media_type="image/png",
        headers={
            "Cache-Control": "private, max-age=31536000, immutable",
            "Content-Security-Policy": "sandbox; default-src 'none'",
        },
    )


@router.get("/{sample_id:path}", response_model=SampleRead)
def read_sample(
    session: ReadSession,
    storage: StorageDep,
    caller: Reader,
    dataset_id: str,
    sample_id: str,
) -> dict[str, Any]:
    """One sample: its content, its given label and its corrected label."""
    dataset = datasets.get_ready_dataset(session, dataset_id)
    sample = datasets.get_sample(session, dataset_id, sample_id)
    row = datasets.read_row(storage, dataset_id, sample.position)
    correction = review.outcome_of(session, dataset_id, sample.position).correction
    names = dataset.class_names
    corrected = correction.corrected_label if correction else None
    return {
        "sample_id": sample.sample_id,
        "position": sample.position,
        "given_label": None if sample.given_label is None else names[sample.given_label],
        "corrected_label": None if corrected is None else names[corrected],
        "verdict": correction.verdict if correction else None,
        "content": datasets.content_of(dataset, row),
        "media_url": media_url(dataset, sample.sample_id),
    }

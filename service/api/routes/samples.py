"""/v1/datasets/{id}/samples: the samples, one of them, and its image."""

from typing import Annotated, Any

from fastapi import Query, Request, Response
from starlette.concurrency import run_in_threadpool

from labelaudit.schemas import CommentCreate, CommentRead, Page, SampleHistory, SampleRead
from service import review
from service.api import caching, cursors, media, presenters
from service.api.dependencies import (
    Annotator,
    Reader,
    ReadSession,
    Resources,
    ResourcesDep,
    StorageDep,
    WriteSession,
)
from service.api.document import documented, produces, revalidated
from service.api.pages import Cursor, Limit, slice_of
from service.api.routing import TransactionRouter
from service.core.principal import Principal
from service.datasets import records as datasets
from service.db.tables import Dataset
from service.review import sample_history

router = TransactionRouter(
    prefix="/v1/datasets/{dataset_id}/samples", tags=["datasets"], responses=documented()
)


@router.get("", response_model=Page[SampleRead])
def list_samples(
    session: ReadSession,
    storage: StorageDep,
    caller: Reader,
    dataset_id: str,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=200, description="The most items to return.")] = 50,
) -> dict[str, Any]:
    """List the samples in the order of the upload: content, given label and corrected label."""
    dataset = datasets.get_ready_dataset(session, dataset_id)
    first = max(0, int(cursors.decode(cursor, int)[0])) if cursor else 0
    rows = datasets.read_rows(storage, dataset_id, first, limit)
    positions = range(first, first + len(rows))
    samples = datasets.get_samples(session, dataset_id, positions)
    outcomes = review.outcomes_at(session, dataset_id, positions)
    after = first + len(rows)
    return {
        "items": [
            presenters.sample(dataset, samples[position], row, outcomes[position])
            for position, row in zip(positions, rows, strict=True)
        ],
        "next_cursor": cursors.encode(after) if after < dataset.sample_count else None,
    }


@router.get(
    "/{sample_id:path}/media",
    response_class=Response,
    responses={**produces("image/png", description="The image."), **revalidated()},
)
async def read_media(
    request: Request,
    resources: ResourcesDep,
    caller: Reader,
    dataset_id: str,
    sample_id: str,
    size: Annotated[int, Query(ge=16, le=2048)] = 512,
) -> Response:
    """The sample's image, re-encoded (never the uploaded bytes), at most `size` pixels a side. Send
    its `ETag` back as `If-None-Match` to get 304 without another copy."""
    dataset, picture = await run_in_threadpool(
        _find_picture, resources, caller, dataset_id, sample_id
    )
    # the file's bytes and roles decide which picture it is; nothing else can change it
    etag = caching.etag_of(dataset.id, dataset.sha256, dataset.columns, sample_id, size)
    if not_modified := caching.unchanged(request, etag):
        return not_modified
    return Response(
        await resources.pictures.thumbnail(dataset, picture, size=size),
        media_type="image/png",
        headers={
            **caching.revalidated(etag),
            "Content-Security-Policy": "sandbox; default-src 'none'",
        },
    )


def _find_picture(
    resources: Resources, caller: Principal, dataset_id: str, sample_id: str
) -> tuple[Dataset, datasets.Picture]:
    with resources.read(caller) as session:
        dataset = datasets.get_ready_dataset(session, dataset_id)
        position = datasets.get_sample(session, dataset_id, sample_id).position
    return dataset, datasets.find_picture(resources.storage, dataset, position)


@router.get("/{sample_id:path}/history", response_model=SampleHistory)
def read_sample_history(
    session: ReadSession, caller: Reader, dataset_id: str, sample_id: str
) -> dict[str, Any]:
    """The full history of one sample: its given label, its rank in each audit, and the comments.
    Every correction and revert is listed with its author and time."""
    found = sample_history.read_history(session, dataset_id, sample_id, principal=caller)
    names = datasets.get_dataset(session, dataset_id).class_names
    return presenters.history(found, names)


@router.get("/{sample_id:path}/comments", response_model=Page[CommentRead])
def list_comments(
    session: ReadSession,
    caller: Reader,
    dataset_id: str,
    sample_id: str,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Any:
    """List the comments on a sample, oldest first. Until the sample has all its opinions,
    annotators see only their own."""
    found = sample_history.read_history(session, dataset_id, sample_id, principal=caller)
    return slice_of([presenters.comment(row) for row in found.comments], cursor, limit)


@router.post("/{sample_id:path}/comments", status_code=201, response_model=CommentRead)
def create_comment(
    session: WriteSession,
    response: Response,
    caller: Annotator,
    dataset_id: str,
    sample_id: str,
    wanted: CommentCreate,
) -> Any:
    """Add a comment to a sample; it appears in the sample's history."""
    comment = sample_history.add_comment(
        session, dataset_id, sample_id, wanted.text, principal=caller
    )
    response.headers["Location"] = media.sample_url(dataset_id, sample_id, "comments")
    return presenters.comment(comment)


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
    return presenters.sample(
        dataset, sample, row, review.outcome_of(session, dataset_id, sample.position)
    )

"""/v1/audits/{id}/suspects: the ranked list, page by page or as a download, and its samples."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from tempfile import TemporaryFile
from threading import Lock
from typing import IO, Annotated, Any, Literal

import orjson
from cachetools import LRUCache, cached
from fastapi import Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session

from labelaudit.enums import Issue, ReviewState, Tier
from labelaudit.schemas import (
    INCLUDE,
    SEARCH,
    SIMILAR_TO,
    Heavy,
    Neighbour,
    Page,
    SuspectDetail,
    SuspectPage,
)
from service import review
from service.api import caching, cursors, narrowing, presenters
from service.api.budget import expensive
from service.api.dependencies import (
    Exporter,
    Reader,
    ReadSession,
    ResourcesDep,
    StorageDep,
)
from service.api.document import documented, produces, revalidated
from service.api.downloads import MADE_WHEN_ASKED, download, is_head
from service.api.pages import Cursor, Limit, slice_of
from service.api.routing import TransactionRouter
from service.audits import records as audits
from service.audits import whole_ranking
from service.db.tables import Audit, Dataset, Suspect
from service.exports.formats import write_suspects

router = TransactionRouter(
    prefix="/v1/audits/{audit_id}/suspects", tags=["audits"], responses=documented(409)
)

_pages: LRUCache[str, bytes] = LRUCache(256)  # some twenty kilobytes each
_pages_lock = Lock()


@router.get("", response_model=SuspectPage, responses=revalidated())
def list_suspects(
    request: Request,
    resources: ResourcesDep,
    caller: Reader,
    audit_id: str,
    tier: Annotated[list[Tier] | None, Query()] = None,
    given_label: str | None = None,
    predicted_label: str | None = None,
    state: ReviewState | None = None,
    issue: Issue | None = None,
    p_wrong_from: Annotated[float | None, Query(ge=0, le=1)] = None,
    p_wrong_to: Annotated[float | None, Query(ge=0, le=1)] = None,
    search: Annotated[str | None, Query(max_length=200, description=SEARCH)] = None,
    similar_to: Annotated[str | None, Query(description=SIMILAR_TO)] = None,
    total: Annotated[bool, Query(description="Count the suspects on all pages.")] = False,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """The ranked list, worst first. Pages never shift, because a ranking is immutable. Send the
    `ETag` of a page back as `If-None-Match` to get 304 if no verdict has changed it since.
    """
    narrowed = narrowing.Narrowing(search=search, similar_to=similar_to)
    among = narrowed.sample_ids(resources, caller, audit_id)
    wanted = review.SuspectFilter(
        tier=tier,
        state=state,
        issue=issue,
        p_wrong_from=p_wrong_from,
        p_wrong_to=p_wrong_to,
        among=among,
    )
    with resources.read(caller) as session:
        newest = review.newest_ranking_info(session, audit_id)
        ranking_id, after = _from_cursor(session, audit_id, newest.ranking_id, cursor)
        given, predicted = _classes(newest, given_label, predicted_label)
        wanted = replace(wanted, given_label=given, predicted_label=predicted)
        etag = caching.etag_of(ranking_id, newest.dataset_version, request.url.query)
        if not_modified := caching.unchanged(request, etag):
            return not_modified

        @cached(_pages, key=lambda: etag, lock=_pages_lock)
        def page() -> bytes:
            found = review.list_suspects(
                session, ranking_id, wanted=wanted, after=after, limit=limit + 1
            )
            shown, more = found[:limit], len(found) > limit
            # Without validation, which would cost more than the query; the columns are our own.
            return orjson.dumps(
                {
                    "ranking_id": ranking_id,
                    "items": [presenters.list_row(one, newest.class_names) for one in shown],
                    "next_cursor": cursors.encode(ranking_id, shown[-1].rank) if more else None,
                    "total": review.count_suspects(session, ranking_id, wanted) if total else None,
                }
            )

        content = page()
    return Response(content, media_type="application/json", headers=caching.revalidated(etag))


def _from_cursor(
    session: Session, audit_id: str, newest_id: str, cursor: str | None
) -> tuple[str, int]:
    """The ranking whose pages are walked, and the last rank that was shown."""
    if not cursor:
        return newest_id, 0
    named, rank = cursors.decode(cursor, str, int)
    if named != newest_id:
        review.get_ranking(session, audit_id, str(named))
    return str(named), int(rank)


@download(
    router,
    ".{format}",
    response_class=Response,
    responses={**produces("text/csv", "application/vnd.apache.parquet"), **revalidated()},
)
@expensive
def download_suspects(
    request: Request,
    resources: ResourcesDep,
    caller: Exporter,
    audit_id: str,
    format: Literal["csv", "parquet"],
    order: Annotated[
        Literal["rank", "row"],
        Query(description="`rank`: worst first; `row`: the order of the upload."),
    ] = "rank",
    labels: Annotated[
        Literal["name", "code"],
        Query(description="`code`: indices into `class_names` instead of names."),
    ] = "name",
) -> Response:
    """The whole ranked list with cleanlab's column names, as CSV or Parquet.

    With `order=row&labels=code`, cleanlab's `CleanLearning.fit(label_issues=...)` takes the table
    as it is. Samples without a label have no row.
    """
    with resources.read(caller) as session:
        _, dataset = audits.completed_with_dataset(session, audit_id)
        newest = review.newest_ranking_info(session, audit_id)
    ranking_id = newest.ranking_id
    etag = f"W/{caching.etag_of(ranking_id, newest.dataset_version, format, order, labels)}"
    if not_modified := caching.unchanged(request, etag):
        return not_modified
    said = {
        **caching.revalidated(etag),
        **MADE_WHEN_ASKED,
        "Content-Disposition": f'attachment; filename="suspects-{audit_id}.{format}"',
    }
    kind = "text/csv" if format == "csv" else "application/vnd.apache.parquet"
    if is_head(request):
        return StreamingResponse(iter(()), media_type=kind, headers=said)
    resources.log_download(request, caller, audit_id, f"suspects.{format}")

    reading = partial(resources.read, caller)
    found: Iterator[Sequence[Any]] = whole_ranking.by_rank(reading, ranking_id)
    if order == "row":  # the first value is the position
        found = (row[1:] for row in whole_ranking.by_row(reading, dataset.id, ranking_id))
    coded = labels == "code"
    rows = (
        presenters.coded_row(one) if coded else presenters.list_row(one, dataset.class_names)
        for one in found
    )
    file = TemporaryFile()  # noqa: SIM115 (closed when it has been sent)
    write_suspects(rows, file, format, coded=coded)
    file.seek(0)
    return StreamingResponse(_content(file), media_type=kind, headers=said)


def _content(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        yield from iter(lambda: file.read(2**18), b"")


@router.get("/{sample_id:path}/neighbours", response_model=Page[Neighbour])
def list_neighbours(
    session: ReadSession,
    storage: StorageDep,
    caller: Reader,
    audit_id: str,
    sample_id: str,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> dict[str, Any]:
    """List the samples most similar to this one with their given labels, nearest first. Distances
    are in the space that the models saw, to a random 12,000 of a larger dataset. Empty if the
    audit looked for no neighbours."""
    audit, dataset, suspect = _find(session, audit_id, sample_id)
    found = presenters.neighbours(session, storage, audit, dataset, suspect)
    return slice_of(found, cursor, limit)


@router.get("/{sample_id:path}", response_model=SuspectDetail)
def read_suspect(
    session: ReadSession,
    storage: StorageDep,
    caller: Reader,
    audit_id: str,
    sample_id: str,
    include: Annotated[list[Heavy] | None, Query(description=INCLUDE)] = None,
) -> dict[str, Any]:
    """One suspect: its content, signals and likely classes."""
    audit, dataset, suspect = _find(session, audit_id, sample_id)
    return presenters.suspect_detail(session, storage, audit, dataset, suspect, include or ())


def _find(session: Session, audit_id: str, sample_id: str) -> tuple[Audit, Dataset, Suspect]:
    audit, dataset = audits.completed_with_dataset(session, audit_id)
    return audit, dataset, review.get_suspect(session, audit_id, sample_id)


def _classes(
    dataset: review.RankingInfo, given: str | None, predicted: str | None
) -> tuple[int | None, int | None]:
    return (
        presenters.class_index(dataset, given, place={"parameter": "given_label"}),
        presenters.class_index(dataset, predicted, place={"parameter": "predicted_label"}),
    )

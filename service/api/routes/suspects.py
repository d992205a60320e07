"""/v1/audits/{id}/suspects: the ranked list, page by page or as a download, and its samples."""

import hashlib
from collections.abc import Iterator
from tempfile import TemporaryFile
from threading import Lock
from typing import IO, Annotated, Any, Literal

import orjson
from cachetools import LRUCache, cached
from fastapi import Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session

from labelaudit.enums import Issue, ReviewState, Tier
from labelaudit.schemas import Neighbours, SuspectDetail, SuspectPage
from service import review
from service.api import cursors, presenters
from service.api.dependencies import (
    Exporter,
    Reader,
    ReadSession,
    Resources,
    ResourcesDep,
    StorageDep,
)
from service.api.problems import documented
from service.api.routing import TransactionRouter
from service.audits import records as audits
from service.core.principal import Principal
from service.db.tables import Audit, Dataset, Suspect
from service.exports.formats import write_suspects

router = TransactionRouter(
    prefix="/v1/audits/{audit_id}/suspects", tags=["audits"], responses=documented(409)
)

PAGE = 5_000

_pages: LRUCache[str, bytes] = LRUCache(256)  # some twenty kilobytes each
_pages_lock = Lock()


@router.get("", response_model=SuspectPage, responses=documented(400))
def list_suspects(
    request: Request,
    session: ReadSession,
    caller: Reader,
    audit_id: str,
    tier: Annotated[list[Tier] | None, Query()] = None,
    given_label: str | None = None,
    predicted_label: str | None = None,
    state: ReviewState | None = None,
    issue: Issue | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> Response:
    """The ranked list, worst first. Pages never shift, because a ranking is immutable. Send the
    `ETag` of a page back as `If-None-Match` to get 304 if no verdict has changed it since.
    """
    newest = review.newest_ranking_info(session, audit_id)
    ranking_id, after = newest.ranking_id, 0
    if cursor:
        named, rank = cursors.decode(cursor, str, int)
        ranking_id, after = str(named), int(rank)
        if ranking_id != newest.ranking_id:
            review.get_ranking(session, audit_id, ranking_id)
    wanted = _filter(newest, tier, given_label, predicted_label, state, issue)
    asked = f"{ranking_id}-{newest.dataset_version}-{request.url.query}"
    etag = f'"{hashlib.sha256(asked.encode()).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)

    @cached(_pages, key=lambda: etag, lock=_pages_lock)
    def page() -> bytes:
        found = review.list_suspects(session, ranking_id, wanted=wanted, after=after, limit=limit)
        more = len(found) == limit
        # Without validation, which would cost more than the query; the columns are our own.
        return orjson.dumps(
            {
                "ranking_id": ranking_id,
                "items": [presenters.list_row(suspect, newest.class_names) for suspect in found],
                "next_cursor": cursors.encode(ranking_id, found[-1].rank) if more else None,
            }
        )

    return Response(page(), media_type="application/json", headers=headers)


@router.get(".{format}", response_class=Response)
def download_suspects(
    resources: ResourcesDep,
    caller: Exporter,
    audit_id: str,
    format: Literal["csv", "parquet"],
) -> StreamingResponse:
    """The whole ranked list with cleanlab's column names, as CSV or Parquet."""
    with resources.read(caller) as session:
        _, dataset = audits.completed_with_dataset(session, audit_id)
        ranking_id = review.newest_ranking(session, audit_id).id
    resources.log_download(caller, audit_id, f"suspects.{format}")
    file = TemporaryFile()  # noqa: SIM115 (closed when it has been sent)
    write_suspects(_rows(resources, caller, ranking_id, dataset.class_names), file, format)
    file.seek(0)
    kind = "text/csv" if format == "csv" else "application/vnd.apache.parquet"
    return StreamingResponse(
        _content(file),
        media_type=kind,
        headers={"Content-Disposition": f'attachment; filename="suspects-{audit_id}.{format}"'},
    )


def _content(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        yield from iter(lambda: file.read(2**18), b"")


def _rows(
    resources: Resources, caller: Principal, ranking_id: str, names: list[str]
) -> Iterator[dict[str, Any]]:
    after = 0
    while True:
        with resources.read(caller) as session:
            page = review.list_suspects(
                session, ranking_id, wanted=review.SuspectFilter(), after=after, limit=PAGE
            )
            yield from (presenters.list_row(suspect, names) for suspect in page)
        if len(page) < PAGE:
            return
        after = page[-1].rank


@router.get("/{sample_id:path}/neighbours", response_model=Neighbours)
def read_neighbours(
    session: ReadSession,
    storage: StorageDep,
    caller: Reader,
    audit_id: str,
    sample_id: str,
) -> dict[str, Any]:
    """The samples most similar to this one, with their given labels."""
    audit, dataset, suspect = _find(session, audit_id, sample_id)
    return {"items": presenters.neighbours(session, storage, audit, dataset, suspect)}


@router.get("/{sample_id:path}", response_model=SuspectDetail)
def read_suspect(
    session: ReadSession,
    storage: StorageDep,
    caller: Reader,
    audit_id: str,
    sample_id: str,
) -> dict[str, Any]:
    """One suspect: its content, signals, likely classes, and the trajectory of each replica."""
    audit, dataset, suspect = _find(session, audit_id, sample_id)
    return presenters.suspect_detail(session, storage, audit, dataset, suspect)


def _find(session: Session, audit_id: str, sample_id: str) -> tuple[Audit, Dataset, Suspect]:
    audit, dataset = audits.completed_with_dataset(session, audit_id)
    return audit, dataset, review.get_suspect(session, audit_id, sample_id)


def _filter(
    dataset: review.RankingInfo,
    tier: list[Tier] | None,
    given_label: str | None,
    predicted_label: str | None,
    state: ReviewState | None,
    issue: Issue | None,
) -> review.SuspectFilter:
    return review.SuspectFilter(
        tier=tier,
        given_label=presenters.class_index(dataset, given_label, field="given_label"),
        predicted_label=presenters.class_index(dataset, predicted_label, field="predicted_label"),
        state=state,
        issue=issue,
    )

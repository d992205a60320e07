"""/v1/audits/{id}: class pairs, findings, the data map, plots and the report."""

from typing import Annotated, Any, Literal

from fastapi import Query, Request, Response

from labelaudit.enums import Tier
from labelaudit.schemas import DataMapRead, FindingsRead, Page, PairRead, TypicalSample
from service import reports, review
from service.api import presenters, summaries
from service.api.budget import expensive
from service.api.dependencies import Reader, ReadSession, StorageDep
from service.api.document import documented, produces, revalidated
from service.api.downloads import download, send_made
from service.api.media import media_url
from service.api.pages import Cursor, Limit, slice_of
from service.api.routing import TransactionRouter
from service.audits import records as audits
from service.audits.typical_samples import typical_samples
from service.datasets import records as datasets
from service.db.tables import Dataset, Suspect
from service.storage.local import Storage

router = TransactionRouter(
    prefix="/v1/audits/{audit_id}", tags=["overview"], responses=documented(409)
)


@router.get("/class-pairs", response_model=Page[PairRead])
def list_class_pairs(
    session: ReadSession,
    caller: Reader,
    audit_id: str,
    tier: Annotated[list[Tier] | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 200,
) -> dict[str, Any]:
    """List pairs of given and predicted class, most open suspects first. Covers the obvious and
    possible tiers unless `tier` names others."""
    audit = audits.get_completed_audit(session, audit_id)
    names = audits.dataset_of(session, audit).class_names
    found = reports.list_pairs(
        session,
        review.newest_ranking(session, audit_id).id,
        tiers=tier or [Tier.obvious, Tier.possible],
    )
    shown = [
        {
            "given_label": names[pair.given_label],
            "predicted_label": names[pair.predicted_label],
            "open": pair.open,
            "total": pair.total,
        }
        for pair in found
    ]
    return slice_of(shown, cursor, limit)


@router.get("/typical-samples", response_model=Page[TypicalSample])
def list_typical_samples(
    session: ReadSession,
    storage: StorageDep,
    caller: Reader,
    audit_id: str,
    label: Annotated[str, Query(description="The name of a class.")],
    limit: Annotated[int, Query(ge=1, le=50, description="The most items to return.")] = 6,
) -> dict[str, Any]:
    """List samples of a class, the most confident first, on one page. None is suspected, has
    an issue or has been judged."""
    _, dataset = audits.completed_with_dataset(session, audit_id)
    index = presenters.class_index(dataset, label, place={"parameter": "label"})
    assert index is not None
    found = typical_samples(session, audit_id, index, limit=limit)
    shown = [_typical_sample(storage, dataset, suspect) for suspect in found]
    return {"items": shown, "next_cursor": None}


def _typical_sample(storage: Storage, dataset: Dataset, suspect: Suspect) -> dict[str, Any]:
    row = datasets.read_row(storage, dataset.id, suspect.position)
    return {
        "sample_id": suspect.sample_id,
        "given_label": dataset.class_names[suspect.given_label],
        "p_wrong": suspect.p_wrong,
        "content": datasets.content_of(dataset, row),
        "media_url": media_url(dataset, suspect.sample_id),
    }


@router.get("/findings", response_model=FindingsRead)
def read_findings(session: ReadSession, caller: Reader, audit_id: str) -> dict[str, Any]:
    """The findings of the review so far. Contains the errors by the number of samples reviewed,
    each tier's share of wrong labels with its 95% interval, and how much each person reviewed.
    `noise_rate` is the share of errors that reviewing random samples would find."""
    audit = audits.get_completed_audit(session, audit_id)
    ranking = review.newest_ranking(session, audit_id)
    found = reports.read_findings(session, audit_id, ranking.id)
    return {
        "reviewed": found.reviewed,
        "errors": found.errors,
        "noise_rate": summaries.noise_rate(ranking.summary or audit.summary or {}),
        "curve": [{"reviewed": reviewed, "errors": errors} for reviewed, errors in found.curve],
        "tiers": [summaries.tier_found(tier) for tier in found.tiers],
        "people": found.people,
    }


@router.get("/data-map", response_model=DataMapRead, responses=documented(429))
@expensive
def read_data_map(
    session: ReadSession, storage: StorageDep, caller: Reader, audit_id: str
) -> dict[str, Any]:
    """Points of the data map, column by column, for at most 2,000 of `total` samples. All of the
    worst ranks are included, and an even selection of the rest. Confidence is low = bad."""
    dataset = audits.dataset_of(session, audits.get_completed_audit(session, audit_id))
    ranking = review.newest_ranking(session, audit_id)
    found = reports.read_data_map(session, storage, audit_id, ranking.id)
    return {
        "total": len(found.confidence),
        "axes": reports.AXES,
        "rank": [point.rank for point in found.points],
        "sample_id": [point.sample_id for point in found.points],
        "given_label": [dataset.class_names[point.given_label] for point in found.points],
        "tier": [point.tier for point in found.points],
        "p_wrong": [round(point.p_wrong, 4) for point in found.points],
        "confidence": [round(point.confidence, 4) for point in found.points],
        "variability": [round(point.variability, 4) for point in found.points],
    }


@download(
    router,
    "/plots/{name}.{format}",
    response_class=Response,
    responses={**produces("image/svg+xml", "image/png", description="The plot."), **revalidated()},
)
@expensive
def read_plot(
    request: Request,
    session: ReadSession,
    storage: StorageDep,
    caller: Reader,
    audit_id: str,
    name: Literal["data_map", "noise_matrix", "findings", "tiers", "classes"],
    format: Literal["svg", "png"],
    theme: Literal["light", "dark"] = "light",
) -> Response:
    """A plot of the overview, drawn from the current state."""
    plot_data = reports.read_plot_data(session, storage, audit_id)
    return send_made(
        request,
        reports.draw(name, plot_data, format=format, theme=theme),
        media_type="image/svg+xml" if format == "svg" else "image/png",
        headers={
            "Content-Disposition": f'inline; filename="{name}-{audit_id}.{format}"',
            "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
        },
    )


@download(
    router,
    "/report.html",
    response_class=Response,
    responses={**produces("text/html", description="The report."), **revalidated()},
)
@expensive
def read_report(
    request: Request, session: ReadSession, storage: StorageDep, caller: Reader, audit_id: str
) -> Response:
    """The overview as one self-contained HTML file with figures, plots and the worst suspects. It
    has no scripts and no external references."""
    return send_made(
        request,
        reports.build_report(session, storage, audit_id).encode(),
        media_type="text/html; charset=utf-8",
        headers={
            "Content-Disposition": f'inline; filename="report-{audit_id}.html"',
            "Content-Security-Policy": (
                "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
            ),
        },
    )

"""/v1/exports"""

from typing import Any

from fastapi import Request, Response
from fastapi.responses import FileResponse

from labelaudit.schemas import ExportRead, Page
from service.api import presenters
from service.api.dependencies import Exporter, ReadSession, ResourcesDep
from service.api.document import documented, produces, revalidated
from service.api.downloads import PARTS, download, send_file
from service.api.pages import AnyListing
from service.api.routing import TransactionRouter
from service.exports import records as exports

router = TransactionRouter(prefix="/v1/exports", tags=["exports"], responses=documented())


@router.get("", response_model=Page[ExportRead])
def list_exports(
    session: ReadSession, caller: Exporter, listing: AnyListing, dataset_id: str | None = None
) -> Any:
    """List exports, newest first."""
    found = exports.list_exports(
        session, listing.wanted, listing.order, listing.fetched, dataset_id=dataset_id
    )
    return listing.page(found, presenters.export)


@router.get("/{export_id}", response_model=ExportRead)
def read_export(session: ReadSession, caller: Exporter, export_id: str) -> dict[str, Any]:
    """One export; `download_url` is set once it is completed."""
    return presenters.export(exports.get_export(session, export_id))


@download(
    router,
    "/{export_id}/file",
    response_class=FileResponse,
    responses={**produces("application/octet-stream"), **PARTS, **revalidated(), **documented(409)},
)
def download_export(
    request: Request,
    resources: ResourcesDep,
    caller: Exporter,
    export_id: str,
) -> Response:
    """The corrected dataset, as an attachment. HEAD and `Range` work, so a download can resume."""
    with resources.read(caller) as session:
        export = exports.get_completed_export(session, export_id)
    filename = export.filename or export_id
    resources.log_download(request, caller, export_id, filename)
    return send_file(
        request,
        resources.storage.path(exports.file_key(export_id)),
        filename=filename,
        media_type="application/octet-stream",
        version=export.sha256,
    )

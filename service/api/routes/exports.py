"""/v1/exports"""

from typing import Any

from fastapi.responses import FileResponse

from labelaudit.enums import JobStatus
from labelaudit.schemas import ExportRead
from service.api.dependencies import Exporter, ReadSession, ResourcesDep
from service.api.problems import documented
from service.api.routing import TransactionRouter
from service.exports import records as exports

router = TransactionRouter(prefix="/v1/exports", tags=["exports"], responses=documented())


@router.get("/{export_id}", response_model=ExportRead)
def read_export(session: ReadSession, caller: Exporter, export_id: str) -> dict[str, Any]:
    """One export; `download_url` is set when it is completed."""
    export = exports.get_export(session, export_id)
    done = export.status is JobStatus.completed
    return {**export.to_dict(), "download_url": f"/v1/exports/{export_id}/file" if done else None}


@router.get("/{export_id}/file", response_class=FileResponse, responses=documented(409))
def download_export(
    resources: ResourcesDep,
    caller: Exporter,
    export_id: str,
) -> FileResponse:
    """The corrected dataset, as an attachment."""
    with resources.read(caller) as session:
        export = exports.get_completed_export(session, export_id)
    resources.log_download(caller, export_id, export.filename or export_id)
    return FileResponse(
        resources.storage.path(exports.file_key(export_id)),
        filename=export.filename,
        media_type="application/octet-stream",
    )

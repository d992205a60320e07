"""/v1/audits/{id}/arrays: what the models said of each sample, as NPZ."""

from functools import partial

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from service.api import caching
from service.api.budget import expensive
from service.api.dependencies import Exporter, ResourcesDep
from service.api.document import documented, produces, revalidated
from service.api.downloads import MADE_WHEN_ASKED, download, is_head
from service.api.routing import TransactionRouter
from service.audits import arrays
from service.audits import records as audits
from service.storage.npz_stream import stream_npz

router = TransactionRouter(
    prefix="/v1/audits/{audit_id}/arrays", tags=["audits"], responses=documented(409, 410)
)


@download(
    router,
    "/{name}.npz",
    response_class=StreamingResponse,
    responses={**produces("application/zip"), **revalidated()},
)
@expensive
def download_arrays(
    request: Request,
    resources: ResourcesDep,
    caller: Exporter,
    audit_id: str,
    name: arrays.ArrayName,
) -> Response:
    """Arrays of every analysed sample, in the order of the upload, as one NPZ file.

    `pred_probs`: out-of-sample class probabilities, each row from models that never saw its label.
    `embeddings`: the vectors that the models saw. `trajectories`: margins, probabilities and losses
    of every epoch and replica. Each file also has `sample_id`, `position` (the row in the upload,
    from 0), `label` (an index into `class_names`) and `class_names`.
    """
    with resources.read(caller) as session:
        audit, dataset = audits.completed_with_dataset(session, audit_id)
    etag = caching.etag_of(audit_id, name)  # nothing changes them
    not_modified = caching.unchanged(request, etag)
    to_send = not_modified is None and not is_head(request)
    found = arrays.open_arrays(
        partial(resources.read, caller), resources.storage, audit, dataset, name, to_send=to_send
    )
    if not_modified:
        return not_modified
    resources.log_download(request, caller, audit_id, f"{name}.npz")
    return StreamingResponse(
        stream_npz(found) if to_send else iter(()),
        media_type="application/zip",
        headers={
            **caching.revalidated(etag),
            **MADE_WHEN_ASKED,
            "Content-Disposition": f'attachment; filename="{name}-{audit_id}.npz"',
        },
    )

"""/v1/audits/{id}/model and /v1/audits/{id}/predictions"""

import asyncio
import time
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Query, Request, Response
from fastapi.concurrency import contextmanager_in_threadpool
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from labelaudit.enums import FINISHED, JobStatus
from labelaudit.schemas import ClassifierRead, PredictionRead, PredictRequest
from labelaudit.schemas.model_description import ModelDescription
from service.api.dependencies import (
    Auditor,
    Exporter,
    Reader,
    ReadSession,
    Resources,
    ResourcesDep,
    StorageDep,
)
from service.api.document import documented, produces, revalidated
from service.api.downloads import PARTS, download, send_file
from service.api.responses import accepted
from service.api.routing import TransactionRouter
from service.audits import classifier, predictions
from service.core.errors import NotFound
from service.core.principal import Principal
from service.inference import head

router = TransactionRouter(prefix="/v1/audits", tags=["classifier"], responses=documented())

POLL_SECONDS = 0.1
MEDIA_TYPES = {head.DESCRIPTION: "application/json"}


@router.get("/{audit_id}/classifier", response_model=ClassifierRead, responses=documented(409))
def read_classifier(
    session: ReadSession, storage: StorageDep, caller: Reader, audit_id: str
) -> dict[str, Any]:
    """The classifier: whether it is trained yet, how accurate it is, and where its files are.

    It is trained on the cleaned labels once the ranking is published. An obvious suspect counts
    with its suggested label, a possible one by the probability that its label is right. A person's
    decision counts in full. The accuracies were measured on samples that were not used in training.
    """
    job = classifier.get_classifier_job(session, audit_id)
    description = None
    if job.status is JobStatus.completed:
        description = classifier.read_description(storage, audit_id)
    return {
        "audit_id": audit_id,
        "status": job.status,
        "progress": job.progress,
        "problem": job.problem,
        "description": description,
        "files": [
            {
                "name": name,
                "bytes": storage.path(classifier.file_key(audit_id, name)).stat().st_size,
                "download_url": f"/v1/audits/{audit_id}/classifier/{name}",
            }
            for name in (head.file_names(description.network) if description else ())
        ],
    }


@download(
    router,
    "/{audit_id}/classifier/{file}",
    response_class=FileResponse,
    responses={
        **produces("application/octet-stream", json_schema="ModelDescription"),
        **PARTS,
        **revalidated(),
        **documented(409),
    },
)
def download_classifier(
    request: Request,
    resources: ResourcesDep,
    caller: Exporter,
    audit_id: str,
    file: str,
) -> Response:
    """One file of the model. `model.safetensors` has the weights, and `model.json` everything else
    that a prediction needs. `model.onnx` has standardisation, network and calibration in one graph;
    a fine-tuned encoder has none."""
    storage = resources.storage
    with resources.read(caller) as session:
        classifier.require_classifier(session, audit_id)
        names = head.file_names(classifier.read_description(storage, audit_id).network)
    if file not in names:
        raise NotFound(f"This model has the files {', '.join(names)}, not {file!r}.")
    resources.log_download(request, caller, audit_id, file)
    return send_file(
        request,
        storage.path(classifier.file_key(audit_id, file)),
        filename=f"{audit_id}-{file}",
        media_type=MEDIA_TYPES.get(file, "application/octet-stream"),
    )


@router.post(
    "/{audit_id}/predict",
    response_model=PredictionRead,
    responses={
        202: {"model": PredictionRead, "description": "Not yet"},
        **documented(409, 429, 503, 507),
    },
)
async def predict(
    resources: ResourcesDep,
    caller: Auditor,
    response: Response,
    audit_id: str,
    wanted: PredictRequest,
    wait_seconds: Annotated[
        float, Query(ge=0, le=60, description="How long to wait for a worker.")
    ] = 20.0,
) -> dict[str, Any]:
    """Ask the model about new samples.

    Vectors and table rows are answered at once. Texts and images wait for a worker, which encodes
    them. If it takes longer than `wait_seconds`, the answer is 202. `Location` is where the
    predictions will be, for an hour.
    """
    model = await run_in_threadpool(_model_for, resources, caller, audit_id, wanted)
    if wanted.images is not None:
        number: int | None = await _keep_images(resources, caller, audit_id, wanted.images)
        answer: dict[str, Any] = {}
    else:
        number, answer = await run_in_threadpool(_ask, resources, caller, audit_id, model, wanted)
    if number is None:
        return answer
    await run_in_threadpool(_enqueue, resources, caller, audit_id, number)
    until = time.monotonic() + wait_seconds
    while True:
        answer = await run_in_threadpool(_look, resources, caller, audit_id, number)
        if answer["status"] in FINISHED:
            return answer
        if time.monotonic() >= until:
            response.status_code = 202
            accepted(response, f"/v1/audits/{audit_id}/predictions/{number}")
            return answer
        await asyncio.sleep(POLL_SECONDS)


@router.get("/{audit_id}/predictions/{number}", response_model=PredictionRead)
def read_prediction(
    resources: ResourcesDep,
    caller: Reader,
    audit_id: str,
    number: str,
) -> dict[str, Any]:
    """Predictions that were not ready when they were asked for."""
    return _look(resources, caller, audit_id, predictions.as_number(number))


def _model_for(
    resources: Resources, caller: Principal, audit_id: str, wanted: PredictRequest
) -> ModelDescription:
    """The model, if it is there, can read what is asked about, and a worker is to be had."""
    with resources.read(caller) as session:
        classifier.require_classifier(session, audit_id)
    model = classifier.read_description(resources.storage, audit_id)
    predictions.check_form(model, wanted.form)
    if wanted.texts is not None or wanted.images is not None:
        with resources.read(caller) as session:  # before anything is written
            predictions.require_room(session, audit_id, resources.settings.open_jobs)
    return model


def _ask(
    resources: Resources,
    caller: Principal,
    audit_id: str,
    model: ModelDescription,
    wanted: PredictRequest,
) -> tuple[int | None, dict[str, Any]]:
    """The answer, or the number under which a worker will give it."""
    if wanted.texts is not None:
        return predictions.write_texts(resources.storage, audit_id, wanted.texts), {}
    with resources.budget.spend(caller.tenant_id):
        found = predictions.answer_at_once(
            resources.storage, model, vectors=wanted.vectors, rows=wanted.rows
        )
    return None, _as_read(audit_id, JobStatus.completed, found)


async def _keep_images(
    resources: Resources, caller: Principal, audit_id: str, images: Sequence[bytes]
) -> int:
    """Keep the images for a worker, once each was decoded to its last byte; their number."""
    writing = predictions.writing_images(resources.storage, audit_id, images)
    async with contextmanager_in_threadpool(writing) as (number, places):
        await resources.pictures.verify(places, organisation=caller.tenant_id)
    return number


def _enqueue(resources: Resources, caller: Principal, audit_id: str, number: int) -> None:
    with resources.write(caller) as session:
        old = predictions.enqueue(session, audit_id, number)
    for key in old:
        resources.storage.delete(key)


def _look(resources: Resources, caller: Principal, audit_id: str, number: int) -> dict[str, Any]:
    with resources.read(caller) as session:
        job = predictions.get_prediction_job(session, audit_id, number)
    found = predictions.read_answers(resources.storage, job)
    return _as_read(audit_id, job.status, found, job.problem)


def _as_read(
    audit_id: str,
    status: JobStatus,
    found: list[dict[str, Any]] | None,
    problem: dict[str, Any] | None = None,
) -> dict[str, Any]:
    return {"audit_id": audit_id, "status": status, "problem": problem, "predictions": found}

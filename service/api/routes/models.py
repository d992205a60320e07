"""/v1/audits/{id}/model and /v1/audits/{id}/predictions"""

import asyncio
import time
from typing import Annotated, Any

from fastapi import Query, Response
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from labelaudit.enums import FINISHED, JobStatus
from labelaudit.schemas import ModelRead, PredictionRead, PredictRequest
from service.api.dependencies import (
    Auditor,
    Exporter,
    Reader,
    ReadSession,
    Resources,
    ResourcesDep,
    StorageDep,
)
from service.api.problems import documented
from service.api.routing import TransactionRouter
from service.audits import classifier, predictions
from service.core.errors import NotFound
from service.core.principal import Principal
from service.inference import head

router = TransactionRouter(prefix="/v1/audits", tags=["models"], responses=documented())

POLL_SECONDS = 0.1
MEDIA_TYPES = {head.DESCRIPTION: "application/json"}


@router.get("/{audit_id}/model", response_model=ModelRead, responses=documented(409))
def read_model(
    session: ReadSession, storage: StorageDep, caller: Reader, audit_id: str
) -> dict[str, Any]:
    """The classifier: whether it is trained yet, how accurate it is, and where its files are.

    It is trained on the cleaned labels once the ranking is published: an obvious suspect counts
    with its suggested label, a possible one as far as its label is believed, a person's decision in
    full. The accuracies were measured on samples left out of training.
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
                "download_url": f"/v1/audits/{audit_id}/model/{name}",
            }
            for name in (head.file_names(description.network) if description else ())
        ],
    }


@router.get("/{audit_id}/model/{file}", response_class=FileResponse, responses=documented(409))
def download_model(
    resources: ResourcesDep,
    caller: Exporter,
    audit_id: str,
    file: str,
) -> FileResponse:
    """One file of the model: `model.safetensors`, the weights; `model.json`, all else that a
    prediction needs; `model.onnx`, standardisation, network and calibration in one graph, which a
    fine-tuned encoder does not have."""
    storage = resources.storage
    with resources.read(caller) as session:
        classifier.require_classifier(session, audit_id)
        names = head.file_names(classifier.read_description(storage, audit_id).network)
    if file not in names:
        raise NotFound(f"This model has the files {', '.join(names)}, not {file!r}.")
    resources.log_download(caller, audit_id, file)
    return FileResponse(
        storage.path(classifier.file_key(audit_id, file)),
        filename=f"{audit_id}-{file}",
        media_type=MEDIA_TYPES.get(file, "application/octet-stream"),
    )


@router.post(
    "/{audit_id}/predict",
    response_model=PredictionRead,
    responses={202: {"model": PredictionRead, "description": "Not yet"}, **documented(409, 507)},
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
    them; where it takes longer than `wait_seconds` the answer is 202, and `Location` says where the
    predictions will be, for an hour.
    """
    number, answer = await run_in_threadpool(_ask, resources, caller, audit_id, wanted)
    if number is None:
        return answer
    until = time.monotonic() + wait_seconds
    while True:
        answer = await run_in_threadpool(_look, resources, caller, audit_id, number)
        if answer["status"] in FINISHED:
            return answer
        if time.monotonic() >= until:
            response.status_code = 202
            response.headers["Location"] = f"/v1/audits/{audit_id}/predictions/{number}"
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


def _ask(
    resources: Resources, caller: Principal, audit_id: str, wanted: PredictRequest
) -> tuple[int | None, dict[str, Any]]:
    """The answer, or the number under which a worker will give it."""
    storage = resources.storage
    with resources.read(caller) as session:
        classifier.require_classifier(session, audit_id)
    model = classifier.read_description(storage, audit_id)
    predictions.check_form(model, wanted.form)
    if wanted.texts is not None:
        number = predictions.write_texts(storage, audit_id, wanted.texts)
    elif wanted.images is not None:
        number = predictions.write_images(storage, audit_id, wanted.images)
    else:
        found = predictions.answer_at_once(storage, model, vectors=wanted.vectors, rows=wanted.rows)
        return None, _as_read(audit_id, JobStatus.completed, found)
    with resources.write(caller) as session:
        old = predictions.enqueue(session, audit_id, number)
    for key in old:
        storage.delete(key)
    return number, {}


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

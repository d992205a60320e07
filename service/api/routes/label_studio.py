"""/v1/audits/{id}/label-studio: an audit as the model of a project in Label Studio, which calls it
as it calls its own ML backends; and the labeling configuration of a dataset."""

from typing import Any

from fastapi import Response

from labelaudit.schemas import (
    LabelStudioHealth,
    LabelStudioIgnored,
    LabelStudioPredict,
    LabelStudioPredictions,
    LabelStudioSetup,
    LabelStudioVersion,
    LabelStudioVersions,
)
from service.api.budget import expensive
from service.api.dependencies import Reader, ReadingTool, ReadSession, StorageDep
from service.api.document import documented, produces
from service.api.routing import TransactionRouter
from service.datasets import records as datasets
from service.exports.formats.labeling_config import label_config
from service.label_studio import predictions
from service.label_studio.matching import Task

router = TransactionRouter(prefix="/v1", tags=["annotation tools"], responses=documented(409))

BACKEND = "/audits/{audit_id}/label-studio"
NOT_FROM_HERE = (
    "Nothing was trained and nothing was changed. Start an audit in labelaudit to train models, "
    "and request a new ranking to take verdicts into account."
)


@router.get(f"{BACKEND}/health", response_model=LabelStudioHealth)
def check_label_studio_model(
    session: ReadSession, caller: ReadingTool, audit_id: str
) -> dict[str, Any]:
    """Whether the audit can answer Label Studio: it must be completed. Connect a project to the
    address of this operation without `/health`, with an API key as the password."""
    predictions.current_version(session, audit_id)
    return {"status": "UP", "model_class": "labelaudit"}


@router.post(f"{BACKEND}/setup", response_model=LabelStudioVersion)
def set_up_label_studio_model(
    session: ReadSession, caller: ReadingTool, audit_id: str, wanted: LabelStudioSetup
) -> dict[str, Any]:
    """Check that labels can be predicted for the project, and name the ranking that they come from.
    Nothing is stored."""
    version = predictions.current_version(session, audit_id)
    predictions.check_config(wanted.config)
    return {"model_version": version}


@router.get(f"{BACKEND}/versions", response_model=LabelStudioVersions)
def list_label_studio_versions(
    session: ReadSession, caller: ReadingTool, audit_id: str
) -> dict[str, Any]:
    """The name of the ranking that predictions come from."""
    return {"versions": [predictions.current_version(session, audit_id)]}


@router.post(f"{BACKEND}/predict", response_model=LabelStudioPredictions)
@expensive
def predict_for_label_studio(
    session: ReadSession,
    storage: StorageDep,
    caller: ReadingTool,
    audit_id: str,
    wanted: LabelStudioPredict,
) -> dict[str, Any]:
    """The label that the newest ranking finds right for each task, as exports for Label Studio have
    it. A task that is no ranked sample of the audit gets an empty result."""
    tasks = [Task(task.id, task.data) for task in wanted.tasks]
    found = predictions.predict(session, storage, audit_id, tasks, wanted.label_config)
    return {"results": found, "model_version": predictions.current_version(session, audit_id)}


@router.post(f"{BACKEND}/train", response_model=LabelStudioIgnored)
def train_from_label_studio(
    session: ReadSession, caller: ReadingTool, audit_id: str
) -> dict[str, Any]:
    """Says that audits are started here and not in Label Studio. The body is not read."""
    predictions.current_version(session, audit_id)
    return {"status": "ignored", "detail": NOT_FROM_HERE}


@router.post(f"{BACKEND}/webhook", response_model=LabelStudioIgnored)
def notify_from_label_studio(
    session: ReadSession, caller: ReadingTool, audit_id: str
) -> dict[str, Any]:
    """The same for what Label Studio reports: annotations, or that training should start."""
    predictions.current_version(session, audit_id)
    return {"status": "ignored", "detail": NOT_FROM_HERE}


@router.get(
    "/datasets/{dataset_id}/label-studio/config",
    response_class=Response,
    responses=produces("application/xml", description="The labeling configuration."),
)
def read_labeling_config(session: ReadSession, caller: Reader, dataset_id: str) -> Response:
    """The labeling configuration of a Label Studio project that takes this dataset's tasks, with
    all classes as choices."""
    dataset = datasets.get_ready_dataset(session, dataset_id)
    written = label_config(str(dataset.kind), dataset.class_names)
    return Response(written, media_type="application/xml")

"""The classifier that an audit leaves behind: its job, its files and its description.

`audits/{id}/model/` holds `model.safetensors` (weights), `model.json` (everything else that a
prediction needs) and, but for fine-tuned encoders, `model.onnx` (standardisation, network,
temperature and softmax in one graph).
"""

from sqlalchemy.orm import Session

from labelaudit.enums import (
    DatasetKind,
    JobStatus,
    JobType,
)
from labelaudit.schemas.model_description import ModelDescription
from service.audits import records as audits
from service.core.errors import NotFound, NotReady
from service.db.tables import Job
from service.inference import head
from service.storage.local import Storage


def folder(audit_id: str) -> str:
    return f"{audits.folder(audit_id)}/model"


def file_key(audit_id: str, name: str) -> str:
    return f"{folder(audit_id)}/{name}"


def get_classifier_job(session: Session, audit_id: str) -> Job:
    """The job that trains the classifier. Raises NotFound, or NotReady before the ranking."""
    audit = audits.get_completed_audit(session, audit_id)
    job = session.get(Job, (audit_id, JobType.classifier, 0))
    if job is None:
        dataset = audits.dataset_of(session, audit)
        if dataset.kind is DatasetKind.probabilities:
            reason = "it ranked the probabilities that were uploaded."
        else:
            reason = "it is older than models are. Audit the dataset again."
        raise NotFound(f"This audit has no model: {reason}", type="no-model")
    return job


def require_classifier(session: Session, audit_id: str) -> None:
    """Raises NotReady until the classifier's files exist, NotFound if they never will."""
    job = get_classifier_job(session, audit_id)
    if job.status is JobStatus.failed:
        reason = (job.problem or {}).get("detail", "no reason is known")
        raise NotFound(f"Training the model failed: {reason}", type="no-model")
    if job.status is not JobStatus.completed:
        raise NotReady("The model is still being trained; ask again when it is `completed`.")


def read_description(storage: Storage, audit_id: str) -> ModelDescription:
    path = storage.path(file_key(audit_id, head.DESCRIPTION))
    return ModelDescription.model_validate_json(path.read_bytes())

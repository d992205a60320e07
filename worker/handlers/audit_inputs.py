"""What the jobs of one audit share: its rows, its labels, its arrays."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from service import review
from service.audits import records as audits
from service.core.errors import BadInput
from service.db.tables import Audit, Dataset, Sample
from service.options.training import TrainingConfig
from worker.runtime.context import Worker


def load_audit(worker: Worker, audit_id: str) -> tuple[Audit, Dataset]:
    with worker.database.read() as session:
        audit = audits.get_audit(session, audit_id)
        return audit, audits.dataset_of(session, audit)


def analysed_labels(worker: Worker, audit: Audit) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Labels (N,) and positions (N,) of the samples an audit looks at: those that have a label and
    are not excluded, with the corrections of the audit's dataset version applied."""
    with worker.database.read() as session:
        rows = session.execute(
            select(Sample.position, Sample.given_label)
            .where(Sample.dataset_id == audit.dataset_id, Sample.given_label.is_not(None))
            .order_by(Sample.position)
        ).all()
        corrections = review.corrections_at(session, audit.dataset_id, audit.dataset_version)
    positions = np.fromiter((row[0] for row in rows), np.int64, len(rows))
    labels = np.fromiter((row[1] for row in rows), np.int32, len(rows))
    kept = np.ones(len(rows), bool)
    for position, correction in corrections.items():
        place = int(np.searchsorted(positions, position))
        if correction.corrected_label is None:
            kept[place] = False
        else:
            labels[place] = correction.corrected_label
    return labels[kept], positions[kept]


def check_trainable(labels: NDArray[np.int32]) -> None:
    if len(np.unique(labels)) < 2:
        raise BadInput(
            "The dataset has fewer than two classes with labeled samples, so there is nothing to "
            "tell apart. Label more samples, or check the label column.",
            type="too-few-classes",
        )


def training_config(audit: Audit) -> TrainingConfig:
    known = TrainingConfig.model_fields
    return TrainingConfig(**{key: value for key, value in audit.config.items() if key in known})


def save_array(worker: Worker, key: str, array: NDArray[Any]) -> None:
    with worker.storage.writing(key) as path, path.open("wb") as file:
        np.save(file, array)

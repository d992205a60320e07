"""What an audit's newest ranking says of tasks: the same as its suggestions in an export."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.audits import records as audits
from service.audits.suspects import newest_ranking
from service.db.tables import Dataset, Ranking, Suspect
from service.exports.formats.label_studio import (
    check_kind,
    choices_result,
    model_version,
    suggest,
)
from service.exports.formats.labeling_config import Control, default_control, read_control
from service.label_studio.matching import Match, Task, match_tasks
from service.storage.local import Storage


@dataclass(frozen=True)
class Prediction:
    """The suggested label, as Label Studio stores it; an empty `result` says nothing."""

    result: list[dict[str, Any]]
    score: float | None  # 0 to 1, high = sure
    model_version: str


def current_version(session: Session, audit_id: str) -> str:
    """What the predictions are called now. Raises NotReady until the audit is completed, BadInput
    if Label Studio cannot show its samples."""
    _, ranking = _open(session, audit_id)
    return model_version(audit_id, ranking.number)


def _open(session: Session, audit_id: str) -> tuple[Dataset, Ranking]:
    _, dataset = audits.completed_with_dataset(session, audit_id)
    check_kind(str(dataset.kind))
    return dataset, newest_ranking(session, audit_id)


def check_config(config: str | None) -> None:
    """Raises BadInput if no label can be predicted for a project of this configuration."""
    if config is not None:
        read_control(config)


def predict(
    session: Session, storage: Storage, audit_id: str, tasks: Sequence[Task], config: str | None
) -> list[Prediction]:
    """One prediction for each task, in their order; an empty one for a task that is no ranked
    sample of the audit. `config` is the project's labeling configuration."""
    dataset, ranking = _open(session, audit_id)
    version = model_version(audit_id, ranking.number)
    control = default_control(str(dataset.kind)) if config is None else read_control(config)
    found = match_tasks(session, storage, dataset, tasks, field=control.field)
    suspects = _suspects(session, ranking.id, found)
    return [
        _prediction(match and suspects.get(match.sample_id), dataset.class_names, control, version)
        for match in found
    ]


def _suspects(session: Session, ranking_id: str, found: Sequence[Match | None]) -> dict[str, Any]:
    names = sorted({match.sample_id for match in found if match is not None})
    query = select(Suspect).where(Suspect.ranking_id == ranking_id, Suspect.sample_id.in_(names))
    return {suspect.sample_id: suspect for suspect in session.scalars(query)}


def _prediction(
    suspect: Any, class_names: Sequence[str], control: Control, version: str
) -> Prediction:
    if suspect is None:
        return Prediction([], None, version)
    suggested = suggest(suspect, suspect.position, class_names)
    chosen = choices_result(suggested.label, control.from_name, control.to_name)
    return Prediction([chosen], suggested.score, version)

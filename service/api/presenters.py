"""Database rows as the API shows them: class indices become names."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from labelaudit.enums import Issue, JobStatus
from labelaudit.schemas import AssignmentCreate, CertificateCreate, Heavy, QueueNext
from service import review
from service.api import packing
from service.api.media import media_url
from service.audits import class_profiles, ranking_files
from service.audits import records as audits
from service.core.errors import BadInput
from service.core.principal import Principal
from service.datasets import records as datasets
from service.datasets import votes
from service.db.tables import (
    Audit,
    Comment,
    Correction,
    Dataset,
    Export,
    Sample,
    Suspect,
)
from service.issues import FLAGS
from service.jobs import waiting
from service.review.outcome import SampleOutcome
from service.review.sample_history import SampleHistory, comments_at
from service.storage.local import Storage


def class_index(
    dataset: Dataset | review.RankingInfo, name: str | None, *, place: Mapping[str, str]
) -> int | None:
    """The index of a class that the caller names.

    Raises
    ------
    BadInput
        The dataset has no such class; the message lists those it has.
    """
    if name is None:
        return None
    try:
        return dataset.class_names.index(name)
    except ValueError:
        known = ", ".join(dataset.class_names[:20])
        raise BadInput(
            f"The dataset has no class {name!r}. Its classes: {known}.",
            errors=[{**place, "detail": "not a class of this dataset"}],
        ) from None


def label_pair(
    dataset: Dataset, options: QueueNext | AssignmentCreate | CertificateCreate
) -> tuple[int | None, int | None]:
    """The class indices of the request's given and predicted label."""
    given = class_index(dataset, options.given_label, place={"pointer": "/given_label"})
    predicted = {"pointer": "/predicted_label"}
    return given, class_index(dataset, options.predicted_label, place=predicted)


def person(caller: Principal) -> dict[str, Any]:
    return {"id": caller.key_id, "name": caller.name}


def audit(session: Session, row: Audit) -> dict[str, Any]:
    waits = row.status is JobStatus.queued
    return {
        **row.to_dict(),
        **audits.progress_of(session, row),
        "queue_position": waiting.place(session, row.id, row.tenant_id) if waits else None,
    }


def export(row: Export) -> dict[str, Any]:
    done = row.status is JobStatus.completed
    return {**row.to_dict(), "download_url": f"/v1/exports/{row.id}/file" if done else None}


def sample(
    dataset: Dataset, sample: Sample, row: dict[str, Any], outcome: SampleOutcome
) -> dict[str, Any]:
    """A sample whose row of samples.parquet is `row`."""
    names, correction = dataset.class_names, outcome.correction
    corrected = correction.corrected_label if correction else None
    return {
        "sample_id": sample.sample_id,
        "position": sample.position,
        "given_label": None if sample.given_label is None else names[sample.given_label],
        "corrected_label": None if corrected is None else names[corrected],
        "verdict": correction.verdict if correction else None,
        "content": datasets.content_of(dataset, row),
        "media_url": media_url(dataset, sample.sample_id),
    }


def suspect_row(suspect: Suspect, names: list[str]) -> dict[str, Any]:
    return list_row(review.list_columns(suspect), names)


def list_row(values: Sequence[Any], names: list[str]) -> dict[str, Any]:
    """A suspect as lists show it, from the values of `review.LIST_COLUMNS`."""
    row = coded_row(values)
    suggested = row["suggested_label"]
    row["given_label"] = names[row["given_label"]]
    row["predicted_label"] = names[row["predicted_label"]]
    row["suggested_label"] = None if suggested is None else names[suggested]
    return row


def coded_row(values: Sequence[Any]) -> dict[str, Any]:
    """The same with class indices for labels."""
    row = dict(zip(review.LIST_COLUMNS, values, strict=True))
    row["label_score"] = 1 - row["p_wrong"]
    row["issues"] = _issues(row["issues"])
    return row


@cache
def _issues(flags: int) -> tuple[Issue, ...]:
    return tuple(issue for issue in Issue if flags & FLAGS[issue])


def suspect_detail(
    session: Session,
    storage: Storage,
    audit: Audit,
    dataset: Dataset,
    suspect: Suspect,
    include: Collection[Heavy] = (),
) -> dict[str, Any]:
    """The suspect with everything that a reviewer needs; heavy parts only if included."""
    names = dataset.class_names
    stored = ranking_files.read_signals(storage, audit.id, suspect.ranking_id, suspect.rank)
    outcome = review.outcome_of(session, dataset.id, suspect.position)
    applied = outcome.correction
    corrected = applied.corrected_label if applied else None
    return {
        **suspect_row(suspect, names),
        "position": suspect.position,
        "content": _content(storage, audit, dataset, suspect),
        "media_url": media_url(dataset, suspect.sample_id),
        "signals": stored["signals"],
        "top_labels": [
            {"label": names[label], "probability": probability}
            for label, probability in zip(
                stored["top_labels"], stored["top_probabilities"], strict=True
            )
        ],
        "duplicates": [
            {"sample_id": other.sample_id, "given_label": names[other.given_label]}
            for other in review.duplicates_of(session, suspect, limit=20)
        ],
        "votes": [
            {"label": names[said.label], "votes": said.votes, "annotators": said.annotators}
            for said in votes.read_votes(storage, dataset.id, suspect.position)
        ],
        "trajectory": _trajectory(storage, audit, suspect, stored["row"])
        if "trajectory" in include
        else None,
        "neighbours": neighbours(session, storage, audit, dataset, suspect)
        if "neighbours" in include
        else None,
        "corrected_label": None if corrected is None else names[corrected],
        "verdict": applied.verdict if applied else None,
        "correction_id": applied.id if applied else None,
        # the remaining reviewers must not see the opinions given so far
        "opinions": []
        if outcome.partially_reviewed
        else [correction(row, names) for row in outcome.opinions.values()],
        "comments": []
        if outcome.partially_reviewed
        else [comment(row) for row in comments_at(session, dataset.id, suspect.position)],
    }


def _trajectory(
    storage: Storage, audit: Audit, suspect: Suspect, row: int
) -> dict[str, Any] | None:
    found = ranking_files.read_trajectory(storage, audit.id, row, suggested=suspect.suggested_label)
    if found is None:
        return None
    return {
        name: packing.pack(name, value) if isinstance(value, np.ndarray) else value
        for name, value in found.items()
    }


def _content(storage: Storage, audit: Audit, dataset: Dataset, suspect: Suspect) -> dict[str, Any]:
    """The sample's content; for a table row also how it compares with both classes."""
    row = datasets.read_row(storage, dataset.id, suspect.position)
    content = datasets.content_of(dataset, row)
    if "row" in content:
        content["typical"] = class_profiles.compare(
            storage,
            audit.id,
            content["row"],
            given=suspect.given_label,
            suggested=suspect.predicted_label,
        )
    return content


def neighbours(
    session: Session, storage: Storage, audit: Audit, dataset: Dataset, suspect: Suspect
) -> list[dict[str, Any]]:
    """The samples nearest to a suspect, with their given labels."""
    stored = ranking_files.read_signals(storage, audit.id, suspect.ranking_id, suspect.rank)
    positions = ranking_files.read_neighbours(storage, audit.id, stored["row"])
    samples = datasets.get_samples(session, dataset.id, positions)
    outcomes = review.outcomes_at(session, dataset.id, positions)
    found = []
    for position in positions:
        sample = samples[position]
        assert sample.given_label is not None  # only labeled samples are audited
        applied = outcomes[position].correction
        corrected = applied.corrected_label if applied else None
        found.append(
            {
                "sample_id": sample.sample_id,
                "given_label": dataset.class_names[sample.given_label],
                "corrected_label": None if corrected is None else dataset.class_names[corrected],
                "state": outcomes[position].state,
                "content": datasets.content_of(
                    dataset, datasets.read_row(storage, dataset.id, position)
                ),
                "media_url": media_url(dataset, sample.sample_id),
            }
        )
    return found


def blind(storage: Storage, dataset: Dataset, suspect: Suspect) -> dict[str, Any]:
    """The sample and its given label, without anything the models say about it."""
    return {
        "sample_id": suspect.sample_id,
        "position": suspect.position,
        "given_label": dataset.class_names[suspect.given_label],
        "state": suspect.state,
        "content": datasets.content_of(
            dataset, datasets.read_row(storage, dataset.id, suspect.position)
        ),
        "media_url": media_url(dataset, suspect.sample_id),
    }


def correction(row: Correction, names: list[str]) -> dict[str, Any]:
    return {
        "id": row.id,
        "seq": row.seq,
        "audit_id": row.audit_id,
        "sample_id": row.sample_id,
        "verdict": row.verdict,
        "given_label": names[row.given_label],
        "corrected_label": None if row.corrected_label is None else names[row.corrected_label],
        "reverts": row.reverts,
        "batch_id": row.batch_id,
        "adjudication": row.adjudication,
        "note": row.note,
        "annotator": {"id": row.key_id, "name": row.annotator},
        "control": row.control,
        "certificate_id": row.certificate_id,
        "created_at": row.created_at,
    }


def comment(row: Comment) -> dict[str, Any]:
    return {**row.to_dict(), "author": {"id": row.key_id, "name": row.author}}


def history(found: SampleHistory, names: list[str]) -> dict[str, Any]:
    given, applied = found.sample.given_label, found.outcome.correction
    corrected = applied.corrected_label if applied else None
    return {
        "sample_id": found.sample.sample_id,
        "given_label": None if given is None else names[given],
        "state": found.outcome.state,
        "wanted": found.wanted,
        "verdict": applied.verdict if applied else None,
        "corrected_label": None if corrected is None else names[corrected],
        "ranks": [
            suspect_row(suspect, names) | {"audit_id": row.id, "created_at": row.created_at}
            for row, suspect in found.ranks
        ],
        "corrections": [correction(row, names) for row in found.corrections],
        "comments": [comment(row) for row in found.comments],
        "hidden": found.hidden,
    }

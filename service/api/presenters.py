"""Database rows as the API shows them: class indices become names."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy.orm import Session

from labelaudit.enums import Issue
from labelaudit.schemas import AssignmentCreate, QueueNext
from service import review
from service.api.media import media_url
from service.audits import class_profiles, ranking_files
from service.core.errors import BadInput
from service.datasets import records as datasets
from service.datasets import votes
from service.db.tables import (
    Audit,
    Correction,
    Dataset,
    Suspect,
)
from service.issues import FLAGS
from service.storage.local import Storage


def class_index(
    dataset: Dataset | review.RankingInfo, name: str | None, *, field: str
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
            errors=[{"pointer": f"/{field}", "detail": "not a class of this dataset"}],
        ) from None


def label_pair(
    dataset: Dataset, options: QueueNext | AssignmentCreate
) -> tuple[int | None, int | None]:
    """The class indices of the request's given and predicted label."""
    given = class_index(dataset, options.given_label, field="given_label")
    return given, class_index(dataset, options.predicted_label, field="predicted_label")


def suspect_row(suspect: Suspect, names: list[str]) -> dict[str, Any]:
    return list_row(review.list_columns(suspect), names)


def list_row(values: Sequence[Any], names: list[str]) -> dict[str, Any]:
    """A suspect as lists show it, from the values of `review.LIST_COLUMNS`."""
    row = dict(zip(review.LIST_COLUMNS, values, strict=True))
    suggested = row["suggested_label"]
    row["given_label"] = names[row["given_label"]]
    row["predicted_label"] = names[row["predicted_label"]]
    row["suggested_label"] = None if suggested is None else names[suggested]
    row["label_score"] = 1 - row["p_wrong"]
    row["issues"] = _issues(row["issues"])
    return row


@cache
def _issues(flags: int) -> tuple[Issue, ...]:
    return tuple(issue for issue in Issue if flags & FLAGS[issue])


def suspect_detail(
    session: Session, storage: Storage, audit: Audit, dataset: Dataset, suspect: Suspect
) -> dict[str, Any]:
    """The suspect with everything that a reviewer needs."""
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
        "trajectory": ranking_files.read_trajectory(
            storage, audit.id, stored["row"], suggested=suspect.suggested_label
        ),
        "corrected_label": None if corrected is None else names[corrected],
        "verdict": applied.verdict if applied else None,
        "correction_id": applied.id if applied else None,
        # the remaining reviewers must not see the opinions given so far
        "opinions": []
        if outcome.partially_reviewed
        else [correction(row, names) for row in outcome.opinions.values()],
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
        "annotator": row.annotator,
        "annotator_id": row.key_id,
        "control": row.control,
        "created_at": row.created_at,
    }

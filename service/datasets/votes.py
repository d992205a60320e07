"""Annotators' votes that came with a dataset: the votes, their quality and their agreement.

`datasets/{id}/votes.parquet` has the votes; `annotators.json` beside it has the statistics computed
from votes only. An audit's summary has those computed with the help of models.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy.orm import Session

from service.core.errors import NotFound
from service.datasets.records import folder, get_ready_dataset
from service.ingest.votes import EVERYONE, VOTES
from service.ranking.votes import VoteSummary
from service.storage.local import Storage
from service.votes import (
    Votes,
    agreement,
    dawid_skene,
    quality,
)

FIT_SAMPLES = 20_000  # sampled to estimate quality; agreement uses all samples


def votes_key(dataset_id: str) -> str:
    return f"{folder(dataset_id)}/{VOTES}"


def annotators_key(dataset_id: str) -> str:
    return f"{folder(dataset_id)}/annotators.json"


def load_votes(path: Path, *, n_samples: int, n_classes: int) -> Votes | None:
    """The votes of a dataset by position, or None if it has none.

    If a person voted twice on a sample, the last vote counts.
    """
    if not path.exists():
        return None
    columns: dict[str, list[Any]] = {k: [] for k in ("position", "person", "label", "count")}
    names = pa.array([], pa.string())
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(65_536):
            people = batch["annotator"]
            names = pa.concat_arrays([names, _unseen(people, names)])
            columns["position"].append(batch["position"].to_numpy())
            columns["person"].append(pc.index_in(people, value_set=names).to_numpy())
            columns["label"].append(batch["label"].to_numpy())
            columns["count"].append(batch["count"].to_numpy())
    arrays = {name: np.concatenate(parts) for name, parts in columns.items() if parts}
    if not arrays:
        return None
    last = _last(arrays["position"], arrays["person"], counted=arrays["count"] != 1.0)
    return Votes(
        arrays["position"][last].astype(np.intp),
        arrays["person"][last].astype(np.intp),
        arrays["label"][last].astype(np.intp),
        n_samples,
        n_classes,
        names.to_pylist(),
        arrays["count"][last].astype(np.float64),
    )


@dataclass(frozen=True)
class LabelVotes:
    """The votes for one class on one sample. Votes that came as counts have no annotators."""

    label: int
    votes: float
    annotators: list[str]


def read_votes(storage: Storage, dataset_id: str, position: int) -> list[LabelVotes]:
    """The votes on one sample, the class with the most votes first."""
    path = storage.path(votes_key(dataset_id))
    if not path.exists():
        return []
    rows = pq.read_table(path, filters=[("position", "==", position)]).to_pylist()
    # a person's last vote counts; counts are all kept
    last = {row["annotator"]: row for row in rows if row["annotator"] != EVERYONE}
    by_class: dict[int, list[dict[str, Any]]] = {}
    for row in (*last.values(), *(row for row in rows if row["annotator"] == EVERYONE)):
        by_class.setdefault(row["label"], []).append(row)
    found = [
        LabelVotes(
            label,
            sum(row["count"] for row in votes),
            [row["annotator"] for row in votes if row["annotator"] != EVERYONE],
        )
        for label, votes in by_class.items()
    ]
    return sorted(found, key=lambda one: (-one.votes, one.label))


def describe(votes: Votes) -> VoteSummary:
    """Quality and agreement, computed from the votes only."""
    rows = np.flatnonzero(votes.voted)
    if len(rows) > FIT_SAMPLES:
        rows = np.sort(np.random.default_rng(0).choice(rows, FIT_SAMPLES, replace=False))
    some = votes.of_samples(rows)
    consensus = dawid_skene(some)
    return VoteSummary(
        samples=int(votes.voted.sum()),
        votes=int(votes.count.sum()),
        agreement=agreement(votes),
        power=consensus.power,
        annotators=quality(some, consensus),
    )


def write_annotators(storage: Storage, dataset_id: str, class_names: list[str], n: int) -> None:
    """Store the statistics of a dataset's votes, or nothing if it has none."""
    path = storage.path(votes_key(dataset_id))
    votes = load_votes(path, n_samples=n, n_classes=len(class_names))
    if votes is None:
        storage.path(annotators_key(dataset_id)).unlink(missing_ok=True)
        return
    summary = describe(votes).to_dict(class_names)
    with storage.writing(annotators_key(dataset_id)) as target:
        target.write_text(json.dumps(summary))


def read_annotators(session: Session, storage: Storage, dataset_id: str) -> dict[str, Any]:
    """The statistics of a dataset's votes. Raises NotFound if it has none."""
    dataset = get_ready_dataset(session, dataset_id)
    path = storage.path(annotators_key(dataset.id))
    if not path.exists():
        raise NotFound("This dataset has no votes by several annotators; see docs/formats.md.")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def _unseen(people: Any, names: Any) -> Any:
    fresh = pc.unique(people)
    return fresh.filter(pc.invert(pc.is_in(fresh, value_set=names)))


def _last(positions: Any, people: Any, *, counted: Any) -> Any:
    """Rows to keep, in order: the last of each person on each sample; counts are all kept."""
    order = np.lexsort((np.arange(len(positions)), people, positions))
    after = np.r_[order[1:], order[:1]]
    same = (positions[order] == positions[after]) & (people[order] == people[after])
    if len(order):
        same[-1] = False
    return np.sort(order[~same | counted[order]])

"""What is kept beside a ranked suspect: its signals, its likely classes and its trajectory.

`audits/{id}/rankings/{ranking_id}.parquet` has one row a suspect, in rank order, and is read one
row group at a time; trajectories are memory-mapped, so showing one sample touches a page an epoch.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from service.audits import records as audits
from service.ranking import Ranking
from service.ranking.trajectory import Trajectory
from service.storage.local import Storage
from service.storage.parquet_rows import read_row

ROW_GROUP = 1024


def ranking_key(audit_id: str, ranking_id: str) -> str:
    return f"{audits.folder(audit_id)}/rankings/{ranking_id}.parquet"


def write_ranking(ranking: Ranking, path: Path) -> None:
    """Signals and likely classes in rank order; `row` is the sample's row in the audit's arrays."""
    order = ranking.order
    columns: dict[str, Any] = {"row": order.astype(np.int64)}
    columns |= {
        f"signal.{name}": values[order].astype(np.float32)
        for name, values in ranking.signals.items()
    }
    columns["top_labels"] = list(ranking.top_classes[order].astype(np.int32))
    columns["top_probabilities"] = list(ranking.top_probabilities[order].astype(np.float32))
    pq.write_table(pa.table(columns), path, row_group_size=ROW_GROUP)


def read_signals(storage: Storage, audit_id: str, ranking_id: str, rank: int) -> dict[str, Any]:
    """`row`, `signals`, `top_labels` and `top_probabilities` of the suspect at a rank (from 1)."""
    path = storage.path(ranking_key(audit_id, ranking_id))
    stored = read_row(path, rank - 1, row_group=ROW_GROUP)
    prefix = "signal."
    return {
        "row": stored["row"],
        "signals": {
            name.removeprefix(prefix): None if value != value else value
            for name, value in stored.items()
            if name.startswith(prefix)
        },
        "top_labels": stored["top_labels"],
        "top_probabilities": stored["top_probabilities"],
    }


def read_neighbours(storage: Storage, audit_id: str, row: int) -> list[int]:
    """Dataset positions of the samples nearest to one, the nearest first; none where the audit did
    not look for neighbours."""
    folder = storage.path(audits.folder(audit_id))
    for path in sorted((folder / "shards").glob("*/nearest.npy")):
        rows = np.load(path, mmap_mode="r")[row]
        positions = np.load(folder / "positions.npy", mmap_mode="r")
        return [int(position) for position in positions[rows[rows >= 0]]]
    return []


def read_trajectory(
    storage: Storage, audit_id: str, row: int, *, suggested: int | None
) -> dict[str, Any] | None:
    """One sample's record over all shards' replicas; None where no network was trained."""
    folders = sorted(storage.path(f"{audits.folder(audit_id)}/shards").glob("*/trajectory.json"))
    shards = [Trajectory.load(header.parent) for header in folders]
    if not shards:
        return None
    side_by_side = {
        name: np.concatenate([getattr(shard, name)[:, row, :] for shard in shards], axis=1)
        for name in ("p_given", "margin", "predicted")
    }
    low, high = p_suggested(shards, row, suggested)
    return {
        "epochs": shards[0].epochs,
        "replicas": sum(shard.replicas for shard in shards),
        "in_bag": np.concatenate([shard.in_bag[row] for shard in shards]).tolist(),
        "p_given": side_by_side["p_given"],
        "p_suggested_low": low,
        "p_suggested_high": high,
        "margin": side_by_side["margin"],
        "predicted_label": side_by_side["predicted"],
    }


def p_suggested(
    shards: list[Trajectory], row: int, suggested: int | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | tuple[None, None]:
    """Bounds of the suggested label's probability, (epochs, replicas) each; None where unknown.

    It is recorded where the replica predicts it, and there both bounds are equal. Elsewhere it is
    at most what the predicted and the given label leave over, and no more than the predicted has.
    """
    if suggested is None or any(shard.p_predicted is None for shard in shards):
        return None, None

    def at(name: str) -> np.ndarray[Any, Any]:
        parts = [getattr(shard, name)[:, row, :] for shard in shards]
        return np.concatenate(parts, axis=1).astype(float)

    leading, given, predicted = at("p_predicted"), at("p_given"), at("predicted")
    leads = predicted == suggested
    # where the given label leads, its probability is the leading one and must not count twice
    rest = 1 - leading - np.where(at("margin") > 0, 0.0, given)
    most = np.clip(np.minimum(leading, rest), 0.0, 1.0)
    low = np.where(leads, leading, 0.0)
    high = np.where(leads, leading, most)
    return low, high

"""The data map: how confident the replicas were in each given label, and how much that varied.

Confidence is `p_given` (low = bad), variability its standard deviation over epochs, both means over
replicas (Swayamdipta et al., Dataset Cartography, EMNLP 2020). A map of any size is shown as its
density over all samples and a limited number of points.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from labelaudit.enums import Tier
from service.audits import ranking_files
from service.core.errors import NotReady
from service.db.tables import Suspect
from service.storage.local import Storage

WORST, SPREAD = 800, 1200  # points: all of the worst ranks, an even selection of the rest
MAX_VARIABILITY = 0.5  # the largest standard deviation of values in [0, 1]
COLUMNS = ["signal.p_given", "signal.variability"]


@dataclass(frozen=True)
class PlotAxes:
    """Where the plot's axes are, as shares of its width and height from the top left, and the
    values at their ends. Both axes start at 0."""

    left: float
    top: float
    width: float
    height: float
    x_max: float
    y_max: float


# Of the drawn data map. The page places its own click targets over the plot.
AXES = PlotAxes(left=0.1, top=0.09, width=0.87, height=0.78, x_max=MAX_VARIABILITY, y_max=1.0)


@dataclass(frozen=True)
class Point:
    rank: int
    sample_id: str
    tier: Tier
    given_label: int
    p_wrong: float
    confidence: float
    variability: float


@dataclass(frozen=True)
class DataMap:
    """`confidence` and `variability` of all N samples by rank, and `points` for some of them."""

    confidence: NDArray[np.float32]  # (N,) in [0, 1]; low = bad
    variability: NDArray[np.float32]  # (N,) in [0, .5]
    points: list[Point]


def read_data_map(session: Session, storage: Storage, audit_id: str, ranking_id: str) -> DataMap:
    """
    Raises
    ------
    NotReady
        Nothing was recorded per epoch.
    """
    with pq.ParquetFile(storage.path(ranking_files.ranking_key(audit_id, ranking_id))) as file:
        if not set(COLUMNS) <= set(file.schema_arrow.names):
            raise NotReady(
                "This audit has no data map: no network was trained, or its ranking predates data "
                "maps. In the latter case, request a new ranking."
            )
        table = file.read(columns=COLUMNS)
    confidence, variability = (table[name].to_numpy() for name in COLUMNS)
    ranks = shown_ranks(len(confidence))
    rows = session.execute(
        select(
            Suspect.rank,
            Suspect.sample_id,
            Suspect.tier,
            Suspect.given_label,
            Suspect.p_wrong,
        )
        .where(Suspect.ranking_id == ranking_id, Suspect.rank.in_(ranks))
        .order_by(Suspect.rank)
    )
    points = [
        Point(*row, float(confidence[row.rank - 1]), float(variability[row.rank - 1]))
        for row in rows
    ]
    return DataMap(confidence, variability, points)


def shown_ranks(samples: int) -> list[int]:
    """The ranks, from 1, of the samples that are drawn as points."""
    if samples <= WORST + SPREAD:
        return list(range(1, samples + 1))
    rest = np.linspace(WORST + 1, samples, SPREAD).astype(int)
    return [*range(1, WORST + 1), *np.unique(rest).tolist()]

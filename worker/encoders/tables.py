"""Table rows -> vectors: scaled numbers, marks for what was missing, categories one-hot.

Fitted without labels, on evenly spaced rows if there are many, then applied as the file streams.
"""

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    RobustScaler,
    StandardScaler,
)

from labelaudit.schemas.model_description import CategoryColumn, NumberColumn, TableColumns
from service.core.errors import BadDataset
from service.inference.table import MISSING, soft_clip
from worker.encoders.encoding import Batch, Encoding
from worker.encoders.samples import Samples

PREFIX = "feature."
FITTED_ROWS, FITTED_CELLS = 50_000, 20_000_000
MAX_CATEGORIES = 32
RARE = 10


class TableTransformer:
    """`fit` learns from some rows, `transform` gives (n, `width`) float32 for any others.

    Numbers: the median for what is missing, scaled by their quartiles (by their standard deviation
    if those coincide), clipped softly, standardised; one more column marks what was missing.
    Categories: one-hot; what is rarer than about one row in fifty, up to 10 rows, is pooled.
    """

    def __init__(self) -> None:
        self.numbers = make_pipeline(
            SimpleImputer(strategy="median"),
            # RobustScaler leaves a column alone whose quartiles coincide: it must be scaled before.
            StandardScaler(),
            RobustScaler(),
            FunctionTransformer(soft_clip),
            StandardScaler(),
        )
        self.missing = MissingIndicator(features="missing-only", error_on_new=False)

    def fit(self, numbers: NDArray[np.float64], categories: NDArray[np.object_]) -> Self:
        # fmin and fmax pass over NaN; a column of nothing else compares as False.
        low, high = np.fmin.reduce(numbers), np.fmax.reduce(numbers)
        self.varying = low < high
        absent = np.isnan(numbers)
        self.gappy = absent.any(axis=0) & ~absent.all(axis=0)
        self.several = np.array([len(set(column)) > 1 for column in categories.T], dtype=bool)
        self.categories = OneHotEncoder(
            min_frequency=int(np.clip(len(numbers) // 50, 1, RARE)),
            max_categories=MAX_CATEGORIES,
            handle_unknown="infrequent_if_exist",
            sparse_output=False,
            dtype=np.float32,
        )
        if self.varying.any():
            self.numbers.fit(numbers[:, self.varying])
        if self.gappy.any():
            self.missing.fit(numbers[:, self.gappy])
        if self.several.any():
            self.categories.fit(categories[:, self.several])
        self.width = self.transform(numbers[:1], categories[:1]).shape[1]
        return self

    def transform(
        self, numbers: NDArray[np.float64], categories: NDArray[np.object_]
    ) -> NDArray[np.float32]:
        parts: list[NDArray[Any]] = [np.empty((len(numbers), 0), np.float32)]
        if self.varying.any():
            parts.append(self.numbers.transform(numbers[:, self.varying]))
        if self.gappy.any():
            parts.append(self.missing.transform(numbers[:, self.gappy]))
        if self.several.any():
            parts.append(self.categories.transform(categories[:, self.several]))
        return np.hstack(parts).astype(np.float32)

    def columns(self, numbers: list[str], categories: list[str]) -> TableColumns:
        """What was learned, as plain numbers; the names are those of the fitted columns."""
        filled, first, robust, _, last = (step for _, step in self.numbers.steps)
        varying = np.array(numbers)[self.varying].tolist() if numbers else []
        several = np.array(categories)[self.several].tolist() if categories else []
        marks = np.array(numbers)[self.gappy].tolist() if numbers else []
        used = {*varying, *several, *marks}
        return TableColumns(
            numbers=[
                NumberColumn(
                    name=name,
                    filled=filled.statistics_[place],
                    centre=first.mean_[place] + first.scale_[place] * robust.center_[place],
                    scale=first.scale_[place] * robust.scale_[place],
                    clipped_centre=last.mean_[place],
                    clipped_scale=last.scale_[place],
                )
                for place, name in enumerate(varying)
            ],
            marks=marks,
            categories=[self._category(place, name) for place, name in enumerate(several)],
            ignored=[name for name in (*numbers, *categories) if name not in used],
        )

    def _category(self, place: int, name: str) -> CategoryColumn:
        rare = self.categories.infrequent_categories_[place]
        pooled = set() if rare is None else set(rare.tolist())
        values = [v for v in self.categories.categories_[place].tolist() if v not in pooled]
        return CategoryColumn(name=name, values=values, rare=len(values) if pooled else None)


def encode_table(samples: Samples) -> Encoding:
    """(N, D) float32. Raises BadDataset if no column tells two rows apart."""
    transformer = fit_table(samples)
    return Encoding(
        (transformer.width,), np.float32, _batches(samples, _columns(samples), transformer)
    )


def fitted_columns(samples: Samples) -> TableColumns:
    """What `encode_table` reads the same samples by, for rows to come."""
    columns = _columns(samples)
    floating = {name for name in columns if pa.types.is_floating(samples.columns[name])}
    return fit_table(samples).columns(
        [name.removeprefix(PREFIX) for name in columns if name in floating],
        [name.removeprefix(PREFIX) for name in columns if name not in floating],
    )


def fit_table(samples: Samples) -> TableTransformer:
    columns = _columns(samples)
    count = min(FITTED_ROWS, max(FITTED_CELLS // max(len(columns), 1), 1000))
    parts = [_split(rows.table) for rows in samples.spread(count).read(columns)]
    numbers, categories = (np.concatenate(side) for side in zip(*parts, strict=True))
    transformer = TableTransformer().fit(numbers, categories)
    if transformer.width == 0:
        raise BadDataset(
            "Every feature column holds one and the same value in all rows, so there is nothing to "
            "learn from. Upload columns that vary.",
            type="no-usable-feature",
        )
    return transformer


def _columns(samples: Samples) -> list[str]:
    return [name for name in samples.columns if name.startswith(PREFIX)]


def _batches(
    samples: Samples, columns: list[str], transformer: TableTransformer
) -> Iterator[Batch]:
    for rows in samples.read(columns):
        yield rows.rows, transformer.transform(*_split(rows.table))


def _split(table: pa.Table) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
    """Numbers (n, a) with NaN where missing, and categories (n, b) of strings."""
    numbers = [column for column in table.columns if pa.types.is_floating(column.type)]
    categories = [column for column in table.columns if not pa.types.is_floating(column.type)]
    return (
        _stacked([column.to_numpy() for column in numbers], len(table), np.float64),
        _stacked(
            [pc.fill_null(column, MISSING).to_numpy() for column in categories],
            len(table),
            np.object_,
        ),
    )


def _stacked(columns: list[NDArray[Any]], rows: int, dtype: type[Any]) -> NDArray[Any]:
    return np.stack(columns, axis=1).astype(dtype) if columns else np.empty((rows, 0), dtype)

"""A ranking as a table with cleanlab's column names."""

import io
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import IO, Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from labelaudit.enums import Issue
from service.exports.formats.cells import escape, open_writer

BATCH = 8192
SCHEMA = pa.schema(
    [
        ("sample_id", pa.string()),
        ("given_label", pa.string()),
        ("predicted_label", pa.string()),
        ("is_label_issue", pa.bool_()),
        ("label_score", pa.float64()),
        ("label_quality", pa.float64()),
        ("suggested_label", pa.string()),
        ("suggested_label_confidence", pa.float64()),
        ("p_wrong", pa.float64()),
        ("p_wrong_low", pa.float64()),
        ("p_wrong_high", pa.float64()),
        ("tier", pa.string()),
        ("rank", pa.int64()),
        ("reason", pa.string()),
        ("is_ambiguous_issue", pa.bool_()),
        ("ambiguous_score", pa.float64()),
        ("is_near_duplicate_issue", pa.bool_()),
        ("near_duplicate_score", pa.float64()),
        ("is_conflicting_duplicate_issue", pa.bool_()),
        ("is_outlier_issue", pa.bool_()),
        ("outlier_score", pa.float64()),
        ("is_dark_issue", pa.bool_()),
        ("dark_score", pa.float64()),
        ("is_light_issue", pa.bool_()),
        ("light_score", pa.float64()),
        ("is_blurry_issue", pa.bool_()),
        ("blurry_score", pa.float64()),
        ("is_low_information_issue", pa.bool_()),
        ("low_information_score", pa.float64()),
        ("is_odd_aspect_ratio_issue", pa.bool_()),
        ("odd_aspect_ratio_score", pa.float64()),
        ("is_odd_size_issue", pa.bool_()),
        ("odd_size_score", pa.float64()),
        ("is_grayscale_issue", pa.bool_()),
        ("grayscale_score", pa.float64()),
    ]
)
SUSPECT_COLUMNS: tuple[str, ...] = tuple(SCHEMA.names)
LABEL_COLUMNS = frozenset({"given_label", "predicted_label", "suggested_label"})
CODED = pa.schema(
    [field.with_type(pa.int64()) if field.name in LABEL_COLUMNS else field for field in SCHEMA]
)


def write_suspects(
    rows: Iterable[dict[str, Any]],
    target: IO[bytes],
    format: Literal["csv", "parquet"],
    *,
    coded: bool = False,
    escape_formulas: bool = True,
) -> None:
    """Write suspects in the given order. `label_score` in [0, 1] is low = bad, `p_wrong` high.

    `coded` says that the rows' labels are class indices instead of names.

    `label_quality` is the score under cleanlab's older name; `is_label_issue` is true for every
    tier except `none`; the scores of other issues are low = bad. Unknown keys are ignored.
    `escape_formulas` applies to CSV only.
    """
    complete = map(_complete, rows)
    if format == "parquet":
        schema = CODED if coded else SCHEMA
        with pq.ParquetWriter(target, schema, compression="zstd") as writer:
            for batch in _batches(complete):
                writer.write_batch(pa.RecordBatch.from_pylist(batch, schema=schema))
        return
    text = io.TextIOWrapper(target, encoding="utf-8", newline="", write_through=True)
    writer = open_writer(text)
    writer.writerow(SUSPECT_COLUMNS)
    for row in complete:
        cells = (row[name] for name in SUSPECT_COLUMNS)
        writer.writerow([_cell(value, escape_formulas) for value in cells])
    text.flush()
    text.detach()  # the file stays the caller's


def _complete(row: dict[str, Any]) -> dict[str, Any]:
    score = row.get("label_score")
    derived = {"label_quality": score, "is_label_issue": row.get("tier") not in (None, "none")}
    found = row.get("issues") or ()
    derived |= {f"is_{issue}_issue": issue in found for issue in Issue}
    return {name: row.get(name, derived.get(name)) for name in SUSPECT_COLUMNS}


def _batches(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while batch := list(islice(rows, BATCH)):
        yield batch


def _cell(value: Any, escape_formulas: bool) -> Any:
    return escape(value) if escape_formulas and isinstance(value, str) else value

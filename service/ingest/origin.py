"""What an export needs to know about the upload, stored in the metadata of `samples.parquet`."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

METADATA_KEY = b"labelaudit"


@dataclass(frozen=True)
class Origin:
    """The original format of an upload.

    `format` is the report's. `table` and `arrays` name the members of an archive that hold the rows
    and the vectors. `skipped_rows` are 0-based rows of the upload that became no sample, so that
    position i is the i-th row that is not among them. `tables` are the members that hold the rows,
    with their numbers of rows, if there are several. Rows from `listed_rows` on are pictures that
    no table lists; `file_column` is the column of a table that names them.
    """

    kind: str
    format: str
    class_names: list[str]
    label_column: str | None = None
    sample_id_column: str | None = None
    labels_are_codes: bool = False
    class_names_column: str | None = None
    table_format: str | None = None
    table: str | None = None
    arrays: str | None = None
    root: str = ""
    skipped_rows: list[int] = field(default_factory=list)
    tables: dict[str, int] = field(default_factory=dict)
    listed_rows: int | None = None
    file_column: str | None = None

    def as_metadata(self) -> dict[bytes, bytes]:
        """Key and value for the Parquet footer."""
        return {METADATA_KEY: json.dumps(asdict(self), ensure_ascii=False).encode()}


def read_origin(samples: Path) -> Origin:
    """The origin of a canonical `samples.parquet`."""
    metadata: dict[bytes, bytes] = pq.read_metadata(samples).metadata or {}
    fields: dict[str, Any] = json.loads(metadata[METADATA_KEY])
    return Origin(**fields)

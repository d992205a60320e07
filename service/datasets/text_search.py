"""Finds samples by words, in one pass over samples.parquet: no index is kept, and only one batch of
rows is in memory at a time."""

from pathlib import Path
from threading import Lock

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from cachetools import LRUCache, cached

from service.core.errors import BadInput
from service.datasets.records import samples_key
from service.storage.local import Storage

MOST = 5_000  # samples that a search may find: the database is asked for each by its id
BATCH = 8192
CACHED = 32
SEARCHED = {"sample_id", "text", "file"}


def find_samples(storage: Storage, dataset_id: str, search: str) -> tuple[str, ...]:
    """The ids of the samples that contain every word of `search`, in any case.

    Raises
    ------
    BadInput
        There is no word, or more than `MOST` samples contain them.
    """
    words = tuple(sorted(set(search.split())))
    if not words:
        raise BadInput("Write at least one word in `search`, or leave it out.")
    return _find(storage.path(samples_key(dataset_id)), words)


# Samples never change once a dataset can be audited.
@cached(LRUCache(CACHED), lock=Lock())
def _find(path: Path, words: tuple[str, ...]) -> tuple[str, ...]:
    found: list[str] = []
    with pq.ParquetFile(path) as file:
        columns = [field.name for field in file.schema_arrow if _is_searched(field)]
        for batch in file.iter_batches(BATCH, columns=columns, use_threads=False):
            matching = batch.filter(_matches(batch, words))
            found += matching.column("sample_id").to_pylist()
            if len(found) > MOST:
                raise BadInput(
                    f"More than {MOST:,} samples contain {' '.join(words)!r}. Add another word to "
                    "`search`."
                )
    return tuple(found)


def _is_searched(field: pa.Field) -> bool:
    named = field.name in SEARCHED or field.name.startswith("feature.")
    return named and not pa.types.is_nested(field.type)


def _matches(batch: pa.RecordBatch, words: tuple[str, ...]) -> pa.BooleanArray:
    """Of each row, whether every word is in one of its columns."""
    texts = [pc.cast(column, pa.string()) for column in batch.columns]
    every = pa.repeat(True, batch.num_rows)
    for word in words:
        some = pa.repeat(False, batch.num_rows)
        for text in texts:
            contains = pc.match_substring(text, word, ignore_case=True)
            some = pc.or_(some, pc.fill_null(contains, False))
        every = pc.and_(every, some)
    return every

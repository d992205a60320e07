"""Many rows at once: COPY on PostgreSQL, executemany on SQLite."""

import io
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import pyarrow as pa
from pyarrow import csv
from sqlalchemy import Table, insert
from sqlalchemy.orm import Session


def bulk_copy(session: Session, table: Table, batches: Iterable[pa.RecordBatch]) -> None:
    """Insert batches whose columns are named as the table's: on Postgres as CSV that Arrow writes,
    a tenth of the time that rows made in Python take; on SQLite by executemany."""
    connection = session.connection()
    if connection.dialect.name != "postgresql":
        for batch in filter(len, batches):  # no rows at all would mean one of defaults
            connection.execute(insert(table), batch.to_pylist())
        return
    iterator = iter(batches)
    first = next(iterator, None)
    if first is None:
        return
    columns = ", ".join(f'"{name}"' for name in first.schema.names)
    cursor = connection.connection.cursor()
    with cursor.copy(f'COPY "{table.name}" ({columns}) FROM STDIN (FORMAT csv)') as copy:
        for batch in chain([first], iterator):
            text = io.BytesIO()
            # strings are quoted and nulls are not, which is how COPY tells them apart
            csv.write_csv(batch, text, csv.WriteOptions(include_header=False))
            copy.write(text.getbuffer())


def bulk_insert(session: Session, table: Table, rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows in the table's column order: COPY on Postgres, executemany on SQLite.

    Columns with a default may be left off at the end of each row.
    """
    iterator = iter(rows)
    first = next(iterator, None)
    if first is None:
        return
    names = [column.name for column in table.columns][: len(first)]
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        cursor = connection.connection.cursor()
        columns = ", ".join(f'"{name}"' for name in names)
        with cursor.copy(f'COPY "{table.name}" ({columns}) FROM STDIN') as copy:
            copy.write_row(first)
            for row in iterator:
                copy.write_row(row)
        return
    batch = [dict(zip(names, first, strict=True))]
    for row in iterator:
        batch.append(dict(zip(names, row, strict=True)))
        if len(batch) == 5_000:
            connection.execute(insert(table), batch)
            batch = []
    if batch:
        connection.execute(insert(table), batch)

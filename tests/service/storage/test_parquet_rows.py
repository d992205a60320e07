"""Rows of Parquet files, read with cached footers."""

from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.parquet as pq

from service.storage import parquet_rows


def _write(path, numbers):
    pq.write_table(pa.table({"number": numbers}), path, row_group_size=4)


def test_a_row_is_found_in_its_group(tmp_path):
    path = tmp_path / "rows.parquet"
    _write(path, list(range(10)))
    assert [parquet_rows.read_row(path, row, row_group=4)["number"] for row in (0, 3, 4, 9)] == [
        0,
        3,
        4,
        9,
    ]


def test_of_a_file_that_was_written_anew_the_new_row_is_read(tmp_path):
    path = tmp_path / "rows.parquet"
    _write(path, list(range(10)))
    parquet_rows.read_row(path, 9, row_group=4)
    other = tmp_path / "other.parquet"
    _write(other, [f"row {n}" for n in range(10)])
    other.replace(path)
    assert parquet_rows.read_row(path, 9, row_group=4)["number"] == "row 9"


def test_a_footer_is_read_once(tmp_path, monkeypatch):
    path = tmp_path / "rows.parquet"
    _write(path, list(range(10)))
    reads = []
    read = pq.read_metadata
    monkeypatch.setattr(pq, "read_metadata", lambda path: reads.append(path) or read(path))
    for row in range(10):
        parquet_rows.read_row(path, row, row_group=4)
    assert len(reads) == 1


def test_threads_share_the_footers(tmp_path):
    paths = [tmp_path / f"{number}.parquet" for number in range(50)]
    for number, path in enumerate(paths):
        _write(path, [number])
    with ThreadPoolExecutor(8) as threads:
        rows = threads.map(lambda path: parquet_rows.read_row(path, 0, row_group=4), paths * 4)
        assert [row["number"] for row in rows] == list(range(50)) * 4
    assert len(parquet_rows._footer.cache) == parquet_rows.CACHED_FOOTERS

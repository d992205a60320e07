"""What is kept of what was costly to find, and rows of Parquet files read by kept footers."""

import pyarrow as pa
import pyarrow.parquet as pq

from service.core.lru import Recent
from service.storage import parquet_rows


def test_what_was_found_is_not_looked_for_again():
    kept, looks = Recent(2), []

    def find():
        looks.append(1)
        return len(looks)

    assert [kept.get("a", find), kept.get("a", find), kept.get("b", find)] == [1, 1, 2]


def test_what_was_used_longest_ago_makes_room():
    kept = Recent(2)
    for key in ("a", "b", "a", "c"):
        kept.get(key, lambda key=key: key)
    assert [kept.get(key, lambda: "new") for key in ("a", "c", "b")] == ["a", "c", "new"]


def test_nothing_is_kept_of_a_search_that_failed():
    kept = Recent(2)
    for _ in range(2):
        try:
            kept.get("a", lambda: 1 // 0)
        except ZeroDivisionError:
            continue
    assert kept.get("a", lambda: 5) == 5


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

"""What is typical of each class in each column of a table."""

import pyarrow as pa
import pyarrow.parquet as pq

from service.audits.class_profiles import compare, profiles_key, write_class_profiles


def test_the_column_that_speaks_against_the_given_label_comes_first(storage, tmp_path):
    samples = tmp_path / "samples.parquet"
    columns = {
        "given_label": ["a", "a", "b", "b", None],
        "feature.same": [1.0, 2.0, 1.0, 2.0, 50.0],
        "feature.size": [1.0, 3.0, 11.0, 13.0, None],
        "feature.colour": ["red", "red", "blue", None, "red"],
    }
    pq.write_table(pa.table(columns), samples)
    with storage.writing(profiles_key("au_1")) as path:
        write_class_profiles(samples, ["a", "b"], path)
    row = {"same": 1.5, "size": 12.0, "colour": "blue"}
    assert compare(storage, "au_1", row, given=0, suggested=1) == [
        {"column": "size", "given": "2 ± 1", "suggested": "12 ± 1", "against": 10.0},
        {"column": "colour", "given": "red (100%)", "suggested": "blue (100%)", "against": 1.0},
        {"column": "same", "given": "1.5 ± 0.5", "suggested": "1.5 ± 0.5", "against": 0.0},
    ]
    missing = dict.fromkeys(row)
    assert {one["against"] for one in compare(storage, "au_1", missing, given=0, suggested=1)} == {
        0.0
    }
    assert compare(storage, "au_2", row, given=0, suggested=1) == []

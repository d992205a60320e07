"""Words are found in every kind of sample, and a search that finds too much says so."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.core.errors import BadInput
from service.datasets import text_search
from service.datasets.records import samples_key
from service.datasets.text_search import find_samples
from service.storage.local import Storage


@pytest.fixture
def stored(tmp_path):
    """Writes the columns of a dataset's samples."""
    storage = Storage(tmp_path)

    def write(**columns):
        columns = {"sample_id": [f"s{row}" for row in range(3)], **columns}
        path = storage.path(samples_key("ds_1"))
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), path)
        return storage

    return write


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("fox", ("s0", "s2")),
        ("  FOX  quick ", ("s0",)),
        ("quick s0", ("s0",)),
        ("ÉTÉ", ("s1",)),
        (".", ()),  # words are no patterns
        ("s2", ("s2",)),
    ],
)
def test_every_word_is_in_the_text_or_the_id(stored, search, found):
    storage = stored(text=["A quick fox", "l'été", "foxglove"], given_label=["fox"] * 3)
    assert find_samples(storage, "ds_1", search) == found


def test_the_columns_of_a_table_are_searched_but_no_vectors(stored):
    storage = stored(
        **{
            "feature.colour": pa.array(["red", None, "dark red"]).dictionary_encode(),
            "feature.size": [1.5, 12.0, 15.25],
            "feature.small": [True, False, None],
        },
        embedding=[[1.5], [1.5], [1.5]],
    )
    assert find_samples(storage, "ds_1", "red") == ("s0", "s2")
    assert find_samples(storage, "ds_1", "red 15.2") == ("s2",)
    assert find_samples(storage, "ds_1", "1.5") == ("s0",)
    assert find_samples(storage, "ds_1", "true") == ("s0",)


def test_the_names_of_pictures_are_searched(stored):
    storage = stored(file=["a/cat.png", "a/dog.png", "b/cat.png"])
    assert find_samples(storage, "ds_1", "cat b/") == ("s2",)


def test_a_search_that_finds_too_much_says_what_to_do(stored, monkeypatch):
    monkeypatch.setattr(text_search, "MOST", 2)
    storage = stored(text=["the cat", "the dog", "the fox"])
    with pytest.raises(BadInput, match="More than 2 samples contain 'the'"):
        find_samples(storage, "ds_1", "the")
    assert find_samples(storage, "ds_1", "the dog") == ("s1",)


def test_a_search_needs_a_word(stored):
    with pytest.raises(BadInput, match="at least one word"):
        find_samples(stored(text=["a", "b", "c"]), "ds_1", "  ")

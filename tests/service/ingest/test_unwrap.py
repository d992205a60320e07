"""Files compressed as a whole: how far they unpack, and the way back."""

import gzip

import pytest

from service.core.errors import BadDataset
from service.ingest import Limits
from service.ingest.archives.unwrap import MAGIC, compress, find_compression, plain_name, unwrap
from tests.service.ingest.uploads import write

CONTENT = bytes(range(256)) * 40


@pytest.mark.parametrize("compression", MAGIC.values())
def test_what_is_compressed_unpacks_to_the_same_bytes(compression, tmp_path):
    plain, packed = write(tmp_path / "plain", CONTENT), tmp_path / "packed"
    compress(plain, compression, packed)
    assert packed.stat().st_size < len(CONTENT)
    assert find_compression(packed.read_bytes()[:8]) == compression
    assert unwrap(packed, compression, tmp_path / "again", Limits()).read_bytes() == CONTENT
    compress(plain, compression, tmp_path / "twice")
    assert (tmp_path / "twice").read_bytes() == packed.read_bytes()


def test_a_file_unpacks_to_its_size_times_the_ratio_and_no_further(tmp_path):
    packed = write(tmp_path / "a.gz", gzip.compress(CONTENT))
    ratio = len(CONTENT) / packed.stat().st_size
    enough = Limits(archive_ratio_floor=1, archive_ratio=ratio + 0.01)
    assert unwrap(packed, "gzip", tmp_path / "b", enough).read_bytes() == CONTENT
    for short in (
        Limits(archive_ratio_floor=1, archive_ratio=ratio - 0.1),
        Limits(archive_unpacked=len(CONTENT) - 1),
    ):
        with pytest.raises(BadDataset) as refused:
            unwrap(packed, "gzip", tmp_path / "b", short)
        assert refused.value.type == "archive-bomb"
    floor = Limits(archive_ratio_floor=len(CONTENT), archive_ratio=1.0)
    assert unwrap(packed, "gzip", tmp_path / "b", floor).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("a.csv.gz", "a.csv"),
        ("A.CSV.GZ", "A.CSV"),
        ("a.tgz", "a.tar"),
        ("a.TXZ", "a.tar"),
        ("a.tbz2", "a.tar"),
        ("a.tar.zst", "a.tar"),
        ("a.csv", "a.csv"),
    ],
)
def test_the_plain_name_has_no_suffix_of_the_compression(name, plain):
    assert plain_name(name) == plain

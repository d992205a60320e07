"""NPZ files that are written while they are sent."""

import io
import zipfile

import numpy as np

from service.storage.npz_stream import StreamedArray, stream_npz

LARGE = np.arange(60_000, dtype=np.float32).reshape(3, 5_000, 4)
NAMES = np.array(["", "größer", "b" * 40])


def streamed() -> list[bytes]:
    blocks = (LARGE[i, j : j + 1_000] for i in range(3) for j in range(0, 5_000, 1_000))
    arrays = [
        StreamedArray("large", LARGE.dtype, LARGE.shape, blocks),
        StreamedArray.of("names", NAMES),
        StreamedArray.of("none", np.zeros((0, 7))),
    ]
    return list(stream_npz(arrays))


def test_numpy_reads_what_was_streamed():
    with np.load(io.BytesIO(b"".join(streamed()))) as found:
        assert list(found) == ["large", "names", "none"]
        np.testing.assert_array_equal(found["large"], LARGE)
        assert found["large"].dtype == np.float32
        assert found["names"].tolist() == NAMES.tolist()
        assert found["none"].shape == (0, 7)


def test_blocks_go_out_as_they_come():
    assert max(map(len, streamed())) < LARGE.nbytes / 10


def test_the_same_arrays_give_the_same_bytes():
    assert streamed() == streamed()


def test_every_entry_has_its_checksum():
    with zipfile.ZipFile(io.BytesIO(b"".join(streamed()))) as archive:
        assert archive.testzip() is None

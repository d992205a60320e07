"""Arrays in files have their room from the start, so that writing to one cannot end the process."""

import os

import numpy as np
import pytest

from service.storage import memmap


@pytest.fixture
def taken(monkeypatch) -> list[tuple[int, int]]:
    """Where room was taken, from which byte on, and how much."""
    calls: list[tuple[int, int]] = []
    allocate = os.posix_fallocate

    def spy(descriptor: int, offset: int, size: int) -> None:
        calls.append((offset, size))
        allocate(descriptor, offset, size)

    monkeypatch.setattr(os, "posix_fallocate", spy)
    return calls


def test_a_new_array_is_zeros_with_room_for_all_of_them(tmp_path, taken):
    array = memmap.new_array(tmp_path / "a.npy", dtype=np.float32, shape=(100, 30))
    assert taken == [(0, (tmp_path / "a.npy").stat().st_size)]
    assert taken[0][1] >= 100 * 30 * 4
    array[7] = 1
    array.flush()
    read = np.load(tmp_path / "a.npy")
    assert (read.shape, str(read.dtype), read.sum()) == ((100, 30), "float32", 30)


def test_a_nameless_array_has_room_and_no_name(tmp_path, taken):
    with (tmp_path / "b").open("w+b") as file:
        array = memmap.nameless_array(file, dtype=np.int64, shape=(5, 2))
        assert taken == [(0, 80)]
        assert (array.shape, str(array.dtype), array.sum()) == ((5, 2), "int64", 0)


def test_an_empty_array_needs_no_room(taken):
    memmap.take_room(0, 0)
    assert taken == []

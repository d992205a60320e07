"""Files that nobody would make, through the reader and the process it runs in: each is read, or
refused by name, in time, within its memory, and leaves nothing behind."""

import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.core.errors import ServiceError
from service.ingest import (
    Allowance,
    ColumnRoles,
    ingest,
    ingest_confined,
)
from tests.service.ingest.uploads import FORMS, READ_ONLY, make_form

pytestmark = pytest.mark.slow

MIB = 1 << 20
CONFINED, HERE = 20, 1000  # examples: a process of its own is dear
SECONDS = 20.0
NOT_NAMED = ("internal-error", "reading-too-long", "reader-crashed", "invalid-dataset")
# What the formats hang on: ends and beginnings, lengths, numbers at their limits, bad Unicode.
TOKENS = [
    b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x07", b"PAR1", b"\x93NUMPY\x01\x00",
    b"\x89PNG\r\n\x1a\n", b"\x1f\x8b\x08", b"ustar\x0000", b"%PDF-", b"<svg>", b"\xff" * 8,
    b"\x00" * 64, b"\xff\xff\xff\x7f", b"\x80", b'"', b"\n\n", b",,,,", b"{", b"[" * 2000, b"NaN",
    b"1e999", b'"\\ud800"', b"'shape': (1000000000000,)", b"'descr': '|O'", b"../", b"\r", b"\t",
]  # fmt: skip


@st.composite
def changes(draw: st.DrawFn) -> list[tuple[str, float, float, bytes]]:
    """What is done to a file, one after another, at places given as shares of its length."""
    share = st.floats(0, 1, exclude_max=True)
    piece = st.one_of(st.sampled_from(TOKENS), st.binary(min_size=1, max_size=40))
    kinds = st.sampled_from(["put", "overwrite", "cut", "repeat", "end"])
    one = st.tuples(kinds, share, share, piece)
    return draw(st.lists(one, min_size=1, max_size=6))


def changed(data: bytes, wanted: list[tuple[str, float, float, bytes]]) -> bytes:
    for kind, first, second, piece in wanted:
        start, end = sorted((int(first * len(data)), int(second * len(data))))
        match kind:
            case "put":
                data = data[:start] + piece + data[start:]
            case "overwrite":
                data = data[:start] + piece + data[start + len(piece) :]
            case "cut":
                data = data[:start] + data[end:]
            case "repeat":
                data = data[:end] + data[start:end][:5000] + data[end:]
            case _:
                data = data[:end]
    return data


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A good file of each form."""
    folder = tmp_path_factory.mktemp("sound")
    return {form: make_form(form, folder) for form in FORMS | READ_ONLY}


BOUNDED = settings(
    deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


def is_read_or_refused(data: bytes, read: Callable[[Path, Path], object]) -> None:
    with tempfile.TemporaryDirectory() as name:
        upload, destination = Path(name) / "upload", Path(name) / "out"
        upload.write_bytes(data)
        began, refused = time.monotonic(), None
        try:
            read(upload, destination)
            shutil.rmtree(destination)
        except ServiceError as error:
            refused = error
        if refused is not None:
            assert refused.status in (415, 422)
            assert refused.type not in NOT_NAMED
            assert refused.detail
        assert time.monotonic() - began < SECONDS
        assert [path.name for path in Path(name).iterdir()] == ["upload"]


def read_confined(filename: str, data: bytes) -> float:
    """MiB of the largest reader so far that this process has started and seen the end of."""

    def read(upload: Path, destination: Path) -> None:
        ingest_confined(
            upload,
            filename=filename,
            roles=ColumnRoles(),
            destination=destination,
            allowance=Allowance(memory_bytes=512 * MIB, seconds=SECONDS),
            on_progress=lambda _: None,
            on_columns=lambda _: None,
        )

    is_read_or_refused(data, read)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


@pytest.fixture(scope="module")
def parent() -> Iterator[ProcessPoolExecutor]:
    """A process whose only children are readers, so that theirs is the memory it is told of."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield pool


@settings(BOUNDED, max_examples=HERE)
@given(form=st.sampled_from(sorted(FORMS | READ_ONLY)), wanted=changes())
def test_whatever_is_done_to_a_file_its_reader_says_what_is_wrong(
    sound: dict[str, Path], form: str, wanted: list[tuple[str, float, float, bytes]]
) -> None:
    filename, data = sound[form].name, sound[form].read_bytes()
    is_read_or_refused(
        changed(data, wanted),
        lambda upload, destination: ingest(upload, filename=filename, destination=destination),
    )


@settings(BOUNDED, max_examples=CONFINED)
@given(form=st.sampled_from(sorted(FORMS | READ_ONLY)), wanted=changes())
def test_the_reading_process_survives_it_within_its_limits(
    sound: dict[str, Path],
    parent: ProcessPoolExecutor,
    form: str,
    wanted: list[tuple[str, float, float, bytes]],
) -> None:
    data = changed(sound[form].read_bytes(), wanted)
    largest = parent.submit(read_confined, sound[form].name, data).result()
    assert largest <= 700, "a reader took more than its limit lets it"

"""Whatever happens to a file on its way: it is read, or refused with a problem; nothing else."""

import shutil
import zipfile

import numpy as np
import pytest

from service.core.errors import ServiceError
from service.ingest import ingest
from tests.service.ingest.uploads import (
    FORMS,
    READ_ONLY,
    make_form,
    make_zip,
    write,
)

TRIALS = 40


def damage(data: bytes, generator: np.random.Generator) -> bytes:
    """The data with a few bytes changed, a piece cut out, or a piece put in twice."""
    changed = bytearray(data)
    start, end = sorted(generator.integers(0, len(data), 2).tolist())
    match generator.integers(4):
        case 0:
            for place in generator.integers(0, len(data), 5).tolist():
                changed[place] = int(generator.integers(256))
        case 1:
            del changed[start:end]
        case 2:
            changed[start:start] = data[start:end][:500]
        case _:
            del changed[start:]
    return bytes(changed)


def is_read_or_refused(upload, destination):
    problem = None
    try:
        ingest(upload, filename="damaged", destination=destination)
    except ServiceError as error:
        problem = error
    if problem is None:
        shutil.rmtree(destination)
        return
    assert problem.type != "internal-error"
    assert problem.status in (415, 422)
    assert not destination.exists()


@pytest.mark.parametrize("form", FORMS)
def test_a_damaged_file_is_read_or_refused_and_never_breaks_the_reader(form, tmp_path):
    generator = np.random.default_rng(0)
    data = make_form(form, tmp_path).read_bytes()
    for _ in range(TRIALS):
        is_read_or_refused(write(tmp_path / "damaged", damage(data, generator)), tmp_path / "out")


ARCHIVES = [
    form
    for form in FORMS | READ_ONLY
    if form.startswith(("npz", "image", "text", "array", "zipped"))
]


@pytest.mark.parametrize("form", ARCHIVES)
def test_an_archive_of_damaged_members_is_read_or_refused(form, tmp_path):
    """The archive itself is sound and its checksums are right: what is inside is not."""
    generator = np.random.default_rng(0)
    with zipfile.ZipFile(make_form(form, tmp_path)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    others = [name for name in members if not name.endswith(".png")] or list(members)
    for _ in range(TRIALS):
        name = others[generator.integers(len(others))]
        changed = members | {name: damage(members[name], generator)}
        is_read_or_refused(make_zip(tmp_path / "damaged", changed), tmp_path / "out")

"""The quick drills once each; one stack of a shape serves them all. The rest: `scripts/drill`."""

from collections.abc import Iterator

import pytest

from tests.drills.arena import Arena
from tests.drills.every import DRILLS
from tests.drills.registry import CannotRun
from tests.drills.stack import SHAPES, Stack, running

pytestmark = pytest.mark.slow

CASES = [
    pytest.param(shape, one.name, id=f"{one.name}-{shape}", marks=pytest.mark.xdist_group(shape))
    for shape in SHAPES
    for one in DRILLS.values()
    if shape in one.in_ci
]


@pytest.fixture(scope="module")
def arenas() -> Iterator[dict[str, Arena]]:
    """Filled as needed: one start of a stack serves every drill on it."""
    found: dict[str, Arena] = {}
    yield found
    for arena in found.values():
        arena.client.http.close()


@pytest.fixture(scope="module")
def embedded() -> Iterator[Stack]:
    with running("embedded") as stack:
        yield stack


@pytest.fixture(scope="module")
def production() -> Iterator[Stack]:
    with running("production") as stack:
        yield stack


@pytest.mark.parametrize(("shape", "name"), CASES)
def test_drill(
    request: pytest.FixtureRequest, arenas: dict[str, Arena], shape: str, name: str
) -> None:
    if shape not in arenas:
        arenas[shape] = Arena(request.getfixturevalue(shape))
    arena = arenas[shape]
    try:
        DRILLS[name].act(arena)
    except CannotRun as reason:
        pytest.skip(str(reason))
    arena.check()

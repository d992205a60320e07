"""The mutation run itself: what it changes, how it samples, and how it finds a changed function."""

import ast
from pathlib import Path

import pytest

from tests.mutation.__main__ import wilson
from tests.mutation.areas import AREAS
from tests.mutation.mutants import REVIEWED, Mutant, equivalent, files, mutants_of
from tests.mutation.operators import proposals
from tests.mutation.runner import choose

ROOT = Path(__file__).parents[2]


def changes(source: str) -> set[tuple[str, str]]:
    return {
        (operator, "pass" if new is None else ast.unparse(ast.fix_missing_locations(new)))
        for operator, _, new in proposals(ast.parse(source))
    }


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", {("boundary", "a <= b"), ("comparison", "a >= b")}),
        ("a is b and c", {("comparison", "a is not b"), ("and/or", "a is b or c")}),
        ("f(a - 1, b)", {("arithmetic", "a + 1"), ("constant", "2"),
                         ("arguments swapped", "f(b, a - 1)"), ("call dropped", "pass")}),
        ("x = f(a, axis=0)", {("axis", "1"), ("constant", "1")}),
        ("x = f(a, k=b)", {("keyword dropped", "f(a)")}),
        ("x = q.where(a, b)", {("condition dropped", "q.where(a)"),
                               ("condition dropped", "q.where(b)")}),
        ("x = m.T", {("transposed", "m")}),
        ("x = m[i, j]", {("transposed", "m[j, i]")}),
        ("x = min(a, b)", {("opposite", "max(a, b)")}),
        ("x = -a", {("sign dropped", "a")}),
        ("raise E", {("raise dropped", "pass")}),
        ("def f() -> 3:\n    '''Told.'''\n    return a", {("returns None", "return")}),
        ("log.warning('x', a=1)", set()),
        ("x = 'a' + b", set()),
    ],
)  # fmt: skip
def test_each_operator_proposes_its_changes(source, expected):
    assert changes(source) == expected


@pytest.fixture(scope="module")
def mutants() -> list[Mutant]:
    sources = [source for area in AREAS.values() for source in area.sources]
    return [mutant for file in files(ROOT, sources) for mutant in mutants_of(ROOT, file)]


def test_every_mutant_can_be_compiled_and_has_a_key_of_its_own(mutants):
    assert len({mutant.key for mutant in mutants}) == len(mutants) > 1000
    for mutant in mutants[::211]:
        changed = mutant.apply((ROOT / mutant.path).read_bytes())
        compile(changed, mutant.path, "exec")


def test_a_sample_is_the_seeds_and_the_halves_share_nothing():
    def keys(seed: int, half: int) -> set[str]:
        return {one.key for one in choose(ROOT, "jobs", sample=30, seed=seed, half=half)}

    assert keys(1, 1) == keys(1, 1) != keys(2, 1)
    assert not keys(1, 1) & keys(1, 2)


def test_the_tests_of_every_area_exist():
    for area in AREAS.values():
        assert all((ROOT / path).exists() for path in (*area.sources, *area.tests))


def test_every_mutant_that_is_called_equivalent_still_exists_and_has_a_reason(mutants):
    known = equivalent()
    gone = known.keys() - {mutant.key for mutant in mutants}
    assert not gone, f"remove from {REVIEWED.name}"
    assert all(reason.strip() for reason in known.values())


def test_the_interval_of_a_score_is_wilsons():
    assert wilson(10, 20) == pytest.approx((0.299, 0.701), abs=1e-3)
    assert wilson(0, 0) == (0.0, 1.0)

"""The ranking of fixed evidence stays what it is, number by number."""

import json
from typing import Any

import numpy as np
import pytest

from service.ranking import Ranking
from tests.service.ranking.golden import CODES, COLUMNS, FILE, rankings, told

WRITTEN: dict[str, Any] = json.loads(FILE.read_text())


@pytest.fixture(scope="module")
def found() -> dict[str, Ranking]:
    return rankings()


@pytest.mark.parametrize("name", WRITTEN)
def test_the_numbers_of_a_ranking(found, name):
    now, before = told(found[name]), WRITTEN[name]
    for column in COLUMNS:
        np.testing.assert_allclose(now[column], before[column], atol=2e-5, err_msg=column)
    for column in CODES:
        assert now[column] == before[column], column


@pytest.mark.parametrize("name", WRITTEN)
def test_the_summary_of_a_ranking(found, name):
    assert flat(told(found[name])["summary"]) == pytest.approx(
        flat(WRITTEN[name]["summary"]), abs=2e-5
    )


def flat(value: Any, place: str = "") -> dict[str, Any]:
    """Every leaf by its place, so that numbers are compared as numbers."""
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list):
        parts = enumerate(value)  # type: ignore[assignment]
    else:
        return {place: value}
    return {at: leaf for key, part in parts for at, leaf in flat(part, f"{place}/{key}").items()}

"""New table rows are read just as the fitted transformer reads them."""

import json

import numpy as np
import pytest

from labelaudit.schemas.model_description import TableColumns
from service.core.errors import BadInput
from service.inference.table import MISSING, transform
from worker.encoders.tables import TableTransformer

NUMBERS = ["age", "income", "always", "gappy", "spiky"]
CATEGORIES = ["town", "same", "rare"]


@pytest.fixture
def cells():
    """Numbers (400, 5) and categories (400, 3) with everything that a table may hold."""
    generator = np.random.default_rng(0)
    numbers = np.stack(
        [
            generator.normal(40, 12, 400),
            generator.lognormal(10, 2, 400),
            np.full(400, 7.0),
            np.where(generator.random(400) < 0.2, np.nan, generator.normal(size=400)),
            np.where(generator.random(400) < 0.9, 0.0, generator.normal(1e6, 1e5, 400)),
        ],
        axis=1,
    )
    towns = generator.choice(["Ulm", "Bonn", "Köln", MISSING], 400)
    rare = np.where(
        generator.random(400) < 0.9, "often", generator.integers(0, 40, 400).astype(str)
    )
    categories = np.stack([towns, np.full(400, "x"), rare], axis=1).astype(object)
    return numbers, categories


@pytest.fixture
def fitted(cells):
    return TableTransformer().fit(*cells)


def as_rows(numbers, categories) -> list[dict]:
    return [
        {
            **{n: None if np.isnan(v) else v for n, v in zip(NUMBERS, row, strict=True)},
            **{n: None if v == MISSING else v for n, v in zip(CATEGORIES, marks, strict=True)},
        }
        for row, marks in zip(numbers.tolist(), categories.tolist(), strict=True)
    ]


def columns(fitted) -> TableColumns:
    """What was fitted, through JSON and back."""
    return TableColumns.model_validate_json(fitted.columns(NUMBERS, CATEGORIES).model_dump_json())


def test_rows_become_the_same_vectors(fitted, cells):
    found = columns(fitted)
    assert found.ignored == ["always", "same"]
    assert found.width == fitted.width
    np.testing.assert_allclose(
        transform(found, as_rows(*cells)), fitted.transform(*cells), rtol=1e-5, atol=1e-6
    )


def test_rows_that_were_never_seen_become_the_same_vectors(fitted):
    numbers = np.array([[np.nan, -5.0, 8.0, np.nan, 3.0], [1e9, np.nan, np.nan, 0.0, np.nan]])
    categories = np.array([["Rome", "y", "often"], [MISSING, MISSING, "new"]], object)
    np.testing.assert_allclose(
        transform(columns(fitted), as_rows(numbers, categories)),
        fitted.transform(numbers, categories),
        rtol=1e-5,
        atol=1e-6,
    )


def test_a_row_may_leave_columns_out(fitted):
    empty = as_rows(np.full((1, 5), np.nan), np.full((1, 3), MISSING, object))
    np.testing.assert_array_equal(
        transform(columns(fitted), [{}]), transform(columns(fitted), empty)
    )


@pytest.mark.parametrize("written", ["40.5", " 40.5 ", 40.5])
def test_numbers_may_be_written_as_text(fitted, written):
    np.testing.assert_array_equal(
        transform(columns(fitted), [{"age": written}]), transform(columns(fitted), [{"age": 40.5}])
    )


def test_whole_numbers_name_the_category_that_they_are_written_as(fitted):
    found = columns(fitted)
    as_text, as_float = (transform(found, [{"rare": value}]) for value in ("3", 3.0))
    np.testing.assert_array_equal(as_text, as_float)


@pytest.mark.parametrize(
    ("row", "pointer"),
    [
        ({"wage": 1}, "/rows/0/wage"),
        ({"age": "old"}, "/rows/0/age"),
        ({"age": "1e999"}, "/rows/0/age"),
        ({"age": 10**400}, "/rows/0/age"),
    ],
)
def test_what_cannot_be_read_is_pointed_at(fitted, row, pointer):
    with pytest.raises(BadInput) as refused:
        transform(columns(fitted), [row])
    assert refused.value.errors[0]["pointer"] == pointer


def test_the_description_is_plain_json(fitted):
    assert json.loads(json.dumps(fitted.columns(NUMBERS, CATEGORIES).model_dump()))

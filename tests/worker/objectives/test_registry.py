"""What the menu of objectives accepts and refuses."""

import json
import re
from pathlib import Path

import pytest

from service.core.errors import BadInput
from service.options.objectives import OBJECTIVES, resolve_options
from service.options.objectives.document import (
    BEGIN,
    DOCUMENT,
    END,
    menu,
    with_menu,
)
from service.options.training import TrainingConfig

DOCUMENTED = (Path(__file__).parents[3] / DOCUMENT).read_text()
GOOD = [[0.9, 0.1], [0.2, 0.8]]


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_every_objective_says_where_it_comes_from_and_when_to_use_it(name: str) -> None:
    spec = OBJECTIVES[name]
    assert spec.title
    assert spec.paper
    assert spec.use_when.endswith(".")
    assert all(option.meaning for option in spec.options)


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_resolved_options_resolve_to_themselves_and_survive_json(name: str) -> None:
    resolved = resolve_options(name, {})
    assert resolve_options(name, json.loads(json.dumps(resolved))) == resolved


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_every_objective_refuses_an_unknown_option_by_name(name: str) -> None:
    with pytest.raises(BadInput, match=f"{name} has no option colour"):
        resolve_options(name, {"colour": 1})


@pytest.mark.parametrize(
    ("matrix", "complaint"),
    [
        ([[0.9, 0.2], [0.2, 0.8]], "row 0 sums to 1.1"),
        ([[1.2, -0.2], [0.2, 0.8]], r"probabilities in \[0, 1\]: row 0"),
        ([[0.9, 0.1], [1.0]], "must be square: row 1"),
        ([["a", 0.1], [0.2, 0.8]], "must hold numbers: row 0"),
        ([[float("nan"), 0.1], [0.2, 0.8]], "row 0"),
        ([[True, False], [0.2, 0.8]], "must hold numbers: row 0"),
        ([[1.0]], "list of rows"),
        ("identity", "list of rows"),
        ([1.0, 0.0], "must be square"),
    ],
)
def test_a_noise_matrix_that_is_none_is_refused_with_its_row(
    matrix: object, complaint: str
) -> None:
    with pytest.raises(BadInput, match=complaint):
        resolve_options("forward", {"noise_matrix": matrix})


def test_a_given_matrix_is_normalised_and_needs_no_source() -> None:
    resolved = resolve_options("forward", {"noise_matrix": [[0.6666, 0.3333], [0, 1]]})
    assert resolved["matrix_source"] == "given"
    assert sum(resolved["noise_matrix"][0]) == pytest.approx(1.0, abs=1e-12)
    assert resolve_options("forward", resolved) == resolved


def test_a_matrix_and_another_source_contradict_each_other() -> None:
    with pytest.raises(BadInput, match="noise_matrix is given, but matrix_source is em"):
        resolve_options("forward", {"noise_matrix": GOOD, "matrix_source": "em"})
    with pytest.raises(BadInput, match="there is no noise_matrix"):
        resolve_options("backward", {"matrix_source": "given"})


def test_an_audit_can_carry_a_noise_matrix() -> None:
    config = TrainingConfig(objective="forward", objective_options={"noise_matrix": GOOD})
    again = TrainingConfig.model_validate_json(config.model_dump_json())
    assert again.objective_options == {"noise_matrix": GOOD}


def test_whole_number_options_refuse_fractions() -> None:
    assert resolve_options("instance_transition", {"parts": 2.0})["parts"] == 2
    with pytest.raises(BadInput, match="parts must be a whole number"):
        resolve_options("instance_transition", {"parts": 2.5})
    with pytest.raises(BadInput, match="replacement must be true or false"):
        resolve_options("warp", {"replacement": 1})
    with pytest.raises(BadInput, match="mode must be one of exact, sampled"):
        resolve_options("warp", {"mode": "both"})


def test_the_documents_menu_is_the_registrys() -> None:
    assert with_menu(DOCUMENTED) == DOCUMENTED
    assert all(f"| `{name}` | " in menu() for name in OBJECTIVES)
    assert "| labels soft, alpha 1.2, beta 0.8, schedule scaled*, " in menu()
    assert r"P(true \| given)" in menu()


def test_the_document_says_of_every_objective_what_it_minimises() -> None:
    before, _, rest = DOCUMENTED.partition(BEGIN)
    explained = re.findall(r"^\| `(\w+)` \|", before + rest.partition(END)[2], re.MULTILINE)
    assert sorted(explained) == sorted(OBJECTIVES)

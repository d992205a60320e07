"""No sentence says anything that the numbers it was made of contradict."""

import re
from types import SimpleNamespace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.ranking.reasons import AGREEMENT, LATE, reason

NAMES = ("ant", "bee", "cow")
classes = st.integers(0, 2)
shares = st.floats(0, 1, width=32) | st.just(float("nan")) | st.sampled_from([0.0, 0.5, 1.0])
counts = st.integers(0, 20).map(float)
SIGNALS = {
    "majority_share": shares,
    "majority_class": classes,
    "first_learned": shares,
    "neighbours_share": shares,
    "neighbours_class": classes,
    "p_given_pred_probs": shares,
    "votes": counts,
    "votes_for_class": counts,
    "votes_class": classes,
}


@st.composite
def rankings(draw: st.DrawFn) -> Any:
    """What is known of one sample: any signals with any values."""
    signals = draw(st.fixed_dictionaries({}, optional=SIGNALS))
    return SimpleNamespace(
        signals={name: np.array([value]) for name, value in signals.items()},
        given=np.array([draw(classes)]),
        replicas=draw(st.integers(1, 20)),
        epochs=draw(st.integers(1, 100)),
        p_wrong=np.array([draw(st.floats(0, 1))]),
        top_classes=np.array([[draw(classes)]]),
    )


def value(ranking: Any, name: str) -> float:
    return float(ranking.signals[name][0]) if name in ranking.signals else float("nan")


@given(rankings())
def test_no_sentence_contradicts_a_number(ranking: Any) -> None:
    said = reason(ranking, 0, NAMES)
    own = NAMES[ranking.given[0]]
    for votes, total, verb, name in re.findall(r"(\d+) of (\d+) \w+ (say|agree with) (\w+)", said):
        assert (verb == "agree with") == (name == own)
        assert int(total) > 0
        if "models" in said and int(total) == ranking.replicas and "annotators" not in said:
            assert name == NAMES[int(value(ranking, "majority_class"))]
            assert abs(int(votes) / int(total) - value(ranking, "majority_share")) <= 0.5 / int(
                total
            )
            assert value(ranking, "majority_share") >= AGREEMENT
    assert ("; never learned" in f"; {said}") == (value(ranking, "first_learned") == 1)
    late = re.search(r"learned only after (\d+) of (\d+) epochs", said)
    if late:
        first = value(ranking, "first_learned")
        assert first >= LATE
        assert abs(int(late[1]) - first * int(late[2])) <= 0.5
    near = re.search(r"(\d+) % of its nearest neighbours are (\w+)", said)
    if near:
        assert near[2] == NAMES[int(value(ranking, "neighbours_class"))]
        assert abs(int(near[1]) / 100 - value(ranking, "neighbours_share")) <= 0.0051
    assert f"most probable class: {own}" not in said


@given(rankings())
def test_every_sample_has_a_sentence(ranking: Any) -> None:
    said = reason(ranking, 0, NAMES)
    assert said
    assert "nan" not in said

"""One plain sentence per suspect, from its own evidence."""

from collections.abc import Sequence

import numpy as np

from service.ranking.result import Ranking

AGREEMENT = 0.5  # a share of votes below this is no agreement worth quoting
NEVER = 0.9  # learned in fewer than a tenth of the epochs, on average over the models
LATE = 0.5


def reasons(
    ranking: Ranking, class_names: Sequence[str], indices: Sequence[int] | None = None
) -> list[str]:
    """A sentence for each of those samples (default: all), in their order."""
    rows = range(len(ranking.p_wrong)) if indices is None else indices
    return [reason(ranking, index, class_names) for index in rows]


def reason(ranking: Ranking, index: int, class_names: Sequence[str]) -> str:
    """Why this sample is ranked where it is.

    For example: "19 of 20 models say dog; never learned in 30 epochs; 87% of its nearest
    neighbours are dog".
    """
    parts = [
        _annotators(ranking, index, class_names),
        _votes(ranking, index, class_names),
        _learning(ranking, index),
        _neighbours(ranking, index, class_names),
        _family(ranking, index, class_names),
    ]
    known = [part for part in parts if part]
    return "; ".join(known) if known else _fallback(ranking, index, class_names)


def _value(ranking: Ranking, name: str, index: int) -> float | None:
    if name not in ranking.signals:
        return None
    value = float(ranking.signals[name][index])
    return None if np.isnan(value) else value


def _annotators(ranking: Ranking, index: int, class_names: Sequence[str]) -> str | None:
    total, most = _value(ranking, "votes", index), _value(ranking, "votes_for_class", index)
    top = _value(ranking, "votes_class", index)
    if total is None or most is None or top is None or total < 2:
        return None
    return f"{most:.0f} of {total:.0f} annotators {_say(ranking, index, int(top), class_names)}"


def _votes(ranking: Ranking, index: int, class_names: Sequence[str]) -> str | None:
    share = _value(ranking, "majority_share", index)
    majority = _value(ranking, "majority_class", index)
    if share is None or majority is None or share < AGREEMENT:
        return None
    votes = round(share * ranking.replicas)
    return (
        f"{votes} of {ranking.replicas} models {_say(ranking, index, int(majority), class_names)}"
    )


def _say(ranking: Ranking, index: int, label: int, class_names: Sequence[str]) -> str:
    """Support for the given label must not read like a case against it."""
    agrees = label == int(ranking.given[index])
    return f"{'agree with' if agrees else 'say'} {class_names[label]}"


def _learning(ranking: Ranking, index: int) -> str | None:
    first = _value(ranking, "first_learned", index)
    if first is None or first < LATE:
        return None
    if first >= NEVER:
        return (
            f"hardly ever learned in {ranking.epochs} epochs"
            if first < 1
            else (f"never learned in {ranking.epochs} epochs")
        )
    return f"learned only after {round(first * ranking.epochs)} of {ranking.epochs} epochs"


def _neighbours(ranking: Ranking, index: int, class_names: Sequence[str]) -> str | None:
    share = _value(ranking, "neighbours_share", index)
    top = _value(ranking, "neighbours_class", index)
    if share is None or top is None or share < AGREEMENT:
        return None
    return f"{share:.0%} of its nearest neighbours are {class_names[int(top)]}"


def _family(ranking: Ranking, index: int, class_names: Sequence[str]) -> str | None:
    if "majority_share" in ranking.signals:
        return None
    given = _value(ranking, "p_given_pred_probs", index)
    if given is None:
        return None
    name = class_names[int(ranking.given[index])]
    return f"the uploaded probabilities give {name} {given:.0%}"


def _fallback(ranking: Ranking, index: int, class_names: Sequence[str]) -> str:
    other = int(ranking.top_classes[index, 0])
    p_wrong = f"{ranking.p_wrong[index]:.0%}"
    most = (
        "no other class is more probable"
        if other == int(ranking.given[index])
        else f"most probable class: {class_names[other]}"
    )
    return f"probably wrong: {p_wrong}; {most}"

"""The numbers of rankings of lopsided evidence.

`python -m tests.service.ranking.golden` writes them. Whoever changes them on purpose writes them
anew and says in the commit why they are better.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax

from service.ranking import Evidence, Ranking, Trajectory, Verdicts, rank_suspects
from service.votes import Votes
from tests.service.ranking.hand_made import directional

FILE = Path(__file__).with_name("golden.json")
NAMES = ["cat", "dog", "fox"]
N = 150
COLUMNS = ("p_wrong", "p_wrong_low", "p_wrong_high", "suggested_label_confidence")
CODES = ("tier", "suggested_label", "predicted_label")


def rankings() -> dict[str, Ranking]:
    """By name: the same 150 samples with other evidence, and clearer ones."""
    given, truth, noisy = directional(N, seed=3)
    alone = Evidence(given, 3, [], {"pred_probs": noisy})
    trained = _trained(given, noisy)
    clear, clear_truth, certain = directional(400, seed=4, strength=7.0)
    softer = softmax(0.8 * np.log(certain), axis=1)
    separated = Evidence(clear, 3, [], {"a": certain, "b": softer})
    head = np.arange(0, 400, 9)
    few = Verdicts(head, (clear != clear_truth)[head], head % 27 > 0)
    relabelled = 0.9 * np.eye(3)[truth] + 0.1 * noisy
    return {
        "probabilities alone": rank_suspects(alone),
        "trained": rank_suspects(trained),
        "with verdicts": rank_suspects(trained, verdicts=_verdicts(given != truth)),
        "clear": rank_suspects(separated),
        "clear with few verdicts": rank_suspects(separated, verdicts=few),
        "with votes": rank_suspects(
            Evidence(given, 3, trained.trajectories, trained.probabilities, _votes(given, truth))
        ),
        "relabelled": rank_suspects(
            Evidence(given, 3, trained.trajectories, {}, relabelled=relabelled)
        ),
    }


def told(ranking: Ranking) -> dict[str, Any]:
    """A ranking as JSON has it."""
    numbers = {name: np.round(getattr(ranking, name), 6).tolist() for name in COLUMNS}
    codes = {name: getattr(ranking, name).tolist() for name in CODES}
    return {**numbers, **codes, "summary": ranking.summary.to_dict(NAMES)}


def _trained(given: np.ndarray, noisy: np.ndarray) -> Evidence:
    """Two shards of unequal length and width, whose replicas disagree, and two families that do not
    know every sample."""
    generator = np.random.default_rng(11)
    shards = []
    for epochs, replicas in ((7, 5), (4, 3)):
        shape = (epochs, len(given), replicas)
        own = np.log(noisy[np.arange(len(given)), given])[None, :, None]
        rising = np.linspace(0.2, 2.0, epochs)[:, None, None]
        quirk = generator.normal(size=(1, len(given), replicas))
        margin = rising * (2 + 2 * own) + quirk + 0.5 * generator.normal(size=shape)
        p_given = 1 / (1 + np.exp(-margin))
        other = (given[None, :, None] + generator.integers(1, 3, shape)) % 3
        bag = generator.poisson(1, (len(given), replicas))
        outside = softmax(np.log(noisy) + 0.5 * generator.normal(size=noisy.shape), axis=1)
        outside[(bag > 0).all(axis=1)] = np.nan
        shards.append(
            Trajectory(
                margin=margin.astype(np.float16),
                p_given=p_given.astype(np.float16),
                loss=(-np.log(p_given)).astype(np.float16),
                predicted=np.where(margin > 0, given[None, :, None], other).astype(np.uint8),
                in_bag=bag.astype(np.uint8),
                probs_in_bag=noisy.astype(np.float32),
                probs_out_of_bag=outside.astype(np.float32),
            )
        )
    families = {
        name: softmax(sharpness * np.log(noisy) + generator.normal(size=noisy.shape), axis=1)
        for name, sharpness in (("neighbours", 0.7), ("logistic", 1.5))
    }
    families["neighbours"][:4] = np.nan
    return Evidence(given, 3, shards, families)


def _verdicts(wrong: np.ndarray) -> Verdicts:
    """Of the samples in their order: some from the queue, more of them blind."""
    rows = np.arange(0, N, 2)
    return Verdicts(rows, wrong[rows], rows % 6 > 0)


def _votes(given: np.ndarray, truth: np.ndarray) -> Votes:
    """Three annotators, one worse than the others, who saw only a third of the samples."""
    generator = np.random.default_rng(5)
    seen = np.arange(0, N, 3)
    skill = np.array([0.9, 0.8, 0.55])
    right = generator.random((len(seen), 3)) < skill
    strays = (truth[seen, None] + generator.integers(1, 3, (len(seen), 3))) % 3
    said = np.where(right, truth[seen, None], strays)
    said[:, 0] = given[seen]
    return Votes(
        np.repeat(seen, 3), np.tile(np.arange(3), len(seen)), said.ravel(), N, 3, ["a", "b", "c"]
    )


if __name__ == "__main__":
    FILE.write_text(json.dumps({name: told(found) for name, found in rankings().items()}))

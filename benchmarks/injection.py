"""Flips of clean labels with a fixed seed: `symmetric:0.1`, `asymmetric:0.2`, `instance:0.2`."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.packs import Pack
from benchmarks.peers import logistic_probabilities

KINDS = ("symmetric", "asymmetric", "instance", "boundary")
CLEAN = 0.01  # a pack with fewer known errors than this counts as clean
SEED_OFFSET = 7919  # flips are drawn apart from everything else a seed decides


@dataclass(frozen=True)
class Injection:
    """Which noise to inject and how much of it."""

    kind: str
    rate: float

    @classmethod
    def parse(cls, text: str) -> "Injection":
        """Raises ValueError unless the text is `kind:rate` with a rate in (0, 1)."""
        kind, _, rate = text.partition(":")
        if kind not in KINDS or not 0 < float(rate or "nan") < 1:
            raise ValueError(
                f"noise must be one of {', '.join(KINDS)} with a rate, as instance:0.2"
            )
        return cls(kind, float(rate))

    def __str__(self) -> str:
        return f"{self.kind}:{self.rate:g}"


def is_clean(pack: Pack) -> bool:
    """Whether flips can be injected: nearly no known error, at least two classes.

    A pack without any truth counts as clean; its given labels then stand for the truth.
    """
    known = pack.truth >= 0
    if pack.n_classes < 2 or pack.vectors is None:
        return False
    return not known.any() or bool((pack.truth != pack.labels)[known].mean() < CLEAN)


def inject(pack: Pack, injection: Injection, seed: int) -> Pack:
    """The pack with flipped labels; its truth is the label before the flip.

    symmetric: a rate-sized share of labels becomes any other class, all alike.
    asymmetric: each class loses its share to one other class, drawn once (a random cycle).
    instance: the samples that a weak model finds hardest lose their label to its runner-up.
    boundary: those nearest to a linear model's boundaries lose theirs to the other side, each one.
    """
    generator = np.random.default_rng([SEED_OFFSET, KINDS.index(injection.kind), seed])
    truth = np.where(pack.truth >= 0, pack.truth, pack.labels)
    flip = _FLIPS[injection.kind]
    return pack.with_labels(str(injection), flip(pack, truth, injection.rate, generator), truth)


def _symmetric(
    pack: Pack, truth: NDArray[np.int64], rate: float, generator: np.random.Generator
) -> NDArray[np.int64]:
    flipped = generator.random(len(truth)) < rate
    others = (truth + generator.integers(1, pack.n_classes, len(truth))) % pack.n_classes
    return np.where(flipped, others, truth)


def _asymmetric(
    pack: Pack, truth: NDArray[np.int64], rate: float, generator: np.random.Generator
) -> NDArray[np.int64]:
    cycle = generator.permutation(pack.n_classes)
    partner = np.empty_like(cycle)
    partner[cycle] = np.roll(cycle, -1)
    return np.where(generator.random(len(truth)) < rate, partner[truth], truth)


def _instance(
    pack: Pack, truth: NDArray[np.int64], rate: float, generator: np.random.Generator
) -> NDArray[np.int64]:
    own, best_other, other = _linear(pack, truth, strength=0.1)
    hardness = np.clip(1.0 - own + best_other, 1e-3, None)
    count = round(rate * len(truth))
    chosen = generator.choice(len(truth), count, replace=False, p=hardness / hardness.sum())
    labels = truth.copy()
    labels[chosen] = other[chosen]
    return labels


def _boundary(
    pack: Pack, truth: NDArray[np.int64], rate: float, generator: np.random.Generator
) -> NDArray[np.int64]:
    own, best_other, other = _linear(pack, truth, strength=1.0)
    order = generator.permutation(len(truth))  # equally near ones are drawn at random
    distance = np.abs(own - best_other)[order]
    nearest = order[np.argsort(distance, kind="stable")[: round(rate * len(truth))]]
    labels = truth.copy()
    labels[nearest] = other[nearest]
    return labels


def _linear(
    pack: Pack, truth: NDArray[np.int64], *, strength: float
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.intp]]:
    """(N,) each: a linear model's probability of the true class and of the best other one, and
    which that is."""
    assert pack.vectors is not None
    model = logistic_probabilities(pack.vectors, truth, pack.n_classes, seed=0, strength=strength)
    every = np.arange(len(truth))
    own = model[every, truth].copy()
    model[every, truth] = -1.0
    return own, model.max(axis=1), model.argmax(axis=1)


_FLIPS = {
    "symmetric": _symmetric,
    "asymmetric": _asymmetric,
    "instance": _instance,
    "boundary": _boundary,
}

"""Certificates: how many of a list's first samples can be fixed at once, after a few verdicts.

Every sample of an ordered list has an unknown answer, right or wrong. Heads of the list are fixed
before anybody looks: its first 12, 14, 17, ... samples. Every sample has a random priority, and the
judged samples of a head with the lowest priorities are a random sample of that head, drawn without
replacement. A verdict paid for in one head therefore counts in all larger ones.

A head is passed when the verdicts are unlikely enough under every arrangement in which too few of
its samples are right. The evidence is a ratio of likelihoods: a mixture of shares above the level
over the likeliest share below it. It is a test supermartingale, so whoever looks after every
verdict and stops whenever they like is still wrong in at most 5 % of cases (Waudby-Smith and
Ramdas, "Confidence sequences for sampling without replacement", 2020). Heads are tested from small
to large, and a head counts only if all smaller ones are passed, so the error need not be shared out
between them.

Samples that were judged wrong are left out of what is fixed, which helps: the more of a head is
judged, the purer its rest. That makes the claim about a head depend on the verdicts, and the
argument from small to large breaks. It holds again if each head that is passed only with its wrong
samples left out makes the next ones harder to pass: after k such heads the error allowed is the
k-th term of a geometric series that adds up to 5 %. For let j(0), j(1), ... be the heads of which
too few are right. A false claim about j(i) needs that each of j(0), ..., j(i-1) was passed by a
true claim, thus only with wrong samples left out, so it is tested at no more than the i-th term.

If most of a head has been judged, the samples judged right alone can carry such a claim, while few
of the others are right. So a promise is made only where the judged samples reach the level.
"""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

Floats = NDArray[np.float64]
Ints = NDArray[np.integer]
Counts = int | Ints

LEVELS = (0.8, 0.9, 0.95)  # shares of right samples that can be promised
ERROR = 0.05  # of promises at one level that may be broken, over whole certificates
UNKNOWN, WRONG, RIGHT = -1, 0, 1  # answers

SMALLEST = 12  # samples in the first head; fewer are judged one by one
FIRST = 1 / 16  # the first and the last head, in disagreements between models and labels
LAST = 1.25
GROWTH = 1.2
KEPT_ERROR = 1 / 3  # what a head passed without its wrong samples leaves of the allowed error
MOST_LOOKS = 1000  # right answers in a row that are enough for any head at any level
BETS = (0.25, 0.5, 0.75, 0.95)  # where the alternatives lie between the level and 1


@dataclass(frozen=True)
class Promise:
    """Of the first `size` samples, without those judged wrong, at least `level` are right."""

    level: float
    size: int  # 0 = nothing is promised yet


def head_sizes(disagreements: int, available: int) -> NDArray[np.intp]:
    """(J,) rising numbers of samples, at most `available`.

    Parameters
    ----------
    disagreements : int
        Samples whose label the models would not have given: about as many as may be wrong.
    available : int
        Samples in the list.
    """
    last = max(SMALLEST, LAST * disagreements)
    sizes = [max(float(SMALLEST), FIRST * disagreements)]
    while sizes[-1] * GROWTH <= last:
        sizes.append(sizes[-1] * GROWTH)
    return np.unique(np.minimum(np.round(sizes), available).astype(np.intp))


def priorities(seed: str, positions: Ints) -> NDArray[np.uint64]:
    """(N,) a random number for each sample, lowest first to be judged; fixed by the seed.

    They do not depend on the list, so that a verdict counts in every list the sample is in.
    """
    key = blake2b(seed.encode(), digest_size=32).digest()
    digests = (
        blake2b(int(position).to_bytes(8, "little"), digest_size=8, key=key).digest()
        for position in positions
    )
    return np.frombuffer(b"".join(digests), dtype="<u8")


def log_evidence(
    right: Counts, wrong: Counts, size: Counts, at_most: Counts, level: float
) -> Floats:
    """Log of the evidence that more than `at_most` of `size` samples are right; high = sure.

    Parameters
    ----------
    right, wrong : integers, of any shape that broadcasts with the others
        Answers among the samples drawn at random, without replacement.
    size, at_most : integers
        Of the head. `at_most` may be any number; the evidence is infinite where `right` exceeds it.
    level : float
        In (0, 1). Alternatives lie above it.

    Returns
    -------
    Floats. At least log(1 / error), ever, with a probability of at most `error` if at most
    `at_most` samples are right. Minus infinity where the share drawn is below that of `at_most`.
    """
    right, wrong, size, at_most = np.broadcast_arrays(right, wrong, size, at_most)
    drawn = right + wrong
    shares = level + (1 - level) * np.array(BETS)
    alternatives = right[..., None] * np.log(shares) + wrong[..., None] * np.log1p(-shares)
    peak = alternatives.max(axis=-1)
    mixture = peak + np.log(np.exp(alternatives - peak[..., None]).mean(axis=-1))
    possible = (at_most >= right) & (size - at_most >= wrong)
    null = np.where(possible, at_most, np.maximum(right, 0))
    others = np.where(possible, size - at_most, np.maximum(wrong, 0))
    likeliest = _log_falling(null, right) + _log_falling(others, wrong) - _log_falling(size, drawn)
    found = np.where(right * size >= at_most * drawn, mixture - likeliest, -np.inf)
    return np.where(right > at_most, np.inf, found)


def most_below(level: float, size: Counts) -> NDArray[np.intp]:
    """The largest number of right samples, of `size`, that is still too few for the level."""
    result: NDArray[np.intp] = np.ceil(np.round(level * np.asarray(size), 9)).astype(np.intp) - 1
    return result


def passed_heads(
    whole: Floats, without_wrong: Floats, pure: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """How many heads are passed, counted from the smallest, and the largest that is promised.

    Parameters
    ----------
    whole : (..., J) floats
        The highest log evidence so far that enough of all samples of each head are right.
    without_wrong : (..., J) floats
        The log evidence now that enough are right if those judged wrong are left out.
    pure : (..., J) booleans
        Whether enough of the judged samples of each head are right.

    Returns
    -------
    passed, promised : (...) integers from 0 to J, promised <= passed
        The first `promised` heads, the last of them included, are small enough for the promise.
    """
    passed = np.zeros(whole.shape[:-1], dtype=np.intp)
    promised = np.zeros_like(passed)
    loosely = np.zeros_like(passed)  # passed only with wrong samples left out
    for head in range(whole.shape[-1]):
        needed = -np.log(ERROR * (1 - KEPT_ERROR)) - loosely * np.log(KEPT_ERROR)
        firmly = whole[..., head] >= needed
        goes_on = (passed == head) & (firmly | (without_wrong[..., head] >= needed))
        passed = passed + goes_on
        promised = np.where(goes_on & (firmly | pure[..., head]), head + 1, promised)
        loosely = loosely + ~firmly
    return passed, promised


@dataclass(frozen=True)
class Judging:
    """A list that people judge: N samples in its order, with their priorities and answers."""

    sizes: NDArray[np.intp]  # (J,) of the heads, rising
    by_priority: NDArray[np.intp]  # (N,) places in the list, lowest priority first
    answers: NDArray[np.int8]  # (N,) UNKNOWN, WRONG or RIGHT

    def promise(self, level: float) -> Promise:
        """What holds now at one level."""
        _, promised = self._passed(level)
        return Promise(level, int(self.sizes[promised - 1]) if promised else 0)

    def next_places(self, level: float) -> NDArray[np.intp]:
        """Places in the list to judge, first things first, so that the promise at a level grows."""
        passed, _ = self._passed(level)
        walks = [self._walk(int(size)) for size in self.sizes[passed:]]
        joined = np.concatenate([np.empty(0, dtype=np.intp), *walks])
        _, first = np.unique(joined, return_index=True)
        places: NDArray[np.intp] = joined[np.sort(first)]
        unknown: NDArray[np.intp] = places[self.answers[places] == UNKNOWN]
        return unknown

    def _passed(self, level: float) -> tuple[int, int]:
        """How many heads are passed and promised."""
        found = [self._evidence(int(size), level) for size in self.sizes]
        if not found:
            return 0, 0
        whole, without_wrong, pure = (np.array(values) for values in zip(*found, strict=True))
        passed, promised = passed_heads(whole, without_wrong, pure)
        return int(passed), int(promised)

    def _walk(self, size: int) -> NDArray[np.intp]:
        result: NDArray[np.intp] = self.by_priority[self.by_priority < size]
        return result

    def _evidence(self, size: int, level: float) -> tuple[float, float, bool]:
        """Of a head: the evidence for all of it and without wrong samples; whether it is pure."""
        answers = self.answers[self._walk(size)]
        unknown = np.flatnonzero(answers == UNKNOWN)
        drawn = int(unknown[0]) if len(unknown) else size
        right = np.concatenate([[0], np.cumsum(answers[:drawn] == RIGHT)])
        wrong = np.arange(drawn + 1) - right
        whole = log_evidence(right, wrong, size, most_below(level, size), level).max()
        known_right, known_wrong = (int((answers == one).sum()) for one in (RIGHT, WRONG))
        at_most = most_below(level, size - known_wrong)
        without_wrong = log_evidence(right[-1], wrong[-1], size, at_most, level)
        return (
            float(whole),
            float(np.inf if known_right > at_most else without_wrong),
            bool(
                is_pure(right[-1], drawn, level)
                & is_pure(known_right, known_right + known_wrong, level)
            ),
        )


def is_pure(right: Counts, judged: Counts, level: float) -> NDArray[np.bool_]:
    """Whether enough of the judged samples are right."""
    result: NDArray[np.bool_] = np.asarray(right) > most_below(level, judged)
    return result


def looks_if_right(
    sizes: NDArray[np.intp], by_priority: NDArray[np.intp], level: float
) -> NDArray[np.intp]:
    """(J,) how many samples are judged until each head is passed if every answer is right.

    Parameters
    ----------
    sizes : (J,) of the heads, rising
    by_priority : (N,) places in the list, lowest priority first
    level : float, the share that is to be promised
    """
    needed = -np.log(ERROR * (1 - KEPT_ERROR))
    judged = np.zeros(len(by_priority), dtype=np.bool_)
    looks = np.empty(len(sizes), dtype=np.intp)
    for head, size in enumerate(sizes):
        right = np.arange(min(int(size), MOST_LOOKS) + 1)
        evidence = log_evidence(right, np.zeros_like(right), size, most_below(level, size), level)
        enough = int((evidence >= needed).argmax()) if (evidence >= needed).any() else len(right)
        judged[by_priority[by_priority < size][:enough]] = True
        looks[head] = judged.sum()
    return looks


def _log_falling(top: Ints, count: Ints) -> Floats:
    """log of top (top - 1) ... (top - count + 1)."""
    result: Floats = gammaln(top + 1.0) - gammaln(top - count + 1.0)
    return result

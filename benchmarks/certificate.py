"""How many samples a certificate lets people fix after a few verdicts, and how often it is right.

    python -m benchmarks.ranked_packs PACK... --output RANKINGS
    python -m benchmarks.certificate RANKINGS/*.npz --draws 1000 --jsonl certificate.jsonl
    python -m benchmarks.certificate_report certificate.jsonl

Each draw is a certificate with its own random priorities; the truth answers. A promise is broken if
it was false after any of the verdicts. What "exists" is the longest head of the same order whose
share of right samples reaches the level.
"""

import argparse
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.ranked_pack import RankedPack
from service.ranking.certificate import (
    LEVELS,
    head_sizes,
    is_pure,
    log_evidence,
    most_below,
    passed_heads,
)

VERDICTS = (30, 60, 100, 200)
DRAW_SEED = 86028121


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    done = _done(options.jsonl)
    for file in options.rankings:
        ranked, (name, _, seed) = RankedPack.load(file), file.stem.rsplit(".", 2)
        for goal, right in orders(ranked).items():
            keys = {level: [name, goal, level, int(seed)] for level in options.levels}
            missing = [level for level, key in keys.items() if key not in done]
            if not missing or not len(right):
                continue
            certificates = Certificates.draw(right, head_sizes_of(ranked, right), options.draws)
            for level in missing:
                record = {"key": keys[level], **measure(right, certificates.restart(), level)}
                print(json.dumps(record), flush=True)
                if options.jsonl:
                    with options.jsonl.open("a") as lines:
                        lines.write(json.dumps(record) + "\n")
    return 0


def head_sizes_of(ranked: RankedPack, right: NDArray[np.bool_]) -> NDArray[np.intp]:
    disagreements = int(((ranked.predicted != ranked.given) & (ranked.truth >= 0)).sum())
    return head_sizes(disagreements, len(right))


def orders(ranked: RankedPack) -> dict[str, NDArray[np.bool_]]:
    """For each goal, whether each sample of its order is right, as the service orders them."""
    known = ranked.order[ranked.truth[ranked.order] >= 0]
    label = np.where(ranked.suggested >= 0, ranked.suggested, ranked.predicted)
    confidence = np.where(ranked.suggested >= 0, ranked.confidence, -1.0)
    fixable = known[label[known] != ranked.given[known]]
    fixable = fixable[np.argsort(-confidence[fixable], kind="stable")]
    return {
        "label_wrong": ranked.truth[known] != ranked.given[known],
        "suggestion_right": (ranked.truth == label)[fixable],
    }


def measure(right: NDArray[np.bool_], certificates: "Certificates", level: float) -> dict[str, Any]:
    """What certificates on one list promise, and how often they are wrong."""
    shares = np.cumsum(right) / np.arange(1, len(right) + 1)
    reached = np.flatnonzero(shares >= level - 1e-12)
    certified: dict[str, float] = {}
    share_of_batch: dict[str, float | None] = {}
    exist = int(reached[-1] + 1) if len(reached) else 0
    broken = np.zeros(len(certificates.heads), dtype=np.bool_)
    shares_reached: dict[str, float] = {}
    for verdicts in range(1, VERDICTS[-1] + 1):
        certificates.judge(level)
        size, wrong, is_right, batch, right_in_batch = certificates.promised()
        broken |= is_right < level * (size - wrong) - 1e-9
        if verdicts in VERDICTS:
            certified[str(verdicts)] = float(np.median(size))
            capped = np.minimum(size, exist).mean()
            shares_reached[str(verdicts)] = float(capped / exist) if exist else 0.0
            some = batch > 0
            share_of_batch[str(verdicts)] = (
                float((right_in_batch[some] / batch[some]).mean()) if some.any() else None
            )
    return {
        "listed": len(right),
        "exist": exist,
        "certified": certified,  # median size of the head
        "share": shares_reached,  # mean of min(certified, exist) / exist
        "unjudged_right": share_of_batch,  # mean share of right samples among those not judged
        "broken": float(broken.mean()),
    }


@dataclass
class Certificates:
    """Certificates on one list, D draws of priorities side by side.

    A block is what a head has beyond the one before; within it people judge by priority, so the
    number judged in each block says all. Walks are cut off after the most verdicts.
    """

    sizes: NDArray[np.intp]  # (J,)
    total: NDArray[np.intp]  # (J,) right samples of each head
    block: NDArray[np.intp]  # (D, J, L) of each sample on the head's walk, by priority
    place: NDArray[np.intp]  # (D, J, L) of the sample among those of its block, by priority
    right: NDArray[np.intp]  # (D, J, L + 1) right ones before each place of the walk
    judged: NDArray[np.intp]  # (D, J) by block
    found: NDArray[np.intp]  # (D, J) right ones of those
    at: NDArray[np.intp]  # (D, J) how far each head's walk is judged without a gap
    passed: NDArray[np.intp]  # (D,)
    heads: NDArray[np.intp]  # (D,) how many are promised
    firm: NDArray[np.float64] | None = None  # (D, J, L + 1) highest evidence of whole heads

    @classmethod
    def draw(cls, right: NDArray[np.bool_], sizes: NDArray[np.intp], draws: int) -> "Certificates":
        length, n = VERDICTS[-1] + 1, int(sizes[-1])
        right = right[:n]
        shape = (draws, len(sizes), length)
        block_of = np.searchsorted(sizes, np.arange(n), side="right")
        block, is_right = np.zeros(shape, np.intp), np.zeros(shape, np.intp)
        place = np.full(shape, n, np.intp)  # never judged
        generator = np.random.default_rng([DRAW_SEED, n])
        for draw in range(draws):
            order = generator.permutation(n)
            blocks = block_of[order]
            places = np.empty(n, np.intp)
            for number in range(len(sizes)):
                own = blocks == number
                places[own] = np.arange(own.sum())
                walk = np.flatnonzero(blocks <= number)[:length]
                block[draw, number, : len(walk)] = blocks[walk]
                place[draw, number, : len(walk)] = places[walk]
                is_right[draw, number, : len(walk)] = right[order[walk]]
        zeros = np.zeros(shape[:2], np.intp)
        total = np.cumsum(right, dtype=np.intp)[sizes - 1]
        none = np.zeros(draws, np.intp)
        walked = np.concatenate([zeros[..., None], is_right.cumsum(axis=-1)], axis=-1)
        return cls(sizes, total, block, place, walked, zeros, zeros, zeros, none, none)

    def restart(self) -> "Certificates":
        """The same priorities, nothing judged."""
        zeros, none = np.zeros_like(self.at), np.zeros_like(self.heads)
        return replace(
            self, judged=zeros, found=zeros.copy(), at=zeros, passed=none, heads=none, firm=None
        )

    def judge(self, level: float) -> None:
        """One more verdict in each draw, where the promise is to grow next."""
        every = np.arange(len(self.passed))
        target = np.minimum(self.passed, len(self.sizes) - 1)
        at = self.at[every, target]
        open_ = at < np.minimum(self.sizes[target], self.block.shape[-1])
        at = np.minimum(at, self.block.shape[-1] - 1)
        block = self.block[every, target, at]
        self.judged[every, block] += open_
        self.found[every, block] += open_ * (
            self.right[every, target, at + 1] - self.right[every, target, at]
        )
        self._advance()
        self.passed, self.heads = passed_heads(*self._evidence(level))

    def promised(self) -> tuple[NDArray[np.intp], ...]:
        """(D,) each: samples of the head promised, those judged wrong; right ones; samples not
        judged, right ones of those."""
        every, head = np.arange(len(self.heads)), np.maximum(self.heads - 1, 0)
        judged, found = (
            self.judged.cumsum(axis=1)[every, head],
            self.found.cumsum(axis=1)[every, head],
        )
        some = self.heads > 0
        size, total = self.sizes[head], self.total[head]
        values = (size, judged - found, total, size - judged, total - found)
        return tuple(np.where(some, value, 0) for value in values)

    def _advance(self) -> None:
        """Move every walk over what is judged by now."""
        draws, heads, length = self.block.shape
        draw, head = (values.ravel() for values in np.indices((draws, heads)))
        end = np.minimum(self.sizes, length)
        moved = self.at.copy()
        while len(draw):
            at = np.minimum(moved[draw, head], length - 1)
            block, place = self.block[draw, head, at], self.place[draw, head, at]
            judged = (place < self.judged[draw, block]) & (moved[draw, head] < end[head])
            draw, head = draw[judged], head[judged]
            moved[draw, head] += 1
        self.at = moved

    def _evidence(self, level: float) -> tuple[NDArray[Any], ...]:
        if self.firm is None:
            drawn = np.arange(self.right.shape[-1])
            size = self.sizes[:, None, None]
            possible = log_evidence(
                drawn[:, None], drawn, size, most_below(level, size), level
            )  # (J, right, wrong)
            wrong = np.maximum(drawn - self.right, 0)
            heads = np.arange(len(self.sizes))[:, None]
            evidence = possible[heads, self.right, wrong]
            self.firm = np.maximum.accumulate(evidence, axis=-1)
        whole = np.take_along_axis(self.firm, self.at[..., None], axis=-1)[..., 0]
        right = np.take_along_axis(self.right, self.at[..., None], axis=-1)[..., 0]
        found = self.found.cumsum(axis=1)
        wrong_known = self.judged.cumsum(axis=1) - found
        at_most = most_below(level, self.sizes - wrong_known)
        without_wrong = log_evidence(right, self.at - right, self.sizes, at_most, level)
        pure = is_pure(right, self.at, level) & is_pure(found, found + wrong_known, level)
        return whole, np.where(found > at_most, np.inf, without_wrong), pure


def _done(path: Path | None) -> list[Any]:
    if path is None or not path.exists():
        return []
    return [json.loads(text)["key"] for text in path.read_text().splitlines()]


def _parser() -> argparse.ArgumentParser:
    assert __doc__
    parser = argparse.ArgumentParser("benchmarks.certificate", description=__doc__.split("\n")[0])
    parser.add_argument("rankings", nargs="+", type=Path, help="files of `benchmarks.ranked_packs`")
    parser.add_argument("--jsonl", type=Path, help="one line a case, as it ends; skip what it has")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--levels", nargs="+", type=float, default=LEVELS)
    return parser


if __name__ == "__main__":
    sys.exit(main())

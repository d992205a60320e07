"""What a sample's corrections add up to: the opinions in force and the correction that applies.

A pure function of the log, so it can be computed for every version of a dataset:

1. A correction is in force unless a revert that is in force cancels it. Reverting a revert puts the
   original back in force.
2. If an adjudication is in force, the newest one decides.
3. Otherwise, if one opinion is enough, the newest correction in force decides; a skip decides
   nothing.
4. If several opinions are wanted, each person's newest correction in force is their opinion; a skip
   is not an opinion. Once there are enough opinions, the answer of more than half of them applies.
   Without such a majority the sample is disputed, and nothing applies until somebody adjudicates.

The newest correction in force says how many opinions are wanted: each row keeps the setting its
audit had when it was made, so changing the setting later never changes an earlier result.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from labelaudit.enums import ReviewState, Verdict
from service.db.tables import Correction

Logged = TypeVar("Logged", bound=Any)  # a correction, or a row with its columns


@dataclass(frozen=True)
class SampleOutcome:
    """The review state of one sample and the corrections behind it."""

    state: ReviewState = ReviewState.open
    opinions: dict[str, Correction] = field(default_factory=dict)  # by key id, oldest first
    wanted: int | None = None  # opinions; None until somebody has reviewed the sample
    correction: Correction | None = None  # what an export applies
    skips: frozenset[str] = frozenset()  # key ids of those whose newest row is a skip

    @property
    def agreed(self) -> bool:
        """Whether several opinions or an adjudicator decided: one more opinion cannot replace
        that."""
        return self.correction is not None and (self.correction.adjudication or self.wanted != 1)

    @property
    def needs_opinions(self) -> bool:
        return self.state in (ReviewState.open, ReviewState.skipped)

    @property
    def partially_reviewed(self) -> bool:
        """Whether some opinions are in and others are missing: the remaining reviewers must not
        see the ones given so far."""
        return self.needs_opinions and bool(self.opinions)


def outcome(rows: Sequence[Correction]) -> SampleOutcome:
    """The outcome of all of a sample's rows, oldest first."""
    verdicts = [row for row in rows_in_force(rows) if row.verdict is not None]
    if not verdicts:
        return SampleOutcome()
    newest = verdicts[-1]
    wanted = newest.wanted or 1
    latest: dict[str, Correction] = {}
    for row in verdicts:
        if not row.adjudication:
            latest.pop(row.key_id, None)
            latest[row.key_id] = row
    opinions = {who: row for who, row in latest.items() if row.verdict is not Verdict.skip}
    skips = frozenset(latest) - frozenset(opinions)
    adjudications = [
        row for row in verdicts if row.adjudication and row.verdict is not Verdict.skip
    ]
    if adjudications:
        return SampleOutcome(ReviewState.decided, opinions, wanted, adjudications[-1], skips)
    skipped = newest.verdict is Verdict.skip
    if wanted == 1:
        if skipped:
            return SampleOutcome(ReviewState.skipped, {}, 1, None, skips)
        return SampleOutcome(ReviewState.decided, {newest.key_id: newest}, 1, newest, skips)
    if len(opinions) < wanted:
        state = ReviewState.skipped if skipped else ReviewState.open
        return SampleOutcome(state, opinions, wanted, None, skips)
    majority = _majority(list(opinions.values()))
    state = ReviewState.disputed if majority is None else ReviewState.decided
    return SampleOutcome(state, opinions, wanted, majority, skips)


def rows_in_force(rows: Sequence[Logged]) -> list[Logged]:
    """The rows, reverts included, that no revert in force cancels. A revert always comes after the
    row that it cancels."""
    reverted: set[str] = set()
    in_force = []
    for row in reversed(rows):
        if row.id not in reverted:
            in_force.append(row)
            if row.reverts is not None:
                reverted.add(row.reverts)
    return in_force[::-1]


def by_position(rows: Iterable[Correction]) -> dict[int, list[Correction]]:
    """The rows of each sample, in their original order."""
    found: dict[int, list[Correction]] = {}
    for row in rows:
        found.setdefault(row.position, []).append(row)
    return found


def _majority(opinions: Sequence[Correction]) -> Correction | None:
    """The newest opinion of those that more than half share; excluding the sample counts as an
    answer too."""
    label, votes = Counter(row.corrected_label for row in opinions).most_common(1)[0]
    if 2 * votes <= len(opinions):
        return None
    return [row for row in opinions if row.corrected_label == label][-1]

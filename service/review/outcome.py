"""What a sample's corrections come to: the opinions in force, and what is decided.

A pure function of the log, so every version of a dataset can be told at any time:

1. A row stands unless a row that stands reverts it; undoing an undo makes the first stand again.
2. If an adjudication stands, the newest one decides.
3. Otherwise, where one opinion is enough, the newest row that stands decides, a skip nothing.
4. Where several are wanted, each person's newest row that stands is their opinion, a skip none. As
   soon as there are as many as wanted, what more than half of them say is decided; where no more
   than half agree, the sample is disputed and nothing is decided until somebody adjudicates.

How many opinions are wanted is what the newest row that stands says: each row keeps what its audit
asked for when it was made, so a later change of that setting never changes what was decided before.
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
    """Where one sample stands."""

    state: ReviewState = ReviewState.open
    opinions: dict[str, Correction] = field(default_factory=dict)  # by key id, oldest first
    wanted: int | None = None  # None: nobody has begun
    decision: Correction | None = None  # what an export applies
    skips: frozenset[str] = frozenset()  # key ids of those whose newest row is a skip

    @property
    def agreed(self) -> bool:
        """Decided by several opinions or by an adjudicator: no single other opinion replaces it."""
        return self.decision is not None and (self.decision.adjudication or self.wanted != 1)

    @property
    def waiting(self) -> bool:
        """Somebody has judged it and others are still to: they must not learn what was said."""
        undecided = self.state in (ReviewState.open, ReviewState.skipped)
        return undecided and bool(self.opinions)


def outcome(rows: Sequence[Correction]) -> SampleOutcome:
    """Where the sample stands after these rows, which are all of its, oldest first."""
    standing = [row for row in rows_that_stand(rows) if row.verdict is not None]
    if not standing:
        return SampleOutcome()
    newest = standing[-1]
    wanted = newest.wanted or 1
    latest: dict[str, Correction] = {}
    for row in standing:
        if not row.adjudication:
            latest.pop(row.key_id, None)
            latest[row.key_id] = row
    opinions = {who: row for who, row in latest.items() if row.verdict is not Verdict.skip}
    skips = frozenset(latest) - frozenset(opinions)
    rulings = [row for row in standing if row.adjudication and row.verdict is not Verdict.skip]
    if rulings:
        return SampleOutcome(ReviewState.decided, opinions, wanted, rulings[-1], skips)
    skipped = newest.verdict is Verdict.skip
    if wanted == 1:
        if skipped:
            return SampleOutcome(ReviewState.skipped, {}, 1, None, skips)
        return SampleOutcome(ReviewState.decided, {newest.key_id: newest}, 1, newest, skips)
    if len(opinions) < wanted:
        state = ReviewState.skipped if skipped else ReviewState.open
        return SampleOutcome(state, opinions, wanted, None, skips)
    decision = _majority(list(opinions.values()))
    state = ReviewState.disputed if decision is None else ReviewState.decided
    return SampleOutcome(state, opinions, wanted, decision, skips)


def rows_that_stand(rows: Sequence[Logged]) -> list[Logged]:
    """Those that no standing row reverts, reverts included; a revert comes after what it names."""
    undone: set[str] = set()
    standing = []
    for row in reversed(rows):
        if row.id not in undone:
            standing.append(row)
            if row.reverts is not None:
                undone.add(row.reverts)
    return standing[::-1]


def by_position(rows: Iterable[Correction]) -> dict[int, list[Correction]]:
    """The rows of each sample, in the order they came."""
    found: dict[int, list[Correction]] = {}
    for row in rows:
        found.setdefault(row.position, []).append(row)
    return found


def _majority(opinions: Sequence[Correction]) -> Correction | None:
    """The newest of those that say what more than half say; to exclude is such an answer too."""
    label, votes = Counter(row.corrected_label for row in opinions).most_common(1)[0]
    if 2 * votes <= len(opinions):
        return None
    return [row for row in opinions if row.corrected_label == label][-1]

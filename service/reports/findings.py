"""What reviewers have found: errors by look, tiers against verdicts, who has decided how many.

A look is a sample that somebody decided, at its first decision; what was decided last counts.
Skipped and reverted samples are no looks. An excluded sample counts as an error found. Of a sample
that several people judged, each has a look of their own, and all of them together have one.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelaudit.enums import Tier, Verdict
from service.db.tables import Correction, Suspect
from service.ranking.intervals import wilson
from service.review.outcome import rows_that_stand

CURVE_POINTS = 200  # more than a picture can show apart
IN_CLAUSE = 500  # samples asked for at once


@dataclass(frozen=True)
class Look:
    """What one person decided of a sample. `control`: drawn at random, not taken from the top of
    the ranking."""

    position: int
    tier: Tier | None
    wrong: bool
    control: bool
    annotator_id: str
    annotator: str
    at: datetime


@dataclass(frozen=True)
class TierFindings:
    """How a tier fared so far; the interval is Wilson's at 95 %, (0, 1) where nobody looked."""

    tier: Tier
    looked: int
    wrong: int
    low: float
    high: float


@dataclass(frozen=True)
class Person:
    annotator_id: str
    annotator: str
    looks: int
    errors: int
    last_at: datetime


@dataclass(frozen=True)
class Findings:
    looks: int
    errors: int
    curve: list[tuple[int, int]]  # (looks, errors) in the order of looking, controls left out
    tiers: list[TierFindings]
    people: list[Person]  # those with the most looks first


def find(session: Session, audit_id: str, ranking_id: str) -> Findings:
    return tell(_looks(session, audit_id, ranking_id))


def tell(told: Sequence[Look]) -> Findings:
    """Counts, curve and intervals of some looks, which lie in the order of looking."""
    looks = list({look.position: look for look in told}.values())
    return Findings(
        looks=len(looks),
        errors=sum(look.wrong for look in looks),
        curve=_curve([look.wrong for look in looks if not look.control]),
        tiers=[_tier(tier, looks) for tier in Tier],
        people=_people({(look.position, look.annotator_id): look for look in told}.values()),
    )


def _looks(session: Session, audit_id: str, ranking_id: str) -> list[Look]:
    decisions = _decisions(session, audit_id)
    suspects = _suspects(session, ranking_id, {row.sample_id for row in decisions})
    looks = []
    for row in decisions:
        tier, given = suspects.get(row.position, (None, row.given_label))
        wrong = row.verdict is Verdict.exclude or row.corrected_label != given
        who = row.key_id, row.annotator
        looks.append(Look(row.position, tier, wrong, row.control, *who, row.created_at))
    return looks


def _decisions(session: Session, audit_id: str) -> list[Any]:
    """Those in force, in the order they came."""
    columns = (
        Correction.id,
        Correction.position,
        Correction.sample_id,
        Correction.verdict,
        Correction.given_label,
        Correction.corrected_label,
        Correction.reverts,
        Correction.control,
        Correction.key_id,
        Correction.annotator,
        Correction.created_at,
    )
    rows = session.execute(
        select(*columns).where(Correction.audit_id == audit_id).order_by(Correction.seq)
    ).all()
    return [row for row in rows_that_stand(rows) if row.verdict not in (None, Verdict.skip)]


def _suspects(
    session: Session, ranking_id: str, sample_ids: Collection[str]
) -> dict[int, tuple[Tier, int]]:
    """Position -> tier and given label, in the audit's own version."""
    ids = list(sample_ids)
    found: dict[int, tuple[Tier, int]] = {}
    for first in range(0, len(ids), IN_CLAUSE):
        rows = session.execute(
            select(Suspect.position, Suspect.tier, Suspect.given_label).where(
                Suspect.ranking_id == ranking_id,
                Suspect.sample_id.in_(ids[first : first + IN_CLAUSE]),
            )
        )
        found |= {position: (tier, given) for position, tier, given in rows}
    return found


def _curve(wrong: list[bool]) -> list[tuple[int, int]]:
    step = max(1, -(-len(wrong) // CURVE_POINTS))
    curve, errors = [(0, 0)], 0
    for looks, is_wrong in enumerate(wrong, start=1):
        errors += is_wrong
        if looks % step == 0 or looks == len(wrong):
            curve.append((looks, errors))
    return curve


def _tier(tier: Tier, looks: Sequence[Look]) -> TierFindings:
    within = [look.wrong for look in looks if look.tier is tier]
    return TierFindings(tier, len(within), sum(within), *wilson(sum(within), len(within)))


def _people(looks: Iterable[Look]) -> list[Person]:
    by_person: dict[str, list[Look]] = {}
    for look in looks:
        by_person.setdefault(look.annotator_id, []).append(look)
    people = []
    for annotator_id, own in by_person.items():
        errors, last_at = sum(look.wrong for look in own), max(look.at for look in own)
        people.append(Person(annotator_id, own[-1].annotator, len(own), errors, last_at))
    return sorted(people, key=lambda person: (-person.looks, person.annotator))

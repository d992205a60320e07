"""What reviewers have found: errors by samples reviewed, by tier and by person.

A finding is one person's verdict on one sample. Skipped and reverted verdicts are not findings, and
an excluded sample counts as an error. A sample that several people reviewed is one finding of each
of them, but counts once in the totals, with its last verdict. It counts only once it has all the
opinions it wants: before that, a total would tell the next reviewer what the last one said.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from labelaudit.enums import Tier, Verdict
from service.db.tables import Correction, Suspect
from service.ranking.intervals import wilson
from service.review.conditions import partially_reviewed
from service.review.log import in_force
from service.review.outcome import rows_in_force

CURVE_POINTS = 200  # more cannot be told apart in a plot
IN_CLAUSE = 500  # samples in one query


@dataclass(frozen=True)
class Finding:
    """What one person found at one sample. Controls were drawn at random, not taken from the top of
    the ranking."""

    position: int
    tier: Tier | None
    wrong: bool
    is_control: bool
    annotator_id: str
    annotator: str
    at: datetime


@dataclass(frozen=True)
class TierFindings:
    """A tier's share of wrong labels with its 95 % interval (Wilson); (0, 1) before any review."""

    tier: Tier
    reviewed: int
    wrong: int
    low: float
    high: float


@dataclass(frozen=True)
class Person:
    id: str
    name: str
    reviewed: int
    errors: int
    last_at: datetime


@dataclass(frozen=True)
class Findings:
    reviewed: int
    errors: int
    curve: list[tuple[int, int]]  # (reviewed, errors) in the order of review, without controls
    tiers: list[TierFindings]
    people: list[Person]  # most reviewed samples first


def read_findings(session: Session, audit_id: str, ranking_id: str) -> Findings:
    return summarize(_read(session, audit_id, ranking_id))


def summarize(findings: Sequence[Finding]) -> Findings:
    """Counts, curve and intervals of findings in the order of review."""
    by_sample = list({one.position: one for one in findings}.values())
    return Findings(
        reviewed=len(by_sample),
        errors=sum(one.wrong for one in by_sample),
        curve=_curve([one.wrong for one in by_sample if not one.is_control]),
        tiers=[_tier(tier, by_sample) for tier in Tier],
        people=_people({(one.position, one.annotator_id): one for one in findings}.values()),
    )


@dataclass(frozen=True)
class Certified:
    """Corrections in force that rest on one certificate: nobody looked at these samples."""

    certificate_id: str
    annotator: str
    corrections: int


def read_certified(session: Session, audit_id: str) -> list[Certified]:
    """Oldest certificate first."""
    query = (
        select(Correction.certificate_id, Correction.annotator, func.count())
        .where(Correction.audit_id == audit_id, Correction.certificate_id.is_not(None))
        .where(in_force(Correction))
        .group_by(Correction.certificate_id, Correction.annotator)
        .order_by(Correction.certificate_id)
    )
    return [Certified(str(name), who, count) for name, who, count in session.execute(query)]


def _read(session: Session, audit_id: str, ranking_id: str) -> list[Finding]:
    corrections = _corrections(session, audit_id)
    suspects = _suspects(session, ranking_id, {row.sample_id for row in corrections})
    found = []
    for row in corrections:
        tier, given, begun = suspects.get(row.position, (None, row.given_label, False))
        if begun:
            continue
        wrong = row.verdict is Verdict.exclude or row.corrected_label != given
        who = row.key_id, row.annotator
        found.append(Finding(row.position, tier, wrong, row.control, *who, row.created_at))
    return found


def _corrections(session: Session, audit_id: str) -> list[Any]:
    """The verdicts in force except skips, oldest first."""
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
        select(*columns)
        .where(Correction.audit_id == audit_id, Correction.certificate_id.is_(None))
        .order_by(Correction.seq)
    ).all()
    return [row for row in rows_in_force(rows) if row.verdict not in (None, Verdict.skip)]


def _suspects(
    session: Session, ranking_id: str, sample_ids: Collection[str]
) -> dict[int, tuple[Tier, int, bool]]:
    """Position -> tier, given label in the audit's own version, and whether it misses opinions."""
    ids = list(sample_ids)
    found: dict[int, tuple[Tier, int, bool]] = {}
    for first in range(0, len(ids), IN_CLAUSE):
        rows = session.execute(
            select(Suspect.position, Suspect.tier, Suspect.given_label, partially_reviewed()).where(
                Suspect.ranking_id == ranking_id,
                Suspect.sample_id.in_(ids[first : first + IN_CLAUSE]),
            )
        )
        found |= {position: (tier, given, begun) for position, tier, given, begun in rows}
    return found


def _curve(wrong: list[bool]) -> list[tuple[int, int]]:
    step = max(1, -(-len(wrong) // CURVE_POINTS))
    curve, errors = [(0, 0)], 0
    for reviewed, is_wrong in enumerate(wrong, start=1):
        errors += is_wrong
        if reviewed % step == 0 or reviewed == len(wrong):
            curve.append((reviewed, errors))
    return curve


def _tier(tier: Tier, findings: Sequence[Finding]) -> TierFindings:
    within = [one.wrong for one in findings if one.tier is tier]
    return TierFindings(tier, len(within), sum(within), *wilson(sum(within), len(within)))


def _people(findings: Iterable[Finding]) -> list[Person]:
    by_person: dict[str, list[Finding]] = {}
    for one in findings:
        by_person.setdefault(one.annotator_id, []).append(one)
    people = []
    for annotator_id, own in by_person.items():
        errors, last_at = sum(one.wrong for one in own), max(one.at for one in own)
        people.append(Person(annotator_id, own[-1].annotator, len(own), errors, last_at))
    return sorted(people, key=lambda person: (-person.reviewed, person.name))

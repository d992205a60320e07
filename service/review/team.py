"""How much each reviewer did, how fast, and how far they agree with each other."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from labelaudit.enums import Verdict
from service.audits.records import get_audit
from service.db.tables import ApiKey, Correction
from service.ranking.intervals import wilson
from service.review import SampleOutcome, by_position, outcome

PAUSE = timedelta(minutes=5)  # a longer gap between two verdicts is a pause, not work
LEAST_SECONDS = 60.0  # less work than this gives no reliable rate


@dataclass
class Member:
    """One person's part in a review."""

    id: str
    name: str
    verdicts: int = 0  # skips are counted separately
    skips: int = 0
    reverted: int = 0  # of the verdicts and skips
    adjudications: int = 0
    controls: int = 0  # reviewed blind
    first_at: datetime | None = None
    last_at: datetime | None = None
    per_hour: float | None = None  # verdicts, without pauses
    seconds_per_verdict: float | None = None
    agreement: dict[str, Any] | None = None  # with others on the same samples
    upheld: dict[str, Any] | None = None  # own opinions that match the outcome
    batches: dict[str, list[datetime]] = field(default_factory=dict, repr=False)


def list_members(session: Session, audit_id: str) -> list[Member]:
    """Everybody who reviewed something in the audit, most verdicts first.

    `agreement` compares each opinion of the person with every other person's opinion in force on
    the same sample. `upheld` is the share of the person's opinions that match the outcome, on
    samples that several people reviewed. Both have a 95 % interval (Wilson).
    """
    get_audit(session, audit_id)
    rows = session.scalars(
        select(Correction)
        .where(Correction.audit_id == audit_id, Correction.certificate_id.is_(None))
        .order_by(Correction.seq)
    ).all()
    members: dict[str, Member] = {}
    reverted = {row.reverts for row in rows if row.reverts}
    for row in rows:
        member = members.setdefault(row.key_id, Member(row.key_id, row.annotator))
        if row.verdict is None:
            continue
        member.batches.setdefault(row.batch_id or row.id, []).append(row.created_at)
        member.skips += row.verdict is Verdict.skip
        member.verdicts += row.verdict is not Verdict.skip
        member.reverted += row.id in reverted
        member.adjudications += row.adjudication
        member.controls += row.control
    agreed: dict[str, list[int]] = {}
    upheld: dict[str, list[int]] = {}
    for of_sample in by_position(rows).values():
        _compare(outcome(of_sample), agreed, upheld)
    for member in members.values():
        _pace(member)
        member.agreement = _share(agreed.get(member.id))
        member.upheld = _share(upheld.get(member.id))
    return sorted(members.values(), key=lambda member: -member.verdicts)


def reviewers(session: Session, audit_id: str) -> Sequence[ApiKey]:
    """Everybody who can review: the valid keys, without those for other datasets."""
    dataset_id = get_audit(session, audit_id).dataset_id
    return session.scalars(
        select(ApiKey)
        .where(
            ApiKey.revoked_at.is_(None),
            or_(ApiKey.dataset_id.is_(None), ApiKey.dataset_id == dataset_id),
        )
        .order_by(ApiKey.name, ApiKey.id)
    ).all()


def names_of(session: Session, key_ids: Sequence[str]) -> dict[str, str]:
    keys = session.scalars(select(ApiKey).where(ApiKey.id.in_(key_ids)))
    return {key.id: key.name for key in keys}


def _compare(
    found: SampleOutcome, agreed: dict[str, list[int]], upheld: dict[str, list[int]]
) -> None:
    if len(found.opinions) < 2 or found.partially_reviewed:
        return
    for who, row in found.opinions.items():
        for other, theirs in found.opinions.items():
            if other != who:
                same = int(row.corrected_label == theirs.corrected_label)
                agreed.setdefault(who, []).append(same)
        if found.correction is not None:
            same = int(row.corrected_label == found.correction.corrected_label)
            upheld.setdefault(who, []).append(same)


def _share(hits: list[int] | None) -> dict[str, Any] | None:
    if not hits:
        return None
    low, high = wilson(sum(hits), len(hits), level=0.95)
    value = sum(hits) / len(hits)
    return {"value": value, "low": low, "high": high, "basis": "counted", "n": len(hits)}


def _pace(member: Member) -> None:
    """The verdicts of one batch took the time since the batch before."""
    if not member.batches:
        return
    batches = sorted((min(moments), len(moments)) for moments in member.batches.values())
    member.first_at, member.last_at = batches[0][0], max(max(m) for m in member.batches.values())
    worked = [
        ((later - earlier).total_seconds(), count)
        for (earlier, _), (later, count) in pairwise(batches)
        if later - earlier <= PAUSE
    ]
    seconds = sum(gap for gap, _ in worked)
    if seconds >= LEAST_SECONDS:
        member.seconds_per_verdict = round(median(gap / count for gap, count in worked), 2)
        member.per_hour = round(3600 * sum(count for _, count in worked) / seconds, 1)

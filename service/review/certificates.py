"""Certificates: people judge a few samples blind, then the rest of a head can be fixed at once.

`service.ranking.certificate` says what may be promised. A verdict is an ordinary correction of a
sample that `lease_next` served; what a certificate promises follows from the log alone, so reverts
and later opinions change it. `service.review.certified_fixes` applies and reverts one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelaudit.enums import Goal, Tier
from service.audits.records import get_audit, get_completed_audit
from service.audits.suspect_filter import SuspectFilter
from service.audits.suspects import newest_ranking
from service.core.errors import Conflict, NotFound
from service.core.principal import Principal
from service.db.lookup import find_child
from service.db.tables import Audit, Certificate, Correction, Dataset, Sample, new_id
from service.ranking.certificate import LEVELS, RIGHT, UNKNOWN, WRONG
from service.review.certified_lists import answers, list_of
from service.review.controls import CHUNK, ROUNDS, find_free
from service.review.log import in_force
from service.review.queue import SuspectLease, lease_suspects
from service.review.reranking import lock_audit

AHEAD = 5000  # samples that may be judged before those in front of them


@dataclass(frozen=True)
class LevelPromise:
    """With 95 % confidence, at least `right_at_least` of `size - wrong` samples are right."""

    level: float
    size: int  # of the head; 0 = nothing is promised
    right: int  # judged right
    wrong: int  # judged wrong, which are left out
    unjudged: int
    right_at_least: int
    unjudged_right_at_least: int


@dataclass(frozen=True)
class CertificateState:
    """A certificate and what it promises now."""

    certificate: Certificate
    listed: int  # samples in the largest head
    judged: int
    right: int
    promises: list[LevelPromise]
    batch_id: str | None  # of the corrections that were applied and are in force
    applied: int


def open_certificate(
    session: Session,
    audit_id: str,
    *,
    goal: Goal,
    level: float,
    wanted: SuspectFilter,
    principal: Principal,
) -> CertificateState:
    """Open a certificate for a part of the ranking. One that is open for the same is returned."""
    get_completed_audit(session, audit_id)
    audit = lock_audit(session, audit_id)
    tiers = [tier.value for tier in Tier if wanted.tier is not None and tier in wanted.tier]
    for state in list_certificates(session, audit_id):
        one = state.certificate
        same = (one.goal, one.level, one.tiers, one.given_label, one.predicted_label, one.issue)
        part = (wanted.given_label, wanted.predicted_label, wanted.issue)
        if same == (goal, level, tiers, *part) and state.batch_id is None:
            return state
    certificate = Certificate(
        id=new_id("ce"),
        audit_id=audit_id,
        goal=goal,
        level=level,
        tiers=tiers,
        given_label=wanted.given_label,
        predicted_label=wanted.predicted_label,
        issue=wanted.issue,
        version=session.scalar(select(Dataset.version).where(Dataset.id == audit.dataset_id)),
        created_by=principal.name,
        key_id=principal.key_id,
    )
    session.add(certificate)
    session.flush()
    return state_of(session, audit, certificate)


def list_certificates(session: Session, audit_id: str) -> list[CertificateState]:
    """Oldest first."""
    audit = get_audit(session, audit_id)
    found = session.scalars(
        select(Certificate).where(Certificate.audit_id == audit_id).order_by(Certificate.id)
    ).all()
    return [state_of(session, audit, one) for one in found]


def read_certificate(session: Session, audit_id: str, certificate_id: str) -> CertificateState:
    audit = get_audit(session, audit_id)
    return state_of(session, audit, get_certificate(session, audit, certificate_id))


def lease_next(
    session: Session,
    audit_id: str,
    certificate_id: str,
    *,
    principal: Principal,
    count: int,
    lease_seconds: float,
) -> list[SuspectLease]:
    """Lease the next samples to judge to one person; none once nothing can be promised further.

    Raises
    ------
    Conflict
        The certificate was applied: some of its samples can no longer be judged blind.
    """
    audit = get_completed_audit(session, audit_id)
    certificate = get_certificate(session, audit, certificate_id)
    if applied_rows(session, certificate):
        raise Conflict(
            "This certificate was applied. Revert it to judge more of its samples.",
            type="certificate-applied",
        )
    listed = list_of(session, audit, certificate)
    judging = listed.judging(answers(session, audit.dataset_id, listed))
    wanted = listed.positions[judging.next_places(certificate.level)[:AHEAD]].tolist()
    ranking = newest_ranking(session, audit_id)
    leased: list[SuspectLease] = []
    for first in range(0, len(wanted), CHUNK):
        names = _sample_ids(session, audit.dataset_id, wanted[first : first + CHUNK])
        for _ in range(ROUNDS):
            missing = count - len(leased)
            free = find_free(session, audit, ranking.id, names, missing, principal)
            taken = lease_suspects(
                session,
                audit,
                free,
                principal=principal,
                lease_seconds=lease_seconds,
                is_control=_is_control(certificate),
            )
            leased += taken
            if len(leased) == count:
                return leased
            if len(taken) == len(free):
                break
    return leased


def state_of(session: Session, audit: Audit, certificate: Certificate) -> CertificateState:
    listed = list_of(session, audit, certificate)
    found = answers(session, audit.dataset_id, listed)
    judging = listed.judging(found)
    promises = []
    for level in LEVELS:
        size = judging.promise(level).size
        right, wrong = (int((found[:size] == answer).sum()) for answer in (RIGHT, WRONG))
        least = ceil(round(level * (size - wrong), 9))
        promises.append(
            LevelPromise(
                level=level,
                size=size,
                right=right,
                wrong=wrong,
                unjudged=size - right - wrong,
                right_at_least=least,
                unjudged_right_at_least=max(0, least - right),
            )
        )
    applied = applied_rows(session, certificate)
    return CertificateState(
        certificate=certificate,
        listed=len(found),
        judged=int((found != UNKNOWN).sum()),
        right=int((found == RIGHT).sum()),
        promises=promises,
        batch_id=applied[0].batch_id if applied else None,
        applied=len(applied),
    )


def applied_rows(session: Session, certificate: Certificate) -> Sequence[Correction]:
    """The corrections that rest on the certificate and are in force."""
    rows = select(Correction).where(Correction.certificate_id == certificate.id)
    return session.scalars(rows.where(in_force(Correction)).order_by(Correction.seq)).all()


def _is_control(certificate: Certificate) -> bool:
    """Whether its samples are a random sample of their ranks, which the noise rate is estimated
    from: not if they were chosen by class, issue or suggestion."""
    return (
        certificate.goal is Goal.label_wrong
        and certificate.given_label is None
        and certificate.predicted_label is None
        and certificate.issue is None
    )


def _sample_ids(session: Session, dataset_id: str, positions: list[int]) -> list[str]:
    """In the order of the positions."""
    rows = session.execute(
        select(Sample.position, Sample.sample_id).where(
            Sample.dataset_id == dataset_id, Sample.position.in_(positions)
        )
    )
    names = {row.position: row.sample_id for row in rows}
    return [names[position] for position in positions]


def get_certificate(session: Session, audit: Audit, certificate_id: str) -> Certificate:
    found = find_child(session, Certificate, certificate_id, audit)
    if found is None:
        raise NotFound(f"The audit has no certificate {certificate_id!r}.")
    return found

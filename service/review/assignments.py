"""Assignments: parts of an audit's queue that are given to certain people."""

from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from labelaudit.enums import Tier
from service import review
from service.audits.records import get_audit
from service.core.errors import BadInput, NotFound, NotPermitted
from service.core.principal import Principal
from service.db.lookup import find_child
from service.db.statements import cached_statement
from service.db.tables import (
    ApiKey,
    Assignment,
    Audit,
    new_id,
    now,
)
from service.review import SuspectFilter, SuspectLease

_OPEN = cached_statement(
    select(Assignment)
    .where(Assignment.audit_id == bindparam("audit"), Assignment.closed_at.is_(None))
    .order_by(Assignment.id)
)


def update_review_settings(
    session: Session, audit_id: str, *, opinions: int, adjudicators: Sequence[str]
) -> Audit:
    """Set how many opinions each sample wants from now on, and who may adjudicate besides those who
    lead. Samples already begun or decided keep their number of opinions."""
    audit = get_audit(session, audit_id)
    audit.opinions = opinions
    audit.adjudicators = [key.id for key in _people(session, adjudicators, field="adjudicators")]
    session.flush()
    return audit


def create_assignment(
    session: Session,
    audit_id: str,
    *,
    name: str,
    wanted: SuspectFilter,
    people: Sequence[str],
    split: bool,
    reserved: bool,
    principal: Principal,
) -> Assignment:
    """Assign a part of the queue to people, named by their key ids. With `split`, each of them
    gets an equal share of its samples; `reserved` hides it from everybody else."""
    get_audit(session, audit_id)
    assignment = Assignment(
        id=new_id("as"),
        audit_id=audit_id,
        name=name,
        tiers=[tier.value for tier in wanted.tier or list(Tier)],
        given_label=wanted.given_label,
        predicted_label=wanted.predicted_label,
        people=[
            {"id": key.id, "name": key.name} for key in _people(session, people, field="people")
        ],
        split=split,
        reserved=reserved,
        created_by=principal,
    )
    session.add(assignment)
    session.flush()
    return assignment


def list_assignments(session: Session, audit_id: str) -> Sequence[Assignment]:
    """The open assignments, oldest first."""
    get_audit(session, audit_id)
    return session.scalars(_OPEN, {"audit": audit_id}).all()


def get_assignment(session: Session, audit_id: str, assignment_id: str) -> Assignment:
    return _get(session, get_audit(session, audit_id), assignment_id)


def close_assignment(session: Session, audit_id: str, assignment_id: str) -> None:
    """Close an assignment. Corrections made under it are kept."""
    _get(session, get_audit(session, audit_id), assignment_id).closed_at = now()


def lease_for(
    session: Session,
    audit: Audit,
    wanted: SuspectFilter,
    *,
    principal: Principal,
    count: int,
    lease_seconds: float,
    assigned: Literal["first", "only", "ignore"] = "first",
    assignment_id: str | None = None,
) -> list[SuspectLease]:
    """Lease from the caller's assignments, then from whatever is not reserved for others."""
    assignments = list_assignments(session, audit.id)
    own = [assignment for assignment in assignments if _share(assignment, principal) is not None]
    if assignment_id is not None:
        own = [_get(session, audit, assignment_id)]
        if _share(own[0], principal) is None:
            raise NotPermitted("This assignment is for other people.")
    elif assigned == "ignore":
        own = []
    searches: list[tuple[SuspectFilter, list[SuspectFilter]]] = [
        (_filter(assignment, principal, wanted), []) for assignment in own
    ]
    if assignment_id is None and assigned != "only":
        reserved = [
            _filter(other, None, SuspectFilter())
            for other in assignments
            if other.reserved and _share(other, principal) is None
        ]
        searches.append((wanted, reserved))
    leased: list[SuspectLease] = []
    for search, excluding in searches:
        if len(leased) < count:
            leased += review.lease_next(
                session,
                audit.id,
                principal=principal,
                wanted=search,
                count=count - len(leased),
                lease_seconds=lease_seconds,
                excluding=excluding,
            )
    return leased


def lease_disputed(
    session: Session,
    audit: Audit,
    wanted: SuspectFilter,
    *,
    principal: Principal,
    count: int,
    lease_seconds: float,
) -> list[SuspectLease]:
    """Lease disputed samples to an adjudicator who gave no opinion on them."""
    if not review.may_adjudicate(audit, principal):
        raise NotPermitted(
            "Only adjudicators are served disputed samples. Somebody who leads the review can add "
            "you in the audit's review settings."
        )
    return review.lease_next(
        session,
        audit.id,
        principal=principal,
        wanted=wanted,
        count=count,
        lease_seconds=lease_seconds,
    )


def _get(session: Session, audit: Audit, assignment_id: str) -> Assignment:
    assignment = find_child(session, Assignment, assignment_id, audit)
    if assignment is None or assignment.closed_at:
        raise NotFound(f"The audit has no assignment {assignment_id!r}.")
    return assignment


def _share(assignment: Assignment, principal: Principal) -> int | None:
    """The caller's index among the people of an assignment; None if it is not theirs."""
    ids = [person["id"] for person in assignment.people]
    return ids.index(principal.key_id) if principal.key_id in ids else None


def _filter(
    assignment: Assignment, principal: Principal | None, wanted: SuspectFilter
) -> SuspectFilter:
    share = _share(assignment, principal) if principal else None
    split = assignment.split and share is not None
    return SuspectFilter(
        tier=[Tier(tier) for tier in assignment.tiers],
        given_label=assignment.given_label,
        predicted_label=assignment.predicted_label,
        state=wanted.state,
        part=(share, len(assignment.people)) if split and share is not None else None,
    )


def _people(session: Session, key_ids: Sequence[str], *, field: str) -> list[Any]:
    """The keys with these ids, in order. Raises BadInput if one is unknown or revoked."""
    found = {
        key.id: key
        for key in session.scalars(
            select(ApiKey).where(ApiKey.id.in_(key_ids), ApiKey.revoked_at.is_(None))
        )
    }
    unknown = [key_id for key_id in key_ids if key_id not in found]
    if unknown:
        raise BadInput(
            f"There is no key {unknown[0]!r}; `GET /v1/audits/{{id}}/people` lists who can review.",
            errors=[{"pointer": f"/{field}", "detail": f"no such key: {name}"} for name in unknown],
        )
    return [found[key_id] for key_id in dict.fromkeys(key_ids)]

"""Who may say what about a sample: verdicts that conflict with what others said are refused."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from labelaudit.enums import ReviewState, Verdict
from service.audits.suspects import newest_ranking
from service.core.errors import BadInput, Conflict, LeaseLost, NotFound, NotPermitted
from service.core.principal import Principal
from service.db.statements import cached_statement
from service.db.tables import Audit, Correction, Lease, Sample, Suspect
from service.review import leases
from service.review.log import lock_samples, rows_at
from service.review.outcome import SampleOutcome, outcome

_SUSPECTS = cached_statement(
    select(Suspect).where(
        Suspect.ranking_id == bindparam("ranking"),
        Suspect.sample_id.in_(bindparam("sample_ids", expanding=True)),
    )
)


@dataclass(frozen=True)
class NewCorrection:
    """One verdict to record; `corrected_label` is a class index, given only with `relabel`."""

    sample_id: str
    verdict: Verdict
    corrected_label: int | None = None
    lease_id: str | None = None
    supersedes: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class Subject:
    """A sample under review, with its log and leases."""

    sample: Sample
    suspect: Suspect
    log: list[Correction]
    leases: list[Lease]  # not expired

    @cached_property
    def outcome(self) -> SampleOutcome:
        return outcome(self.log)

    def lease_of(self, key_id: str) -> Lease | None:
        return next((lease for lease in self.leases if lease.holder == key_id), None)

    def was_control(self, correction_id: str | None) -> bool:
        """A control stays a control when its verdict is replaced."""
        return any(row.id == correction_id and row.control for row in self.log)


def may_adjudicate(audit: Audit, principal: Principal) -> bool:
    """People who lead reviews, and those named in the audit's review settings."""
    return principal.leads or principal.key_id in audit.adjudicators


def lock_subjects(session: Session, audit: Audit, sample_ids: Sequence[str]) -> dict[str, Subject]:
    """The samples, locked so that nobody can lease them meanwhile."""
    if len(set(sample_ids)) != len(sample_ids):
        raise BadInput("A sample appears twice in the request; submit one verdict per sample.")
    suspects = {
        suspect.sample_id: suspect
        for suspect in session.scalars(
            _SUSPECTS,
            {"ranking": newest_ranking(session, audit.id).id, "sample_ids": sample_ids},
        )
    }
    missing = [sample_id for sample_id in sample_ids if sample_id not in suspects]
    if missing:
        raise NotFound(
            f"The audit ranked no sample {missing[0]!r}.",
            errors=[{"detail": "not in the ranking", "sample_id": name} for name in missing[:20]],
        )
    positions = [suspect.position for suspect in suspects.values()]
    samples = lock_samples(session, audit.dataset_id, positions)
    rows = rows_at(session, audit.dataset_id, positions)
    live = leases.live_leases(session, audit.dataset_id, positions)
    return {
        sample.sample_id: Subject(
            sample,
            suspects[sample.sample_id],
            rows.get(sample.position, []),
            [lease for lease in live if lease.position == sample.position],
        )
        for sample in samples
    }


def refuse_strange_names(submitted: Sequence[NewCorrection], subjects: dict[str, Subject]) -> None:
    """A verdict replaces a correction of its own sample, or none."""
    strange = [
        {
            "pointer": f"/corrections/{index}/supersedes",
            "sample_id": new.sample_id,
            "detail": "no correction of this sample",
        }
        for index, new in enumerate(submitted)
        if new.supersedes is not None
        and all(row.id != new.supersedes for row in subjects[new.sample_id].log)
    ]
    if strange:
        raise BadInput(
            "Nothing was stored: `supersedes` names the correction of the same sample that the "
            "verdict replaces.",
            errors=strange,
        )


def refuse_conflicts(
    audit: Audit,
    submitted: Sequence[NewCorrection],
    subjects: dict[str, Subject],
    principal: Principal,
) -> None:
    decided, leased, reserved = [], [], []
    for new in submitted:
        subject = subjects[new.sample_id]
        existing = _conflicting_correction(new, subject, principal)
        if existing is not None:
            decided.append(_conflict(subject.suspect, existing))
        elif is_adjudication(new, subject.outcome, principal):
            if not may_adjudicate(audit, principal):
                reserved.append({"sample_id": new.sample_id, "detail": "needs an adjudicator"})
        elif not _may_give_opinion(new, subject, audit, principal):
            leased.append({"sample_id": new.sample_id, "detail": "held by somebody else"})
    if decided:
        raise Conflict(
            "Nothing was stored: some samples are already decided. To replace a correction, name "
            "its id in `supersedes`.",
            type="already-decided",
            errors=decided,
        )
    if reserved:
        raise NotPermitted(
            "Nothing was stored: several people have given their opinion on some of these samples, "
            "and only an adjudicator can overrule them.",
            errors=reserved,
        )
    if leased:
        raise LeaseLost(
            "Nothing was stored: somebody else holds some of these samples now.", errors=leased
        )


def _conflicting_correction(
    new: NewCorrection, subject: Subject, principal: Principal
) -> Correction | None:
    """The correction in force that the new one would have to name in `supersedes`."""
    own = subject.outcome.opinions.get(principal.key_id)
    if own is not None and new.supersedes == own.id:
        return None
    if subject.outcome.state is ReviewState.disputed:
        return None
    decided = subject.outcome.state is ReviewState.decided
    existing = subject.outcome.correction if decided else own
    if existing is not None and existing.id == new.supersedes:
        return None
    return existing


def is_adjudication(new: NewCorrection, current: SampleOutcome, principal: Principal) -> bool:
    """Whether the verdict overrules others' opinions or chooses between them."""
    own = current.opinions.get(principal.key_id)
    replaces_own = own is not None and new.supersedes == own.id
    if current.correction is not None and current.correction.adjudication:
        return True
    return not replaces_own and (current.state is ReviewState.disputed or current.agreed)


def _may_give_opinion(
    new: NewCorrection, subject: Subject, audit: Audit, principal: Principal
) -> bool:
    """Whether the caller holds the sample, or more opinions are missing than others hold it for."""
    current = subject.outcome
    if current.state is ReviewState.decided or principal.key_id in current.opinions:
        return True
    if subject.lease_of(principal.key_id) is not None:
        return True
    if any(lease.id == new.lease_id for lease in subject.leases):
        return True
    wanted = current.wanted or audit.opinions
    others = len(subject.leases)
    return others == 0 or len(current.opinions) + others < wanted


def _conflict(suspect: Suspect, existing: Correction) -> dict[str, Any]:
    return {
        "sample_id": suspect.sample_id,
        "detail": f"decided by {existing.annotator}",
        "correction_id": existing.id,
        "verdict": existing.verdict,
    }

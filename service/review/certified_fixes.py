"""Fixing the rest of a certified head: one batch of corrections that name their certificate."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from labelaudit.enums import Verdict
from service.audits.records import dataset_of, get_completed_audit
from service.core.errors import Conflict
from service.core.principal import Principal
from service.db.tables import Audit, Certificate, Correction, Sample, new_id
from service.ranking.certificate import UNKNOWN
from service.review import leases
from service.review.certificates import (
    CertificateState,
    applied_rows,
    get_certificate,
    state_of,
)
from service.review.certified_lists import NONE, CertifiedList, answers, list_of
from service.review.emptied import announce_emptied
from service.review.hash_chain import append
from service.review.log import chunks, lock_samples, rows_at
from service.review.outcome import outcome
from service.review.reranking import lock_audit
from service.review.states import newest_rankings, sync_review_states, write_review_states


def apply(
    session: Session, audit_id: str, certificate_id: str, *, level: float, principal: Principal
) -> CertificateState:
    """Fix the samples of the head that nobody has judged, as one batch. A certificate that was
    applied already stays as it is, so the request can be repeated.

    Left out are samples that somebody holds or has begun, and those decided in another way.

    Raises
    ------
    Conflict
        Nothing is promised at this level yet.
    """
    audit = get_completed_audit(session, audit_id)
    lock_audit(session, audit_id)
    certificate = get_certificate(session, audit, certificate_id)
    if applied_rows(session, certificate):
        return state_of(session, audit, certificate)
    listed = list_of(session, audit, certificate)
    found = answers(session, audit.dataset_id, listed)
    size = listed.judging(found).promise(level).size
    places = np.flatnonzero(found[:size] == UNKNOWN)
    if not size:
        raise Conflict(
            f"Nothing is certified at {level:.0%} yet. Judge more samples, or lower the level.",
            type="not-certified",
        )
    _fix(session, audit, certificate, listed, places, principal)
    return state_of(session, audit, certificate)


def _fix(
    session: Session,
    audit: Audit,
    certificate: Certificate,
    listed: CertifiedList,
    places: NDArray[np.intp],
    principal: Principal,
) -> None:
    place_of = {int(listed.positions[place]): int(place) for place in places}
    free = _free_samples(session, audit.dataset_id, sorted(place_of))
    if not free:
        raise Conflict(
            "Nothing is left to fix: somebody judged, holds or decided every sample of the head.",
            type="nothing-to-fix",
        )
    batch_id = new_id("ba")
    rows = [
        Correction(
            id=new_id("co"),
            dataset_id=audit.dataset_id,
            audit_id=audit.id,
            position=sample.position,
            sample_id=sample.sample_id,
            given_label=sample.given_label,
            batch_id=batch_id,
            annotator=principal.name,
            key_id=principal.key_id,
            certificate_id=certificate.id,
            **_correction(listed, place_of[sample.position]),
        )
        for sample in free
    ]
    rankings = newest_rankings(session, audit.dataset_id)
    outcomes = {row.position: outcome([row]) for row in rows}
    write_review_states(session, audit.dataset_id, outcomes, rankings)
    append(session, audit.dataset_id, rows)
    if newest_rankings(session, audit.dataset_id) != rankings:  # one was published before the lock
        sync_review_states(session, audit.dataset_id, list(outcomes))
    fixed = [row.sample_id for row in rows]
    announce_emptied(session, dataset_of(session, audit), rankings, fixed)


def _correction(listed: CertifiedList, place: int) -> dict[str, Any]:
    proposed = int(listed.proposed[place])
    if proposed == NONE:
        return {"verdict": Verdict.exclude, "corrected_label": None}
    verdict = Verdict.accept_suggestion if listed.suggested[place] else Verdict.relabel
    return {"verdict": verdict, "corrected_label": proposed}


def _free_samples(session: Session, dataset_id: str, positions: list[int]) -> list[Sample]:
    """Those that nobody holds and that no correction in force is about, locked."""
    free = []
    for some in chunks(positions):
        samples = lock_samples(session, dataset_id, some)
        rows = rows_at(session, dataset_id, some)
        held = {lease.position for lease in leases.live_leases(session, dataset_id, some)}
        for sample in samples:
            found = outcome(rows.get(sample.position, []))
            untouched = found.needs_opinions and not found.opinions and not found.skips
            if untouched and sample.position not in held:
                free.append(sample)
    return free

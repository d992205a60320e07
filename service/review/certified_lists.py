"""The list of samples that a certificate is about, and what people have answered so far.

The list is a part of the audit's first ranking, which never changes, in the order of the
certificate's goal. Priorities follow from the audit's id: every certificate of an audit judges a
sample in the same turn, so a verdict given for one counts in all the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from threading import Lock
from typing import Any

import numpy as np
from cachetools import LRUCache, cached
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.orm import Session

from labelaudit.enums import Goal, Issue, ReviewState, Tier
from service.audits.suspect_filter import SuspectFilter
from service.db.tables import Audit, Certificate, Correction, Ranking, Suspect
from service.ranking.certificate import (
    RIGHT,
    UNKNOWN,
    WRONG,
    Judging,
    head_sizes,
    priorities,
)
from service.review.log import corrections_at
from service.review.outcome import SampleOutcome, by_position, outcome

Ints = NDArray[np.int64]
NONE = -1  # no label

_COLUMNS = (
    Correction.id,
    Correction.position,
    Correction.verdict,
    Correction.corrected_label,
    Correction.reverts,
    Correction.wanted,
    Correction.adjudication,
    Correction.key_id,
)
_SUSPECT_COLUMNS = (
    "position",
    "given_label",
    "predicted_label",
    "suggested_label",
    "suggested_label_confidence",
)


@dataclass(frozen=True)
class CertifiedList:
    """N samples, best for the goal first, up to the largest head."""

    positions: Ints  # (N,)
    given: Ints  # (N,) class indices
    proposed: Ints  # (N,) class indices, NONE where the goal is that the label is wrong
    suggested: NDArray[np.bool_]  # (N,) whether the first ranking suggests what is proposed
    sizes: NDArray[np.intp]  # (J,) of the heads
    by_priority: NDArray[np.intp]  # (N,) places, first to be judged first

    def judging(self, answers: NDArray[np.int8]) -> Judging:
        return Judging(self.sizes, self.by_priority, answers)

    def answer(self, place: int, found: SampleOutcome) -> int:
        """What people's verdicts say of the sample. Samples that they skipped, exclude or differ
        on count as wrong: nobody confirmed them."""
        if found.state is ReviewState.open:
            return UNKNOWN
        if found.correction is None or found.correction.corrected_label is None:
            return WRONG
        label, proposed = found.correction.corrected_label, self.proposed[place]
        if proposed == NONE:
            return RIGHT if label != self.given[place] else WRONG
        return RIGHT if label == proposed else WRONG


def part_of(certificate: Certificate) -> SuspectFilter:
    """The part of the ranking that the certificate is about."""
    return SuspectFilter(
        tier=[Tier(tier) for tier in certificate.tiers] or None,
        given_label=certificate.given_label,
        predicted_label=certificate.predicted_label,
        issue=None if certificate.issue is None else Issue(certificate.issue),
    )


def first_ranking(session: Session, audit_id: str) -> str:
    """The id of the models' own ranking, whose suspects are kept for good."""
    return session.scalars(
        select(Ranking.id).where(Ranking.audit_id == audit_id).order_by(Ranking.number).limit(1)
    ).one()


@cached(LRUCache(64), key=lambda _session, _audit, one: one.id, lock=Lock())
def list_of(session: Session, audit: Audit, certificate: Certificate) -> CertifiedList:
    """The certificate's list, cached because it never changes. Samples that another certificate
    had fixed when this one was opened are not in it."""
    columns: tuple[ColumnElement[Any], ...] = attrgetter(*_SUSPECT_COLUMNS)(Suspect)
    query = select(*columns).where(Suspect.ranking_id == first_ranking(session, audit.id))
    wanted = part_of(certificate).apply(query.order_by(Suspect.rank))
    suspects = session.execute(wanted).all()
    fixed = {
        position
        for position, row in corrections_at(session, audit.dataset_id, certificate.version).items()
        if row.certificate_id is not None
    }
    rows = [row for row in suspects if row.position not in fixed]
    disputed = sum(row.predicted_label != row.given_label for row in rows)
    if certificate.goal is Goal.suggestion_right:
        rows = _by_suggestion(rows)
    sizes = head_sizes(disputed, len(rows))
    rows = rows[: int(sizes[-1])]
    positions = np.array([row.position for row in rows], dtype=np.int64)
    wrong = certificate.goal is Goal.label_wrong
    return CertifiedList(
        positions=positions,
        given=np.array([row.given_label for row in rows], dtype=np.int64),
        proposed=np.array([NONE if wrong else _proposed(row) for row in rows], dtype=np.int64),
        suggested=np.array([row.suggested_label is not None for row in rows], dtype=np.bool_),
        sizes=sizes[sizes > 0],
        by_priority=np.argsort(priorities(audit.id, positions), kind="stable"),
    )


def _proposed(row: Row[Any]) -> int:
    """The suggestion, or what the models predict where they are not sure enough to suggest it."""
    label: int = row.predicted_label if row.suggested_label is None else row.suggested_label
    return label


def _by_suggestion(rows: Sequence[Row[Any]]) -> list[Row[Any]]:
    """Those that another label is proposed for, the surest suggestion first."""
    proposed = [row for row in rows if _proposed(row) != row.given_label]
    return sorted(
        proposed,
        key=lambda row: (row.suggested_label is None, -(row.suggested_label_confidence or 0)),
    )


def answers(session: Session, dataset_id: str, found: CertifiedList) -> NDArray[np.int8]:
    """(N,) what people said. Corrections that rest on a certificate are nobody's answer."""
    rows = session.execute(
        select(*_COLUMNS)
        .where(Correction.dataset_id == dataset_id, Correction.certificate_id.is_(None))
        .order_by(Correction.seq)
    ).all()
    place_of = {int(position): place for place, position in enumerate(found.positions)}
    result = np.full(len(found.positions), UNKNOWN, dtype=np.int8)
    listed: Any = [row for row in rows if row.position in place_of]
    for position, of_sample in by_position(listed).items():
        place = place_of[position]
        result[place] = found.answer(place, outcome(of_sample))
    return result

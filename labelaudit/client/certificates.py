"""Certificates of an audit: judge a few samples blind, then fix the rest at once."""

from collections.abc import Sequence
from typing import Any

from labelaudit.client.paths import audit_path, segment
from labelaudit.client.transport import Transport
from labelaudit.enums import Goal, Issue, Tier
from labelaudit.schemas import CertificateRead, CertificateSamples, RevertRead
from labelaudit.schemas.review import Control


class Certificate:
    """One certificate. Verdicts are given with `Audit.correct` and the lease of the sample."""

    def __init__(self, transport: Transport, audit_id: str, certificate_id: str) -> None:
        self.id = certificate_id
        self._transport = transport
        self._audit = audit_path(audit_id)
        self._path = f"{self._audit}/certificates/{segment(certificate_id)}"

    def __repr__(self) -> str:
        return f"Certificate({self.id!r})"

    def read(self) -> CertificateRead:
        """What it promises now."""
        return CertificateRead.model_validate(self._transport.get(self._path))

    def next_to_judge(self, count: int = 1) -> list[Control]:
        """Lease the next samples, without anything the models say about them."""
        answer = self._transport.request("POST", f"{self._path}/next", json={"count": count})
        return CertificateSamples.model_validate(answer.json()).items

    def apply(self, level: float) -> CertificateRead:
        """Fix the certified samples that nobody has judged, as one batch."""
        answer = self._transport.request("POST", f"{self._path}/apply", json={"level": level})
        return CertificateRead.model_validate(answer.json())

    def revert(self) -> RevertRead:
        """Revert everything that it fixed. Does nothing to what people judged."""
        body = {"batch_id": self.read().batch_id or self.id}
        answer = self._transport.request("POST", f"{self._audit}/reverts", json=body)
        return RevertRead.model_validate(answer.json())


class Certificates:
    """The certificates of one audit."""

    def __init__(self, transport: Transport, audit_id: str) -> None:
        self.audit_id = audit_id
        self._transport = transport
        self._path = f"{audit_path(audit_id)}/certificates"

    def __repr__(self) -> str:
        return f"Certificates({self.audit_id!r})"

    def open(
        self,
        goal: Goal | str = Goal.suggestion_right,
        *,
        level: float = 0.9,
        tier: Sequence[Tier | str] | None = None,
        given_label: str | None = None,
        predicted_label: str | None = None,
        issue: Issue | str | None = None,
    ) -> Certificate:
        """Open a certificate for a part of the ranking, or return the one that is open for it."""
        wanted: dict[str, Any] = {
            "goal": goal,
            "level": level,
            "given_label": given_label,
            "predicted_label": predicted_label,
            "issue": issue,
        }
        if tier is not None:
            wanted["tier"] = list(tier)
        answer = self._transport.request("POST", self._path, json=wanted)
        found = CertificateRead.model_validate(answer.json())
        return self.get(found.id)

    def get(self, certificate_id: str) -> Certificate:
        return Certificate(self._transport, self.audit_id, certificate_id)

    def list(self) -> list[CertificateRead]:
        """Oldest first, with what each promises now."""
        return self._transport.all(self._path, CertificateRead)

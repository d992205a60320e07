"""The review of an audit by several people: settings, assignments, team, history, bulk reverts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from labelaudit.client.paths import audit_path, dataset_path, segment
from labelaudit.client.transport import Transport
from labelaudit.enums import Tier
from labelaudit.schemas import (
    AssignmentRead,
    AuditRead,
    CommentRead,
    OwnDecision,
    PersonWithRole,
    RevertRead,
    ReviewSettingsRead,
    SampleHistory,
    TeamMember,
)


class Review:
    """The review of one audit. People are identified by their key ids; `reviewers()` lists them."""

    def __init__(self, transport: Transport, audit_id: str) -> None:
        self.audit_id = audit_id
        self._transport = transport
        self._audit = audit_path(audit_id)

    def __repr__(self) -> str:
        return f"Review({self.audit_id!r})"

    def reviewers(self) -> list[PersonWithRole]:
        return self._transport.all(f"{self._audit}/people", PersonWithRole)

    def settings(self) -> ReviewSettingsRead:
        """How many people judge each sample, and who adjudicates besides uploaders and admins."""
        return ReviewSettingsRead.model_validate(
            self._transport.get(f"{self._audit}/review-settings")
        )

    def update_settings(
        self, *, opinions: int | None = None, adjudicators: Sequence[str] | None = None
    ) -> ReviewSettingsRead:
        """Change the settings that are given; keep the others."""
        now = self.settings()
        wanted = {
            "opinions": now.opinions if opinions is None else opinions,
            "adjudicators": [one.id for one in now.adjudicators]
            if adjudicators is None
            else list(adjudicators),
        }
        answer = self._transport.request("PUT", f"{self._audit}/review-settings", json=wanted)
        return ReviewSettingsRead.model_validate(answer.json())

    def own_decisions(self, *, limit: int | None = 20) -> list[OwnDecision]:
        """Your own decisions with their samples, newest first; `limit=None` lists all."""
        path = f"{self._audit}/own-decisions"
        found = self._transport.pages(path, limit=limit, page=100)
        return [OwnDecision.model_validate(item) for item in found]

    def assignments(self) -> list[AssignmentRead]:
        """The active assignments, oldest first."""
        return self._transport.all(f"{self._audit}/assignments", AssignmentRead)

    def assign(
        self,
        name: str,
        people: Sequence[str],
        *,
        tier: Sequence[Tier | str] | None = None,
        given_label: str | None = None,
        predicted_label: str | None = None,
        split: bool = False,
        reserved: bool = False,
    ) -> AssignmentRead:
        """Assign a part of the queue to people, who then get it first."""
        wanted: dict[str, Any] = {
            "name": name,
            "people": list(people),
            "given_label": given_label,
            "predicted_label": predicted_label,
            "split": split,
            "reserved": reserved,
        }
        if tier is not None:
            wanted["tier"] = list(tier)
        answer = self._transport.request("POST", f"{self._audit}/assignments", json=wanted)
        return AssignmentRead.model_validate(answer.json())

    def end_assignment(self, assignment_id: str) -> None:
        """End an assignment. Corrections made under it are kept."""
        path = f"{self._audit}/assignments/{segment(assignment_id)}"
        self._transport.request("DELETE", path)

    def team(self) -> list[TeamMember]:
        """Each reviewer's verdicts, pace and agreement, most active first."""
        return self._transport.all(f"{self._audit}/team", TeamMember)

    def history(self, sample_id: str) -> SampleHistory:
        """A sample's labels, its rank in every audit, its corrections, reverts and comments."""
        return SampleHistory.model_validate(self._transport.get(self._sample(sample_id, "history")))

    def comment(self, sample_id: str, text: str) -> CommentRead:
        path = self._sample(sample_id, "comments")
        answer = self._transport.request("POST", path, json={"text": text})
        return CommentRead.model_validate(answer.json())

    def _sample(self, sample_id: str, part: str) -> str:
        audit = AuditRead.model_validate(self._transport.get(self._audit))
        return f"{dataset_path(audit.dataset_id)}/samples/{segment(sample_id)}/{part}"

    def reverts(self) -> list[RevertRead]:
        """Newest first."""
        return self._transport.all(f"{self._audit}/reverts", RevertRead)

    def revert_batch(self, batch_id: str) -> RevertRead:
        """Revert the active corrections of one batch. A revert is itself a batch."""
        return self._revert({"batch_id": batch_id})

    def revert_person(self, key_id: str, *, since: datetime | None = None) -> RevertRead:
        """Revert all verdicts of one person in this audit, or those since a point in time."""
        told = None if since is None else since.isoformat()
        return self._revert({"person_id": key_id, "since": told})

    def _revert(self, body: dict[str, Any]) -> RevertRead:
        answer = self._transport.request("POST", f"{self._audit}/reverts", json=body)
        return RevertRead.model_validate(answer.json())

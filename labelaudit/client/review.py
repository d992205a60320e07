"""The review of an audit by several people: settings, assignments, team, history, bulk reverts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from labelaudit.client.paths import audit_path, segment
from labelaudit.client.transport import Transport
from labelaudit.enums import Tier
from labelaudit.schemas import (
    AssignmentRead,
    CommentRead,
    Person,
    RevertedRead,
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

    def reviewers(self) -> list[Person]:
        return [Person.model_validate(row) for row in self._transport.get(f"{self._audit}/people")]

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
            "adjudicators": now.adjudicators if adjudicators is None else list(adjudicators),
        }
        answer = self._transport.request("PUT", f"{self._audit}/review-settings", json=wanted)
        return ReviewSettingsRead.model_validate(answer.json())

    def assignments(self) -> list[AssignmentRead]:
        """The active assignments, oldest first."""
        found = self._transport.get(f"{self._audit}/assignments")
        return [AssignmentRead.model_validate(row) for row in found]

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
        found = self._transport.get(f"{self._audit}/team")["members"]
        return [TeamMember.model_validate(row) for row in found]

    def history(self, sample_id: str) -> SampleHistory:
        """A sample's labels, its rank in every audit, its corrections, reverts and comments."""
        return SampleHistory.model_validate(
            self._transport.get(f"{self._audit}/history", sample_id=sample_id)
        )

    def comment(self, sample_id: str, text: str) -> CommentRead:
        body = {"sample_id": sample_id, "text": text}
        answer = self._transport.request("POST", f"{self._audit}/comments", json=body)
        return CommentRead.model_validate(answer.json())

    def revert_batch(self, batch_id: str) -> RevertedRead:
        """Revert the active corrections of one batch. A revert is itself a batch."""
        path = f"{self._audit}/batches/{segment(batch_id)}/revert"
        return RevertedRead.model_validate(self._transport.request("POST", path).json())

    def revert_reviewer(self, key_id: str, *, since: datetime | None = None) -> RevertedRead:
        """Revert all verdicts of one person in this audit, or those since a point in time."""
        path = f"{self._audit}/team/{segment(key_id)}/revert"
        body = {"since": None if since is None else since.isoformat()}
        return RevertedRead.model_validate(self._transport.request("POST", path, json=body).json())

"""Review settings, assignments, the team, reverts and the history of a sample."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

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


class ReviewersHandle:
    """The people of one audit. They are named by the ids of their keys: `reviewers()` has them."""

    def __init__(self, transport: Transport, audit_id: str) -> None:
        self.audit_id = audit_id
        self._transport = transport
        self._audit = f"/v1/audits/{quote(audit_id, safe='')}"

    def __repr__(self) -> str:
        return f"ReviewersHandle({self.audit_id!r})"

    def reviewers(self) -> list[Person]:
        return [Person.model_validate(row) for row in self._transport.get(f"{self._audit}/people")]

    def settings(self) -> ReviewSettingsRead:
        """How many opinions each sample wants, and who adjudicates besides those who lead."""
        return ReviewSettingsRead.model_validate(
            self._transport.get(f"{self._audit}/review-settings")
        )

    def set(
        self, *, opinions: int | None = None, adjudicators: Sequence[str] | None = None
    ) -> ReviewSettingsRead:
        """Change what is named; the rest stays as it is."""
        now = self.settings()
        wanted = {
            "opinions": now.opinions if opinions is None else opinions,
            "adjudicators": now.adjudicators if adjudicators is None else list(adjudicators),
        }
        answer = self._transport.request("PUT", f"{self._audit}/review-settings", json=wanted)
        return ReviewSettingsRead.model_validate(answer.json())

    def assignments(self) -> list[AssignmentRead]:
        """The open assignments, oldest first."""
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
        """Assign a part of the queue to people, who are served it first."""
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

    def close_assignment(self, assignment_id: str) -> None:
        """Close an assignment. Corrections made under it are kept."""
        path = f"{self._audit}/assignments/{quote(assignment_id, safe='')}"
        self._transport.request("DELETE", path)

    def team(self) -> list[TeamMember]:
        """How much each person reviewed, how fast, how far they agree; most verdicts first."""
        found = self._transport.get(f"{self._audit}/team")["members"]
        return [TeamMember.model_validate(row) for row in found]

    def history(self, sample_id: str) -> SampleHistory:
        """A sample's labels, its rank in every audit, its corrections, reverts and comments."""
        return SampleHistory.model_validate(
            self._transport.get(f"{self._audit}/history", sample_id=sample_id)
        )

    def comment(self, sample_id: str, text: str) -> CommentRead:
        said = {"sample_id": sample_id, "text": text}
        answer = self._transport.request("POST", f"{self._audit}/comments", json=said)
        return CommentRead.model_validate(answer.json())

    def revert_batch(self, batch_id: str) -> RevertedRead:
        """Revert the corrections, or reverts, of one request that are still in force."""
        path = f"{self._audit}/batches/{quote(batch_id, safe='')}/revert"
        return RevertedRead.model_validate(self._transport.request("POST", path).json())

    def revert_work(self, key_id: str, *, since: datetime | None = None) -> RevertedRead:
        """Revert all of a person's verdicts in this audit, or those since a given time."""
        path = f"{self._audit}/team/{quote(key_id, safe='')}/revert"
        body = {"since": None if since is None else since.isoformat()}
        return RevertedRead.model_validate(self._transport.request("POST", path, json=body).json())

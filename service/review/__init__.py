"""The queue and the corrections: lease the worst open suspect, decide it, undo a decision."""

from service.audits.suspects import (
    Ranked,
    SuspectFilter,
    duplicates_of,
    get_ranking,
    get_suspect,
    list_suspects,
    listed,
    newest_of_completed,
    newest_ranking,
    state_counts,
)
from service.review.corrections import Decision, may_adjudicate, submit
from service.review.log import (
    corrections_at,
    has_judged,
    judged_by,
    list_corrections,
    outcome_of,
    outcomes_at,
)
from service.review.outcome import SampleOutcome, by_position, outcome
from service.review.queue import (
    Held,
    hold,
    lease_next,
    release_lease,
    renew_lease,
    seems_free,
)
from service.review.states import newest_rankings, settle_ranking, shown
from service.review.undo import (
    Undone,
    revert,
    revert_batch,
    revert_work,
)

__all__ = [
    "Decision",
    "Held",
    "Ranked",
    "SampleOutcome",
    "SuspectFilter",
    "Undone",
    "by_position",
    "corrections_at",
    "duplicates_of",
    "get_ranking",
    "get_suspect",
    "has_judged",
    "hold",
    "judged_by",
    "lease_next",
    "list_corrections",
    "list_suspects",
    "listed",
    "may_adjudicate",
    "newest_of_completed",
    "newest_ranking",
    "newest_rankings",
    "outcome",
    "outcome_of",
    "outcomes_at",
    "release_lease",
    "renew_lease",
    "revert",
    "revert_batch",
    "revert_work",
    "seems_free",
    "settle_ranking",
    "shown",
    "state_counts",
    "submit",
]

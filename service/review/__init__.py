"""The queue and the corrections: lease the worst open suspect, decide it, undo a decision."""

from service.review.corrections import (
    Decision,
    corrections_at,
    latest_decision,
    list_corrections,
    revert,
    submit,
)
from service.review.queue import lease_next, release_lease, renew_lease, set_lease_end
from service.review.ranked import (
    SuspectFilter,
    duplicates_of,
    get_ranking,
    get_suspect,
    held_ranking,
    list_suspects,
    newest_ranking,
    state_counts,
)

__all__ = [
    "Decision",
    "SuspectFilter",
    "corrections_at",
    "duplicates_of",
    "get_ranking",
    "get_suspect",
    "held_ranking",
    "latest_decision",
    "lease_next",
    "list_corrections",
    "list_suspects",
    "newest_ranking",
    "release_lease",
    "renew_lease",
    "revert",
    "set_lease_end",
    "state_counts",
    "submit",
]

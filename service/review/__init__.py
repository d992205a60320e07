"""The queue and the corrections: lease the worst open suspect, record a verdict, revert it."""

from service.audits.suspects import (
    LIST_COLUMNS,
    RankingInfo,
    SuspectFilter,
    duplicates_of,
    get_ranking,
    get_suspect,
    list_columns,
    list_suspects,
    newest_ranking,
    newest_ranking_info,
    state_counts,
)
from service.review.corrections import NewCorrection, may_adjudicate, submit
from service.review.log import (
    corrections_at,
    has_reviewed,
    list_corrections,
    outcome_of,
    outcomes_at,
    reviewer_parameters,
)
from service.review.outcome import SampleOutcome, by_position, outcome
from service.review.queue import (
    SuspectLease,
    lease_next,
    lease_suspects,
    release_lease,
    renew_lease,
    seems_free,
)
from service.review.reverts import (
    Reverted,
    revert,
    revert_batch,
    revert_work,
)
from service.review.states import newest_rankings, suspect_columns, sync_ranking

__all__ = [
    "LIST_COLUMNS",
    "NewCorrection",
    "RankingInfo",
    "Reverted",
    "SampleOutcome",
    "SuspectFilter",
    "SuspectLease",
    "by_position",
    "corrections_at",
    "duplicates_of",
    "get_ranking",
    "get_suspect",
    "has_reviewed",
    "lease_next",
    "lease_suspects",
    "list_columns",
    "list_corrections",
    "list_suspects",
    "may_adjudicate",
    "newest_ranking",
    "newest_ranking_info",
    "newest_rankings",
    "outcome",
    "outcome_of",
    "outcomes_at",
    "release_lease",
    "renew_lease",
    "revert",
    "revert_batch",
    "revert_work",
    "reviewer_parameters",
    "seems_free",
    "state_counts",
    "submit",
    "suspect_columns",
    "sync_ranking",
]

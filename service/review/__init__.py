"""The queue and the corrections: lease the worst open suspect, record a verdict, revert it."""

from service.audits.suspect_filter import SuspectFilter
from service.audits.suspects import (
    LIST_COLUMNS,
    RankingInfo,
    count_suspects,
    duplicates_of,
    get_ranking,
    get_suspect,
    list_columns,
    list_in_row_order,
    list_suspects,
    newest_ranking,
    newest_ranking_info,
    state_counts,
)
from service.review.conflicts import NewCorrection, may_adjudicate
from service.review.corrections import submit
from service.review.log import (
    corrections_at,
    get_correction,
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
)
from service.review.reverts import Revert, create_revert, get_revert, list_reverts
from service.review.scans import seems_free
from service.review.states import newest_rankings, suspect_columns, sync_ranking

__all__ = [
    "LIST_COLUMNS",
    "NewCorrection",
    "RankingInfo",
    "Revert",
    "SampleOutcome",
    "SuspectFilter",
    "SuspectLease",
    "by_position",
    "corrections_at",
    "count_suspects",
    "create_revert",
    "duplicates_of",
    "get_correction",
    "get_ranking",
    "get_revert",
    "get_suspect",
    "has_reviewed",
    "lease_next",
    "lease_suspects",
    "list_columns",
    "list_corrections",
    "list_in_row_order",
    "list_reverts",
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
    "reviewer_parameters",
    "seems_free",
    "state_counts",
    "submit",
    "suspect_columns",
    "sync_ranking",
]

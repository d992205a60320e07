"""From trajectories and probabilities to a ranked list of suspects; pure numpy.

evidence = Evidence(labels, n_classes, trajectories=[Trajectory.load(folder)])
ranking = rank_suspects(evidence)
ranking.order[:20]                              # the twenty worst samples
reason(ranking, ranking.order[0], class_names)  # why the worst one is there
rank_suspects(evidence, verdicts=verdicts)      # the same, as reviewers would have the numbers
"""

from service.ranking.evidence import Evidence
from service.ranking.rank import rank_suspects
from service.ranking.rate import Interval
from service.ranking.reasons import reason, reasons
from service.ranking.result import (
    TIER_NAMES,
    ClassSummary,
    Ranking,
    Summary,
)
from service.ranking.tiers import Tier, TierPromise
from service.ranking.trajectory import Trajectory
from service.ranking.verdicts import Recalibrated, Verdicts, recalibrate

__all__ = [
    "TIER_NAMES",
    "ClassSummary",
    "Evidence",
    "Interval",
    "Ranking",
    "Recalibrated",
    "Summary",
    "Tier",
    "TierPromise",
    "Trajectory",
    "Verdicts",
    "rank_suspects",
    "reason",
    "reasons",
    "recalibrate",
]

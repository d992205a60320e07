"""From trajectories and probabilities to a ranked list of suspects; pure numpy.

evidence = Evidence(labels, n_classes, trajectories=[Trajectory.load(folder)])
ranking = rank_suspects(evidence)
ranking.order[:20]                              # the twenty worst samples
reason(ranking, ranking.order[0], class_names)  # why the worst one is there
"""

from service.ranking.evidence import Evidence
from service.ranking.rank import rank_suspects
from service.ranking.rate import Interval
from service.ranking.reasons import reason, reasons
from service.ranking.result import TIER_NAMES, ClassSummary, Ranking, Summary
from service.ranking.tiers import Tier, TierPromise
from service.ranking.trajectory import Trajectory

__all__ = [
    "TIER_NAMES",
    "ClassSummary",
    "Evidence",
    "Interval",
    "Ranking",
    "Summary",
    "Tier",
    "TierPromise",
    "Trajectory",
    "rank_suspects",
    "reason",
    "reasons",
]

"""From trajectories and probabilities to a ranked list of suspects; pure numpy.

evidence = Evidence(labels, n_classes, trajectories=[Trajectory.load(folder)])
ranking = rank_suspects(evidence)
ranking.order[:20]                              # the twenty worst samples
reason(ranking, ranking.order[0], class_names)  # why the worst one is there
rank_suspects(evidence, verdicts=verdicts)      # the same, recalibrated by reviewers' verdicts
"""

from service.ranking.evidence import Evidence
from service.ranking.rank import rank_suspects
from service.ranking.rate import Interval
from service.ranking.reasons import reason, reasons
from service.ranking.result import (
    ClassSummary,
    Ranking,
    Summary,
)
from service.ranking.tiers import TierCode, TierPromise
from service.ranking.trajectory import Trajectory
from service.ranking.verdicts import Recalibrated, Verdicts, recalibrate

__all__ = [
    "ClassSummary",
    "Evidence",
    "Interval",
    "Ranking",
    "Recalibrated",
    "Summary",
    "TierCode",
    "TierPromise",
    "Trajectory",
    "Verdicts",
    "rank_suspects",
    "reason",
    "reasons",
    "recalibrate",
]

"""Several people's labels of the same samples: consensus, each annotator's quality, agreement.

votes = Votes.of(samples, annotators, labels)   # long form, any hashable values
consensus = dawid_skene(votes)                  # P(true class) of every sample
quality(votes, consensus)                       # how good each annotator is, with an interval
agreement(votes)                                # Krippendorff's alpha, Fleiss' kappa

Pure numpy: nothing here knows a database. Why not a library: docs/decisions/0006.
"""

from service.votes.agreement import Agreement, Estimate, agreement
from service.votes.consensus import (
    Consensus,
    ModelEvidence,
    dawid_skene,
    majority,
)
from service.votes.quality import AnnotatorQuality, quality
from service.votes.table import Votes

__all__ = [
    "Agreement",
    "AnnotatorQuality",
    "Consensus",
    "Estimate",
    "ModelEvidence",
    "Votes",
    "agreement",
    "dawid_skene",
    "majority",
    "quality",
]

"""How far disagreement of models that are sure of themselves can be trusted to be a wrong label.

Where noise does not depend on the sample, the surest fifth of the samples disagrees with its labels
by noise alone; the models' own error is what all samples disagree beyond that. The smaller that own
error beside the noise, the deeper into the list a disagreement is almost surely a wrong label.
"""

from service.ranking.rate import RateClues

CLAIM = 0.90  # precision that the obvious tier promises
# From the packs, both halves in view (docs/lab/detection.md): larger own errors, relative
# to the noise or to guessing, and the surest disagreements were wrong labels in under 90 %.
LARGEST_RATIO, LARGEST_OWN_ERROR = 3.0, 0.4
SURE_AND_WRONG = 0.02  # disagreement of the surest that may be ambiguity or the models' own error
LARGEST_SHARE, SHARE_AT_ONE = 0.5, 0.33


def obvious_share(clues: RateClues, n_classes: int) -> float:
    """Share of the expected number of wrong labels that may be called obvious; 0 = none can."""
    own, noise = clues.own_error(n_classes), clues.error_fifth - SURE_AND_WRONG
    guessing = 1.0 - 1.0 / max(2, n_classes)
    if own >= LARGEST_RATIO * noise or own > LARGEST_OWN_ERROR * guessing:
        return 0.0
    return min(LARGEST_SHARE, SHARE_AT_ONE * noise / max(own, 1e-9))

"""Losses that read the logits as margins."""

import torch
from torch import Tensor

from worker.objectives.base import Setting, WarmedUp, of_given


def bounded(logits: Tensor) -> Tensor:
    """Logits centred over the classes and kept inside a ball: `f / sqrt(1 + mean f^2)`.

    Losses that reward large margins without end diverge on free logits. Patrini et al. put batch
    normalisation on the outputs; this needs no statistics of the batch, keeps a gradient with two
    classes too, and its zero sum is what makes the unhinged loss exactly symmetric.
    """
    centred = logits - logits.mean(2, keepdim=True)
    # Divided by the largest entry first, or squares of hopeless logits overflow.
    scale = centred.detach().abs().amax(2, keepdim=True).clamp_min(1.0)
    shrunk = centred / scale
    return shrunk / (scale.reciprocal().square() + shrunk.square().mean(2, keepdim=True)).sqrt()


class MarginLoss(WarmedUp):
    """A loss on bounded logits f, against every class or on the given one alone (`form`)."""

    def __init__(self, setting: Setting, *, form: str, warm_up: float) -> None:
        super().__init__(setting, warm_up=warm_up, form=form)
        self.target_only = form == "target_only"

    def loss(self, logits: Tensor, targets: Tensor, indices: Tensor) -> Tensor:  # noqa: ARG002
        margins = bounded(logits)
        given = of_given(margins, targets)
        if self.target_only:
            return self.on_target(given, logits.shape[2])
        return self.on_all(margins, given)

    def on_target(self, given: Tensor, n_classes: int) -> Tensor:
        """From f_y (B, K)."""
        raise NotImplementedError

    def on_all(self, margins: Tensor, given: Tensor) -> Tensor:
        """From f (B, K, C) and f_y (B, K)."""
        raise NotImplementedError


class Unhinged(MarginLoss):
    """van Rooyen, Menon and Williamson, NeurIPS 2015, https://arxiv.org/abs/1505.07634.

    The hinge without its corner, `1 - z f`, on bounded logits (see `bounded`). `one_vs_rest` sums
    it over all classes with z = +1 for the given one and -1 for the others; summed over all labels
    that is the constant C^2. `target_only` is `1 - f_y / C` of Patrini et al.'s code.
    """

    name = "unhinged"

    def on_target(self, given: Tensor, n_classes: int) -> Tensor:
        return 1.0 - given / n_classes

    def on_all(self, margins: Tensor, given: Tensor) -> Tensor:
        return margins.shape[2] - (2.0 * given - margins.sum(2))


class Ramp(MarginLoss):
    """Collobert et al., ICML 2006; tolerant to noise: Ghosh, Manwani and Sastry, 2015.

    `min(2, max(0, 1 - z)) / 2`, in [0, 1], with `l(z) + l(-z) = 1`, on bounded logits (see
    `bounded`). `one_vs_rest` averages it over all classes with margins +f_y and -f_k;
    `target_only` is `mean_k min(1, max(0, 1 - e_k f_k))` of Patrini et al.'s code, where every
    other class adds a constant. Samples on the flat parts pull no more; `warm_up` (ours) keeps a
    network from starting there.
    """

    name = "ramp"

    def on_target(self, given: Tensor, n_classes: int) -> Tensor:
        return ((1.0 - given).clamp(0.0, 1.0) + n_classes - 1) / n_classes

    def on_all(self, margins: Tensor, given: Tensor) -> Tensor:
        others = ramp(-margins).sum(2) - ramp(-given)
        return (ramp(given) + others) / margins.shape[2]


def ramp(margin: Tensor) -> Tensor:
    """`min(2, max(0, 1 - z)) / 2`: 1 below z = -1, 0 above z = 1."""
    return torch.clamp(1.0 - margin, 0.0, 2.0) / 2.0

"""Mean absolute error."""

from torch import Tensor

from worker.objectives.base import WarmedUp, log_p_given


class MeanAbsoluteError(WarmedUp):
    """Ghosh, Kumar and Sastry, AAAI 2017, https://arxiv.org/abs/1712.09482.

    `|e_y - s|_1 = 2 - 2 s_y`, in [0, 2]. Summed over all labels it is the constant 2C - 2, which
    makes it tolerant to uniform noise below (C - 1) / C. Its gradient vanishes where `s_y` is near
    0, as it is at the start with many classes; `warm_up` (ours, default .1; 0 gives the paper's
    loss throughout) trains that share of the epochs with cross entropy first.
    """

    name = "mae"

    def loss(self, logits: Tensor, targets: Tensor, indices: Tensor) -> Tensor:  # noqa: ARG002
        return 2.0 - 2.0 * log_p_given(logits, targets).exp()

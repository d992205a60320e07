"""Mean squared error."""

from torch import Tensor

from worker.objectives.base import WarmedUp, of_given


class MeanSquaredError(WarmedUp):
    """Ghosh, Kumar and Sastry, AAAI 2017, https://arxiv.org/abs/1712.09482.

    The Brier score `|e_y - s|_2^2 = 1 - 2 s_y + |s|^2`, in [0, 2]. Summed over all labels it is
    `C - 2 + C |s|^2`, between C - 1 and 2C - 2: bounded, but not symmetric. `warm_up` is ours.
    """

    name = "mse"

    def loss(self, logits: Tensor, targets: Tensor, indices: Tensor) -> Tensor:  # noqa: ARG002
        probs = logits.softmax(2)
        return 1.0 - 2.0 * of_given(probs, targets) + probs.square().sum(2)

from torch import Tensor

from worker.objectives.base import Objective, Setting, log_p_given


class MeanAbsoluteError(Objective):
    """Ghosh, Kumar and Sastry, AAAI 2017, https://arxiv.org/abs/1712.09482.

    `|e_y - s|_1 = 2 - 2 s_y`, in [0, 2]. Summed over all labels it is the constant 2C - 2, which
    makes it tolerant to uniform noise below (C - 1) / C. Its gradient vanishes where `s_y` is near
    0, as it is at the start with many classes; `warm_up` (our dial, default .1; the paper has none,
    0 gives its loss throughout) trains that share of the epochs with cross entropy first.
    """

    name = "mae"

    def __init__(self, setting: Setting, *, warm_up: float) -> None:
        super().__init__(setting, warm_up=warm_up)
        self.warm_epochs = round(warm_up * setting.epochs)
        self.warm = False

    def start_epoch(self, epoch: int) -> None:
        self.warm = epoch < self.warm_epochs

    def forward(self, logits: Tensor, targets: Tensor, indices: Tensor) -> Tensor:  # noqa: ARG002
        log_p = log_p_given(logits, targets)
        return -log_p if self.warm else 2.0 - 2.0 * log_p.exp()

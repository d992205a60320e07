"""A feature network, and how its input is made."""

from typing import NamedTuple

import numpy as np
from torch import nn


class Backbone(NamedTuple):
    """A feature network and how its input is made: (pixels - mean) / scale, edge x edge."""

    network: nn.Module
    edge: int
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    features: int
    dtype: type[np.generic]

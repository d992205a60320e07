"""Every drill by name: a module of drills is named here once, which registers them."""

from tests.drills import (  # noqa: F401 (they register their drills)
    api,
    copies,
    disks,
    moments,
    servers,
    soak,
    workers,
)
from tests.drills.registry import DRILLS

__all__ = ["DRILLS"]

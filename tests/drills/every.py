"""Every drill by name: a module of drills is named here once, which registers them."""

from tests.drills.registry import DRILLS

__all__ = ["DRILLS"]

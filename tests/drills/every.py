"""Every drill by name: a module of drills is named here once, which registers them."""

from importlib import import_module

from tests.drills.registry import DRILLS

__all__ = ["DRILLS"]

for name in (
    "api",
    "copies",
    "disks",
    "moments",
    "pictures",
    "servers",
    "slow",
    "soak",
    "workers",
):
    import_module(f"tests.drills.{name}")

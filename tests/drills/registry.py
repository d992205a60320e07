"""The drills by name: what each is called, on which shapes it makes sense."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.drills.arena import Arena
from tests.drills.stack import SHAPES


class CannotRun(Exception):
    """This machine, or this user, lacks what a drill needs."""


EMBEDDED, PRODUCTION = ("embedded",), ("production",)


@dataclass(frozen=True)
class Drill:
    name: str
    says: str
    shapes: tuple[str, ...]
    act: Callable[[Arena], None]
    in_ci: tuple[str, ...]  # the shapes on which it runs with the tests


DRILLS: dict[str, Drill] = {}


def drill(
    *, shapes: tuple[str, ...] = SHAPES, in_ci: tuple[str, ...] = ()
) -> Callable[[Callable[[Arena], None]], Callable[[Arena], None]]:
    """Register a drill under its function's name; its docstring's first line says what it does."""

    def register(act: Callable[[Arena], None]) -> Callable[[Arena], None]:
        name = act.__name__.replace("_", "-")
        says = (act.__doc__ or "").strip().splitlines()[0].rstrip(".")
        DRILLS[name] = Drill(name, says, shapes, act, in_ci)
        return act

    return register

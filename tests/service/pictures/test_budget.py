"""So many at once, so many bytes, a share for each organisation, and a deadline."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from service.core.errors import TooManyRequests, Unavailable
from service.pictures.budget import Budget
from tests.support.awaiting import awaited


class Hall:
    """Tasks that were admitted, and stay until they are told to go."""

    def __init__(self, **options: Any) -> None:
        wanted = {"slots": 3, "total_bytes": 100, "free_bytes": 10, "waiting": 50, "seconds": 20.0}
        self.budget = Budget(**{**wanted, **options})
        self.inside: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, name: str, needed: int = 1) -> None:
        """`name` begins with the letter of its organisation."""
        self.gates[name] = asyncio.Event()

        async def stay() -> None:
            async with self.budget.admitted(name[0], needed, until=self.budget.deadline()):
                self.inside.append(name)
                await self.gates[name].wait()
                self.inside.remove(name)

        self.tasks[name] = asyncio.create_task(stay())
        await settled()

    async def go(self, name: str) -> None:
        self.gates[name].set()
        await self.tasks[name]
        await settled()

    async def empty(self) -> None:
        while self.inside:
            await self.go(self.inside[0])
        assert self.budget.running == self.budget.held_bytes == 0


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def run(act: Callable[[], Coroutine[Any, Any, None]]) -> None:
    awaited(act())


def test_no_organisation_takes_all_slots():
    async def act():
        hall = Hall()
        for number in range(5):
            await hall.come(f"a{number}")
        assert hall.inside == ["a0", "a1"]
        await hall.come("b0")
        assert hall.inside == ["a0", "a1", "b0"]
        await hall.empty()

    run(act)


def test_a_single_slot_is_anybodys():
    async def act():
        hall = Hall(slots=1)
        await hall.come("a0")
        assert hall.inside == ["a0"]
        await hall.empty()

    run(act)


def test_organisations_take_turns():
    async def act():
        hall = Hall(slots=1)
        for name in ("a0", "a1", "a2", "b0", "c0", "b1"):
            await hall.come(name)
        order = []
        while hall.inside:
            order.append(hall.inside[0])
            await hall.go(hall.inside[0])
        assert order == ["a0", "b0", "c0", "a1", "b1", "a2"]

    run(act)


def test_large_pictures_share_the_memory_and_small_ones_pass():
    async def act():
        hall = Hall(slots=4)
        await hall.come("a0", 60)
        await hall.come("b0", 60)
        await hall.come("c0", 30)  # would fit, but b0 waits for it
        await hall.come("c1", 10)
        assert hall.inside == ["a0", "c1"]
        assert hall.budget.held_bytes == 60
        await hall.go("a0")
        assert sorted(hall.inside) == ["b0", "c0", "c1"]
        await hall.empty()

    run(act)


def test_who_waits_too_long_is_told_when_to_come_back():
    async def act():
        hall = Hall(slots=1, seconds=0.05)
        await hall.come("a0")
        await hall.come("b0")
        with pytest.raises(Unavailable) as caught:
            await hall.tasks["b0"]
        assert (caught.value.type, caught.value.retry_after) == ("pictures-busy", 2)
        await hall.empty()

    run(act)


def test_an_organisation_with_a_long_line_is_refused_and_others_are_not():
    async def act():
        hall = Hall(slots=1, waiting=2)
        for number in range(4):
            await hall.come(f"a{number}")
        with pytest.raises(TooManyRequests) as caught:
            await hall.tasks["a3"]
        assert caught.value.retry_after == 2
        await hall.come("b0")
        assert not hall.tasks["b0"].done()
        await hall.empty()

    run(act)


def test_who_gives_up_leaves_nothing_behind():
    async def act():
        hall = Hall(slots=1)
        await hall.come("a0", 50)
        await hall.come("b0", 50)
        hall.tasks["b0"].cancel()
        hall.tasks["a0"].cancel()
        await asyncio.gather(*hall.tasks.values(), return_exceptions=True)
        assert hall.budget.running == hall.budget.held_bytes == 0

    run(act)

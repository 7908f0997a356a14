"""A hang is a failure with a name, whatever its kind; each kind is planted once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from core.lab.line import CALLBACKS_MOST, TappedLoop
from core.sim.virtual_clock import Hang, VirtualClock, run_virtual


async def waits_for_nothing(clock: VirtualClock) -> None:
    await asyncio.Event().wait()


async def goes_round_at_one_instant(clock: VirtualClock) -> None:
    while True:
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("plant", "words"),
    [(waits_for_nothing, "no timer runs"), (goes_round_at_one_instant, f"{CALLBACKS_MOST} callbacks at one instant")],
)
def test_a_planted_hang_is_told(plant: Callable[[VirtualClock], Coroutine[Any, Any, None]], words: str) -> None:
    with pytest.raises(Hang, match=words):
        run_virtual(plant, loop_factory=TappedLoop)


def test_many_callbacks_over_time_are_no_hang() -> None:
    async def busy(clock: VirtualClock) -> int:
        for _ in range(120):
            for _ in range(1_000):
                await asyncio.sleep(0)
            await asyncio.sleep(0.001)
        return 1

    assert run_virtual(busy, loop_factory=TappedLoop) == 1

"""Virtual time: it jumps, it is exact, it repeats, and a hang is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from core.sim.virtual_clock import EPOCH_NS, NS, START_NS, Hang, VirtualClock, run_virtual


def test_a_day_passes_in_no_time() -> None:
    async def main(clock: VirtualClock) -> tuple[int, int]:
        await clock.sleep(86_400)
        return clock.monotonic_ns(), clock.wall_ns()

    began = time.monotonic()
    monotonic_ns, wall_ns = run_virtual(main)
    assert time.monotonic() - began < 2
    assert monotonic_ns == START_NS + 86_400 * NS
    assert wall_ns == EPOCH_NS + 86_400 * NS


def test_sleepers_wake_in_order_at_their_times() -> None:
    woken: list[tuple[int, int]] = []

    async def main(clock: VirtualClock) -> None:
        async def sleeper(ms: int) -> None:
            await clock.sleep(ms / 1_000)
            woken.append((ms, (clock.monotonic_ns() - START_NS) // 1_000_000))

        await asyncio.gather(*(sleeper(ms) for ms in (700, 3, 250, 3, 90)))

    run_virtual(main)
    assert woken == [(3, 3), (3, 3), (90, 90), (250, 250), (700, 700)]


def test_timeouts_run_on_virtual_time() -> None:
    async def main(clock: VirtualClock) -> int:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await clock.sleep(60)
        return clock.monotonic_ns()

    assert run_virtual(main) - START_NS == 30 * NS


def test_waiting_for_nothing_is_told() -> None:
    async def main(_clock: VirtualClock) -> None:
        await asyncio.Event().wait()

    with pytest.raises(Hang, match="no timer"):
        run_virtual(main)


def test_time_does_not_pass_while_something_is_ready() -> None:
    async def main(clock: VirtualClock) -> int:
        for _ in range(1_000):
            await clock.sleep(0)
        return clock.monotonic_ns()

    assert run_virtual(main) == START_NS


def test_wall_clock_may_step_and_durations_stay() -> None:
    async def main(clock: VirtualClock) -> None:
        clock.step_wall(-3_600 * NS)
        await clock.sleep(1)
        assert clock.wall_ns() == EPOCH_NS - 3_599 * NS
        assert clock.monotonic_ns() == START_NS + NS

    run_virtual(main)


def test_threads_are_refused() -> None:
    async def main(_clock: VirtualClock) -> None:
        with pytest.raises(RuntimeError, match="threads"):
            await asyncio.get_running_loop().run_in_executor(None, time.time)

    run_virtual(main)


def test_next_timer_is_known_and_cancelled_ones_do_not_count() -> None:
    async def main(_clock: VirtualClock) -> None:
        loop = asyncio.get_running_loop()
        assert loop.next_timer_ns() is None  # type: ignore[attr-defined]
        early = loop.call_later(5, print)
        loop.call_later(9, print).cancel()
        assert loop.next_timer_ns() == START_NS + 5 * NS  # type: ignore[attr-defined]
        early.cancel()

    run_virtual(main)


def test_result_and_error_come_out() -> None:
    async def fails(_clock: VirtualClock) -> None:
        raise KeyError("out")

    def value(_clock: VirtualClock) -> Coroutine[Any, Any, int]:
        async def inner() -> int:
            return 5

        return inner()

    assert run_virtual(value) == 5
    with pytest.raises(KeyError):
        run_virtual(fails)

"""Virtual time: an event loop that never waits. When nothing is ready, the clock jumps to the next timer.

A world runs a day in seconds, under a seed, with natural sleeps and timeouts. Time is an integer of nanoseconds; the
loop's float seconds derive from it. Nothing here touches a socket, a thread or the machine's clock. A loop in which
nothing is ready and nothing is due would hang forever; here it raises `Hang`.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, TypeVar

NS = 1_000_000_000
# Some libraries take a time of zero for "never".
START_NS = 1_000 * NS
# 2026-01-05T15:00:00Z, a Monday.
EPOCH_NS = 1_767_625_200 * NS

_T = TypeVar("_T")


class Hang(RuntimeError):
    """Nothing is ready and no timer runs: the program would wait forever."""


class _NoSelector:
    """Stands where a loop asks the system for events; there are none, so waiting is advancing."""

    def __init__(self, advance: Callable[[float | None], None]) -> None:
        self._advance = advance

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None or timeout > 0:
            self._advance(timeout)
        return []

    def close(self) -> None:
        """Nothing is held."""


class VirtualLoop(asyncio.BaseEventLoop):
    """An asyncio loop on virtual time. `now_ns` is its only clock."""

    def __init__(self, start_ns: int = START_NS) -> None:
        super().__init__()
        self.now_ns = start_ns
        self._selector = _NoSelector(self._advance)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """Seconds on the virtual clock."""
        return self.now_ns / NS

    def _advance(self, timeout: float | None) -> None:
        if timeout is None:
            raise Hang(f"nothing is ready and no timer runs at {self.now_ns / NS:.3f} s of virtual time")
        self.now_ns += max(1, math.ceil(timeout * NS))

    def _process_events(self, event_list: list[Any]) -> None:
        """There are no events of the system."""

    def _write_to_self(self) -> None:
        """Nobody sleeps, so nobody needs waking."""

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> NoReturn:  # type: ignore[override]
        """A thread would run in real time and break the repetition."""
        raise RuntimeError("no threads on virtual time")

    def next_timer_ns(self) -> int | None:
        """When the next timer is due, for those who show the world at its own pace."""
        live = [handle for handle in getattr(self, "_scheduled", ()) if not handle.cancelled()]
        return None if not live else math.ceil(heapq.nsmallest(1, live)[0].when() * NS)


class VirtualClock:
    """The port's clock on a virtual loop; wall time is a fixed epoch plus what has passed."""

    def __init__(self, loop: VirtualLoop, epoch_ns: int = EPOCH_NS) -> None:
        self._loop = loop
        self._offset_ns = epoch_ns - loop.now_ns

    def monotonic_ns(self) -> int:
        return self._loop.now_ns

    def wall_ns(self) -> int:
        return self._loop.now_ns + self._offset_ns

    def step_wall(self, by_ns: int) -> None:
        """Let the wall clock jump, as a machine's clock does when it is set; durations are not touched."""
        self._offset_ns += by_ns

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def run_virtual(
    main: Callable[[VirtualClock], Coroutine[Any, Any, _T]],
    *,
    epoch_ns: int = EPOCH_NS,
    loop_factory: Callable[[], VirtualLoop] = VirtualLoop,
    debug: bool = False,
) -> _T:
    """Run `main(clock)` to its end on a fresh virtual loop; raises `Hang` where it would wait forever."""
    loop = loop_factory()
    with asyncio.Runner(loop_factory=lambda: loop, debug=debug) as runner:
        return runner.run(main(VirtualClock(loop, epoch_ns)))

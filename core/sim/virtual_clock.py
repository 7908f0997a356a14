"""Virtual time: an event loop that never waits. When nothing is ready, the clock jumps to the next timer.

A world runs a day in seconds, under a seed, with natural sleeps and timeouts. Time is an integer of nanoseconds; the
loop's float seconds derive from it. Nothing here touches a socket, a thread or the machine's clock. A loop in which
nothing is ready and nothing is due would hang forever; here it raises `Hang`.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import sys
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context, copy_context
from typing import Any, NoReturn, TypeVar

NS = 1_000_000_000
# Some libraries take a time of zero for "never".
START_NS = 1_000 * NS
# 2026-01-05T15:00:00Z, a Monday.
EPOCH_NS = 1_767_625_200 * NS

_T = TypeVar("_T")


class Hang(RuntimeError):
    """Nothing is ready and no timer runs: the program would wait forever."""


class _Soon(asyncio.Handle):
    """A callback that is ready; keeps no traceback of where it was asked for."""

    __slots__ = ()

    def __init__(
        self, callback: Callable[..., Any], args: Sequence[Any], loop: VirtualLoop, context: Context | None
    ) -> None:
        _fill(self, callback, args, loop, context)

    def cancel(self) -> None:
        _cancel(self)


class _Later(asyncio.TimerHandle):
    """A callback with a time."""

    __slots__ = ()

    def __init__(
        self, when: float, callback: Callable[..., Any], args: Sequence[Any], loop: VirtualLoop, context: Context | None
    ) -> None:
        _fill(self, callback, args, loop, context)
        self._when = when
        self._scheduled = True

    def cancel(self) -> None:
        _cancel(self)


def _fill(handle: Any, callback: Any, args: Any, loop: VirtualLoop, context: Context | None) -> None:
    """What a handle of the library holds; its own beginning asks the loop for more than a world needs, each time."""
    handle._context = copy_context() if context is None else context
    handle._loop = loop
    handle._callback = callback
    handle._args = args
    handle._cancelled = False
    handle._repr = None
    handle._source_traceback = None


def _cancel(handle: Any) -> None:
    handle._cancelled = True
    handle._callback = handle._args = None


class VirtualLoop(asyncio.BaseEventLoop):
    """An asyncio loop on virtual time. `now_ns` is its only clock.

    It asks no system for events, since there are none: it runs what is ready, and else goes on to the next timer.
    Timers due at one time run in the order they were asked for.
    """

    callbacks_most = sys.maxsize  # at one instant

    def __init__(self, start_ns: int = START_NS) -> None:
        super().__init__()
        self.now_ns = start_ns
        self.at_once = 0
        self._clock_resolution = 1e-9
        self._ready: deque[asyncio.Handle]
        self._timers: list[tuple[float, int, _Later]] = []
        self._timer_number = 0
        self._stopping: bool

    def time(self) -> float:
        """Seconds on the virtual clock."""
        return self.now_ns / NS

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = _Soon(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.now_ns / NS + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        self._timer_number += 1
        timer = _Later(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, self._timer_number, timer))
        return timer

    def _run_once(self) -> None:
        """What is ready now, and what is due now; with neither, time passes."""
        ready, timers = self._ready, self._timers
        if ready:
            self.at_once += len(ready)
            if self.at_once > self.callbacks_most:
                raise Hang(f"{self.callbacks_most} callbacks at one instant, {self.now_ns / NS:.3f} s of virtual time")
        elif not self._stopping:
            self._pass_time()
        end = self.now_ns / NS + self._clock_resolution
        while timers and timers[0][0] < end:
            timer = heapq.heappop(timers)[2]
            if not timer._cancelled:
                ready.append(timer)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()

    def _pass_time(self) -> None:
        """Until the next timer."""
        timers = self._timers
        while timers and timers[0][2]._cancelled:
            heapq.heappop(timers)
        if not timers:
            raise Hang(f"nothing is ready and no timer runs at {self.now_ns / NS:.3f} s of virtual time")
        wait = timers[0][0] - self.now_ns / NS
        if wait > 0:
            self.at_once = 0
            self.now_ns += max(1, math.ceil(wait * NS))

    def close(self) -> None:
        super().close()
        self._timers.clear()

    def _process_events(self, event_list: list[Any]) -> None:
        """There are no events of the system."""

    def _write_to_self(self) -> None:
        """Nobody sleeps, so nobody needs waking."""

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> NoReturn:  # type: ignore[override]
        """A thread would run in real time and break the repetition."""
        raise RuntimeError("no threads on virtual time")

    def next_timer_ns(self) -> int | None:
        """When the next timer is due, for those who show the world at its own pace."""
        due = min((when for when, _number, timer in self._timers if not timer._cancelled), default=None)
        return None if due is None else math.ceil(due * NS)


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

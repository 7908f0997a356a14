"""MainThreadStopwatch: measures a call and interrupts one that holds the loop.

An interval timer of the main thread ends a call that lasts longer than its limit, wherever in Python it is. A timer
and a handler that were there before (a test runner's) are put back with the time they had left. What is measured is the
processor's time of this thread: on a busy machine a call that only had to wait for its turn is not slow.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

from core.domain.errors import TookTooLong
from core.local.clock import thread_cpu_ns
from core.ports import Clock

T = TypeVar("T")
LIMIT_MS = 250
NS = 1_000_000_000


class MainThreadStopwatch:
    """Elsewhere than on the main thread it only measures."""

    def __init__(self, clock: Clock, limit_ms: int = LIMIT_MS) -> None:
        self._clock = clock
        self._limit_ms = limit_ms

    def timed(self, call: Callable[[], T]) -> tuple[T, int]:
        """The result and how long it worked. TookTooLong past the limit, even where the call swallowed it."""
        begun, worked_ns = self._clock.monotonic_ns(), thread_cpu_ns()
        if threading.current_thread() is threading.main_thread():
            result = self._interruptible(call)
        else:
            result = call()
        if self._clock.monotonic_ns() - begun > self._limit_ms * 1_000_000:
            raise self._too_long()
        return result, thread_cpu_ns() - worked_ns

    def _too_long(self) -> TookTooLong:
        return TookTooLong(f"took longer than {self._limit_ms} ms")

    def _interruptible(self, call: Callable[[], T]) -> T:
        done = False

        def ring(number: int, frame: FrameType | None) -> None:
            if not done:
                raise self._too_long()

        begun = self._clock.monotonic_ns()
        before = signal.signal(signal.SIGALRM, ring)
        left, interval = signal.setitimer(signal.ITIMER_REAL, self._limit_ms / 1_000, self._limit_ms / 1_000)
        try:
            try:
                return call()
            finally:
                done = True
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before if before is not None else signal.SIG_DFL)
            if left:
                passed = (self._clock.monotonic_ns() - begun) / NS
                signal.setitimer(signal.ITIMER_REAL, max(0.001, left - passed), interval)

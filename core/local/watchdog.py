"""Watchdog: a thread beside the trading loop that acts when the loop stands still.

A loop that is stuck can neither cancel an order nor hear a key or a signal. The thread then writes down where every
thread stands, ends the orders through a blocking road of its own, and leaves the process if the loop does not come
back: without the loop nothing else would ever end it. A process that was stopped as a whole (a suspended machine, a
debugger) is no frozen loop: the thread notices that it did not run itself, and gives the loop its full patience again.
"""

from __future__ import annotations

import contextlib
import faulthandler
import threading
from collections.abc import Callable
from pathlib import Path

from core.ports import Clock

NS = 1_000_000_000
LOOK_S = 0.25
LIMIT_NS = 3 * NS
GRACE_NS = 10 * NS
# A look that comes so much too late says that this thread, too, was held up.
HELD_UP_NS = 1 * NS


class Watchdog(threading.Thread):
    """`beat()` is called from the loop. When the last beat is older than `limit_ns`: `froze()`, stacks into
    `stacks()`, `end_orders()` (blocking, bounded, returns words); when another `grace_ns` bring no beat:
    `leave(words)`, which does not return.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        stacks: Callable[[], Path],
        froze: Callable[[], None],
        end_orders: Callable[[], str],
        leave: Callable[[str], None],
        limit_ns: int = LIMIT_NS,
        grace_ns: int = GRACE_NS,
    ) -> None:
        super().__init__(daemon=True, name="watchdog")
        self._clock = clock
        self._stacks, self._froze, self._end_orders, self._leave = stacks, froze, end_orders, leave
        self._limit_ns, self._grace_ns = limit_ns, grace_ns
        self._closed = threading.Event()
        self._beat_ns = self._looked_ns = clock.monotonic_ns()
        self.freezes = 0

    def beat(self) -> None:
        """The loop turns. One store: safe from any thread."""
        self._beat_ns = self._clock.monotonic_ns()

    def close(self) -> None:
        """No more watching; does not wait."""
        self._closed.set()

    def run(self) -> None:
        self._looked_ns = self._clock.monotonic_ns()
        self.beat()
        while not self._closed.wait(LOOK_S):
            if self._age_ns() > self._limit_ns:
                self._act()

    def _age_ns(self) -> int:
        """Time since the last beat, in which this thread did run."""
        now = self._clock.monotonic_ns()
        if now - self._looked_ns > HELD_UP_NS:
            self._beat_ns = max(self._beat_ns, now)
        self._looked_ns = now
        return now - self._beat_ns

    def _act(self) -> None:
        frozen_beat = self._beat_ns
        self.freezes += 1
        self._froze()
        path = self._write_stacks()
        words = self._end_orders()
        self._note(path, words)
        self._looked_ns = self._clock.monotonic_ns()
        waited_from = self._looked_ns
        while not self._closed.wait(LOOK_S):
            if self._beat_ns != frozen_beat:
                return
            if self._clock.monotonic_ns() - waited_from > self._grace_ns:
                seconds = (self._clock.monotonic_ns() - frozen_beat) // NS
                said = f"the trading loop stood still for {seconds} s; {words}; where it stood: {path or 'not written'}"
                self._note(path, said)
                self._leave(said)
                return

    def _write_stacks(self) -> Path | None:
        """Files, lines and functions of every thread, never values; a disk that fails is said and changes nothing."""
        try:
            path = self._stacks()
            with path.open("a") as file:
                path.chmod(0o600)
                file.write(f"---- loop frozen, wall clock {self._clock.wall_ns() // NS}\n")
                file.flush()
                faulthandler.dump_traceback(file, all_threads=True)
        except OSError:
            return None
        return path

    def _note(self, path: Path | None, words: str) -> None:
        if path is not None:
            with contextlib.suppress(OSError), path.open("a") as file:
                file.write(f"{words}\n")

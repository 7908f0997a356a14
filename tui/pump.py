"""The pump: looks at the trader's picture four times a second, and at once when the trader knocks.

It slows down when the terminal or the loop does not keep up, because pictures may always be dropped. It is a reader;
nothing about trading depends on it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from tui.bridge import TraderBridge
from tui.driver import SafeDriver

log = logging.getLogger("tui")

BACKLOG_FRAMES = 4
LATE_SECONDS = 0.1
SLOWEST_SECONDS = 1.0
GOOD_FRAMES = 8


class FramePump:
    """Calls `draw` at the pull rate and on wake-ups, `repaint` when a terminal has caught up, `lost` once.

    `watch` is called where a frame is left out: the end of the trader is never overlooked.
    """

    def __init__(
        self,
        bridge: TraderBridge,
        hz: int,
        terminal: Callable[[], SafeDriver | None],
        draw: Callable[[], None],
        watch: Callable[[], None],
        repaint: Callable[[], None],
        lost: Callable[[], None],
    ) -> None:
        self._bridge = bridge
        self._base = 1 / hz
        self._interval = self._base
        self._terminal = terminal
        self._draw, self._watch, self._repaint, self._lost = draw, watch, repaint, lost
        self._knocked = asyncio.Event()
        self._good = 0
        self._gone = False
        self.skipped = 0

    @property
    def rate_hz(self) -> int:
        return max(round(1 / self._interval), 1)

    async def run(self) -> None:
        """Until cancelled."""
        knocks = asyncio.create_task(self._listen(), name="console-knocks")
        try:
            while True:
                await self._once()
        finally:
            knocks.cancel()

    async def _listen(self) -> None:
        while True:
            await self._bridge.wait_wake()
            self._knocked.set()
            await asyncio.sleep(0.02)

    async def _once(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + self._interval
        pull = loop.call_at(due, self._knocked.set)
        await self._knocked.wait()
        pull.cancel()
        self._knocked.clear()
        # Without a terminal (a picture, a test) no frame needs to be spared, however busy the machine is.
        late = loop.time() - due > LATE_SECONDS and self._terminal() is not None
        if not self._keeps_up():
            self.skipped += 1
            self._slow_down()
            self._watch()
            return
        if late:
            self._slow_down()
        else:
            self._good += 1
            if self._good >= GOOD_FRAMES:
                self._interval, self._good = max(self._interval / 2, self._base), 0
        self._draw()

    def _keeps_up(self) -> bool:
        """The terminal is ready for a frame (a vanished one counts as ready: the trader's end is still watched)."""
        terminal = self._terminal()
        if terminal is None:
            return True
        if not terminal.check_terminal():
            if not self._gone:
                self._gone = True
                self._lost()
            return True
        if terminal.caught_up():
            self._repaint()
        return terminal.backlog <= BACKLOG_FRAMES

    def _slow_down(self) -> None:
        self._interval, self._good = min(self._interval * 2, SLOWEST_SECONDS), 0

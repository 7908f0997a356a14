"""The guard of a session: a watchdog thread over the loop, and the last words when it has to end the process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
from collections.abc import Callable
from pathlib import Path

from core.assembly import Trader
from core.domain.enums import ExitCode
from core.domain.events import LoopFroze
from core.domain.records import Record
from core.local.clock import SystemClock
from core.local.watchdog import LIMIT_NS, Watchdog

BEAT_S = 0.25
STACKS_FILE = "stacks.txt"


class Guard:
    """`async with Guard(trader):` watches from the trader's first record on. `give_back` frees a terminal."""

    def __init__(self, trader: Trader, give_back: Callable[[], None] = lambda: None) -> None:
        self._trader = trader
        self._give_back = give_back
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._watchdog = Watchdog(
            SystemClock(),
            stacks=self._stacks,
            froze=self._froze,
            end_orders=trader.end_orders_blocking,
            leave=self._leave,
        )

    async def __aenter__(self) -> Guard:
        self._trader.subscribe(self._begin)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._watchdog.close()
        if self._task is not None:
            self._task.cancel()

    def _begin(self, _record: Record) -> None:
        # Not earlier: making an exchange of ten thousand markets is allowed to take its time.
        if self._task is None:
            self._watchdog.start()
            self._task = asyncio.create_task(self._beat(), name="watchdog-beat")

    async def _beat(self) -> None:
        while True:
            self._watchdog.beat()
            await asyncio.sleep(BEAT_S)

    # ---- called from the thread --------------------------------------------------------------------------------

    def _stacks(self) -> Path:
        quarters = self._trader.quarters
        return (quarters.log_folder if quarters else self._trader.folder()) / STACKS_FILE

    def _froze(self) -> None:
        # Queued before anything that the exchange will say about it: the loop hears from us first what it was.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._trader.submit, LoopFroze(limit_ms=LIMIT_NS // 1_000_000))

    def _leave(self, words: str) -> None:
        # No logger here: the stuck loop may hold its lock.
        self._give_back()
        with contextlib.suppress(OSError):
            if select.select([], [2], [], 0.2)[1]:
                os.write(2, f"kalshi-trader: {words}\n".encode())
        os._exit(ExitCode.UNVERIFIED)

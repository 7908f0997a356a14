"""The line of a world: a linked loop that tells every byte the trader sends and gets, and knows a hang.

Nothing ready and no timer is a hang already below. Here: callbacks that go round and round at one instant.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from core.sim.link import LinkedLoop, MemoryTransport
from core.sim.virtual_clock import START_NS

CALLBACKS_MOST = 100_000

SENT, RECEIVED, OPENED, LOST = "sent", "received", "opened", "lost"
Tap = Callable[[str, int, bytes], None]


class TappedTransport(MemoryTransport):
    """One end of a tapped connection. Both ends of one carry its number; the trader's end has no path of its own."""

    def __init__(self, loop: TappedLoop, protocol: asyncio.Protocol, path: str) -> None:
        super().__init__(loop, protocol, path)
        self._told = loop.tell
        self._alter = loop.alter
        self._near = not path
        self.number = loop.births // 2
        loop.births += 1
        if self._near:
            self._told(OPENED, self.number, b"")

    def _arrive(self, data: bytes) -> None:
        if not self._near:
            self._told(SENT, self.number, data)
        elif data:
            data = self._alter(data)
        super()._arrive(data)

    def _receive(self, data: bytes) -> None:
        if self._near:
            self._told(RECEIVED, self.number, data)
        super()._receive(data)

    def _drop(self, error: Exception | None) -> None:
        if self._near and not self._lost:
            self._told(LOST, self.number, b"")
        super()._drop(error)


class TappedLoop(LinkedLoop):
    """`tap` hears (kind, connection, bytes); `garble` changes what comes; `stand_still` is a machine that was away."""

    transport = TappedTransport
    callbacks_most = CALLBACKS_MOST

    def __init__(self, start_ns: int = START_NS) -> None:
        super().__init__(start_ns)
        self.births = 0
        self.tap: Tap | None = None
        self.garble: Callable[[bytes], bytes] | None = None

    def tell(self, kind: str, number: int, data: bytes) -> None:
        if self.tap is not None:
            self.tap(kind, number, data)

    def alter(self, data: bytes) -> bytes:
        """What arrives at the trader instead of these bytes."""
        return data if self.garble is None else self.garble(data)

    def stand_still(self, ns: int) -> None:
        """Let time pass in which nothing of this process runs: a blocked loop, a stopped process, a closed lid."""
        self.now_ns += ns

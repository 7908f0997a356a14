"""Connections in memory: a virtual loop whose Unix sockets are pairs of queues in the same process.

Libraries that speak over Unix sockets run unmodified on it, HTTP and WebSocket alike, with no real socket and all on
virtual time. A link can delay, refuse, freeze and cut, so that a world's network fails on purpose.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections import deque
from collections.abc import Callable
from typing import Any

from core.sim.virtual_clock import NS, START_NS, VirtualLoop

HIGH_WATER = 64 * 1024

_EOF = b""
_Factory = Callable[[], asyncio.BaseProtocol]


class MemoryTransport(asyncio.Transport):
    """One end of a connection. What is written here waits in the other end's inbox until that end reads."""

    def __init__(self, loop: LinkedLoop, protocol: asyncio.Protocol, path: str) -> None:
        super().__init__({"peername": "", "sockname": path})
        self._loop = loop
        self._protocol = protocol
        self._inbox: deque[tuple[int, bytes]] = deque()
        self._inbox_size = 0
        self._reading = True
        self._closing = False
        self._lost = False
        self._reset = False
        self._eof_sent = False
        self._paused_writer = False
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None
        self._high, self._low = HIGH_WATER, HIGH_WATER // 4
        self.peer: MemoryTransport = self

    # ---- what protocols call -------------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if self._eof_sent:
            raise RuntimeError("write after write_eof")
        if self._closing or not len(data):
            return
        if self.peer._closing:
            self._loop.call_soon(self._drop, BrokenPipeError(errno.EPIPE, "the other end is closed"))
            return
        self.peer._arrive(bytes(data))
        if self.peer._inbox_size > self._high and not self._paused_writer:
            self._paused_writer = True
            self._protocol.pause_writing()

    def write_eof(self) -> None:
        if not (self._eof_sent or self._closing):
            self._eof_sent = True
            self.peer._arrive(_EOF)

    def can_write_eof(self) -> bool:
        return True

    def close(self) -> None:
        if self._closing:
            return
        self.write_eof()
        self._closing = True
        self._loop.call_soon(self._drop, None)

    def abort(self) -> None:
        """Cut the connection: the other end sees a reset."""
        if self._lost:
            return
        self._closing = True
        self._loop.call_soon(self._drop, None)
        self.peer.reset()

    def reset(self) -> None:
        """The line was cut from elsewhere; on a frozen one the news waits."""
        self._reset = True
        if not self._loop.frozen:
            self._loop.call_soon(self._drop, ConnectionResetError(errno.ECONNRESET, "connection reset"))

    def thaw(self) -> None:
        """What was held may arrive."""
        if self._reset:
            self.reset()
        self._schedule()

    def is_closing(self) -> bool:
        return self._closing

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = True
        self._schedule()

    def is_reading(self) -> bool:
        return self._reading and not self._closing

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = HIGH_WATER if high is None else high
        self._low = self._high // 4 if low is None else low

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low, self._high

    def get_write_buffer_size(self) -> int:
        return self.peer._inbox_size

    # ---- what happens --------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Tell the protocol that it is connected."""
        self._protocol.connection_made(self)
        self._schedule()

    def _arrive(self, data: bytes) -> None:
        self._inbox.append((self._loop.now_ns + self._loop.delay_ns, data))
        self._inbox_size += len(data)
        self._schedule()

    def _schedule(self) -> None:
        if self._timer is not None or not self._inbox or not self._reading or self._lost or self._loop.frozen:
            return
        wait_ns = self._inbox[0][0] - self._loop.now_ns
        if wait_ns > 0:
            self._timer = self._loop.call_later(wait_ns / NS, self._deliver)
        else:
            self._timer = self._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        self._timer = None
        if self._closing or not self._reading or self._loop.frozen or not self._inbox:
            return
        data = self._next()
        self._inbox_size -= len(data)
        if data:
            self._receive(data)
            self.peer._drained(self._inbox_size)
        elif not self._protocol.eof_received():
            self.close()
        self._schedule()

    def _next(self) -> bytes:
        """What has arrived by now, in one piece as a socket would hand it over; the end of the line comes alone."""
        inbox, now_ns = self._inbox, self._loop.now_ns
        _, data = inbox.popleft()
        if not (data and inbox and inbox[0][0] <= now_ns and inbox[0][1]):
            return data
        parts = [data]
        size = len(data)
        while inbox and inbox[0][0] <= now_ns and inbox[0][1] and size < HIGH_WATER:
            parts.append(inbox.popleft()[1])
            size += len(parts[-1])
        return b"".join(parts)

    def _receive(self, data: bytes) -> None:
        """Bytes have arrived. A world that listens to the line does it here and in `_arrive`."""
        self._protocol.data_received(data)

    def _drained(self, waiting: int) -> None:
        if self._paused_writer and waiting <= self._low and not self._lost:
            self._paused_writer = False
            self._protocol.resume_writing()

    def _drop(self, error: Exception | None) -> None:
        if self._lost:
            return
        self._closing = self._lost = True
        self._inbox.clear()
        self._inbox_size = 0
        if self._timer is not None:
            self._timer.cancel()
        self._loop.forget(self)
        self._protocol.connection_lost(error)


class MemoryServer(asyncio.AbstractServer):
    """A listening path."""

    def __init__(self, loop: LinkedLoop, path: str, factory: _Factory) -> None:
        self._loop = loop
        self.path = path
        self.factory = factory
        self._open = True

    @property
    def sockets(self) -> tuple[Any, ...]:
        return ()

    def close(self) -> None:
        if self._open:
            self._open = False
            self._loop.unlisten(self.path)

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def is_serving(self) -> bool:
        return self._open

    async def start_serving(self) -> None:
        """It listens from the beginning."""

    async def serve_forever(self) -> None:
        """Serving needs nobody to wait for it; this waits until it is cancelled."""
        await asyncio.get_running_loop().create_future()

    async def wait_closed(self) -> None:
        """Connections live on their own."""


class LinkedLoop(VirtualLoop):
    """A virtual loop with Unix sockets in memory. `delay_ns` is the time a byte takes; `refusing` turns new
    connections away; `frozen` lets nothing arrive, as a dead line does. `transport` is what ends are made of."""

    transport: type[MemoryTransport] = MemoryTransport

    def __init__(self, start_ns: int = START_NS) -> None:
        super().__init__(start_ns)
        self.delay_ns = 0
        self.refusing = False
        self.frozen = False
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._listening: dict[str, MemoryServer] = {}
        # In order of birth, so that a cut hits them in the same order each time.
        self._ends: dict[MemoryTransport, None] = {}

    def freeze(self, frozen: bool) -> None:
        """Stop or resume everything on its way."""
        self.frozen = frozen
        if frozen:
            self._thawed.clear()
        else:
            self._thawed.set()
            for end in list(self._ends):
                end.thaw()

    def cut(self) -> int:
        """Reset every connection; returns how many."""
        ends = list(self._ends)
        for end in ends:
            end.reset()
        return len(ends) // 2

    def forget(self, end: MemoryTransport) -> None:
        """An end is gone."""
        self._ends.pop(end, None)

    def unlisten(self, path: str) -> None:
        """A path listens no more."""
        self._listening.pop(path, None)

    async def create_unix_server(  # type: ignore[override]
        self, protocol_factory: _Factory, path: str | os.PathLike[str] | None = None, **options: Any
    ) -> MemoryServer:
        """Listen on `path`; OSError if it is taken."""
        assert path is not None and not options.get("ssl") and options.get("sock") is None
        name = os.fspath(path)
        if name in self._listening:
            raise OSError(errno.EADDRINUSE, "path already listens")
        server = MemoryServer(self, name, protocol_factory)
        self._listening[name] = server
        return server

    async def create_unix_connection(  # type: ignore[override]
        self, protocol_factory: _Factory, path: str | os.PathLike[str] | None = None, **options: Any
    ) -> tuple[MemoryTransport, asyncio.BaseProtocol]:
        """Connect to `path`; ConnectionRefusedError where nobody listens."""
        assert path is not None and not options.get("ssl") and options.get("sock") is None
        name = os.fspath(path)
        if self.delay_ns:
            await asyncio.sleep(self.delay_ns / NS)
        await self._thawed.wait()
        server = self._listening.get(name)
        if server is None or self.refusing:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "nobody listens here")
        near_protocol, far_protocol = protocol_factory(), server.factory()
        assert isinstance(near_protocol, asyncio.Protocol) and isinstance(far_protocol, asyncio.Protocol)
        near = self.transport(self, near_protocol, "")
        far = self.transport(self, far_protocol, name)
        near.peer, far.peer = far, near
        self._ends[near] = self._ends[far] = None
        far.begin()
        near.begin()
        return near, near_protocol

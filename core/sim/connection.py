"""One stream connection: its session, the queue between the venue and the socket, and what faults do in between."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Any, Protocol

from core.ports import Clock
from core.sim.accounts import Account
from core.sim.faults import Faults
from core.sim.feed import FeedSession
from core.sim.stream_limits import StreamLimits
from core.sim.text import NS
from core.sim.unruly import Parcel, Unruly
from core.sim.venue import Venue

PING_EVERY_S = 10
HEARTBEAT = b"heartbeat"
QUEUE_LIMIT = 10_000  # frames a slow reader may leave behind
PIECE = 32_768  # bytes of frames that are handed to the socket at once, about
REPLY_ROOM = 1_000  # beyond that, for answers to commands and for errors


class Socket(Protocol):
    """What a connection needs of its WebSocket."""

    async def send(self, data: bytes, *, binary: bool) -> None: ...

    async def send_texts(self, texts: list[bytes]) -> None: ...

    async def write(self, pieces: tuple[bytes, ...]) -> None: ...

    async def ping(self, message: bytes) -> None: ...


class Connection:
    """Frames are queued at once and written as fast as the reader takes them."""

    def __init__(
        self, venue: Venue, account: Account, socket: Socket, clock: Clock, faults: Faults, limits: StreamLimits
    ) -> None:
        self.account = account
        self.session = FeedSession(venue, account, self._offer, faults, limits)
        self._socket = socket
        self._clock = clock
        self._faults = faults
        self._born = faults.changed
        self._unruly = Unruly(faults)
        self._queue: deque[bytes | Parcel] = deque()  # bytes are a text to be sent now
        self._held: deque[tuple[str, bytes]] = deque()
        self._alone: set[asyncio.Task[None]] = set()
        self._ready = asyncio.Event()
        self.broken = False

    def _offer(self, frame: bytes, channel: str) -> bool:
        """Room for one more frame? Answers have an empty channel and room of their own."""
        limit = QUEUE_LIMIT if channel else QUEUE_LIMIT + REPLY_ROOM
        if len(self._queue) + len(self._held) >= limit:
            self.broken = self.broken or not channel
            self._ready.set()
            return False
        if self._faults and self._stalled(channel):
            self._held.append((channel, frame))
        elif self._held:
            self._held.append((channel, frame))
            self.release()
        elif self._unruly.calm:
            if not self._queue:
                self._ready.set()
            self._queue.append(frame)
        else:
            self._enqueue(channel, frame)
        return True

    def _enqueue(self, channel: str, frame: bytes) -> None:
        for parcel in self._unruly.pass_on(channel, frame, self._clock.wall_ns()):
            if parcel.due_ns < 0:
                task = asyncio.get_running_loop().create_task(self._send_alone(parcel), name="exchange-late-frame")
                self._alone.add(task)
                task.add_done_callback(self._alone.discard)
            else:
                self._queue.append(parcel.data if parcel.plain else parcel)
        self._ready.set()

    def _stalled(self, channel: str) -> bool:
        stall = self._stall()
        if stall is None or (stall["channel"] and stall["channel"] != channel):
            return False
        return self._faults.strike("stream_stalled", channel=channel) is not None

    def _stall(self) -> dict[str, Any] | None:
        """The stall that concerns this line, if there is one."""
        stall = self._faults.on("stream_stalled")
        fresh = self._born >= self._faults.since("stream_stalled")
        return None if stall is None or (stall["old"] and fresh) else stall

    def release(self) -> None:
        """Let go what a stall has held, where it is over."""
        if self._held and self._stall() is None:
            held, self._held = self._held, deque()
            for channel, frame in held:
                self._enqueue(channel, frame)

    async def write(self) -> None:
        """Drain the queue for as long as the connection lives; ends where an answer had no room."""
        with contextlib.suppress(ConnectionError):
            while not self.broken:
                await self._ready.wait()
                self._ready.clear()
                while self._queue:
                    parcel = self._queue.popleft()
                    if isinstance(parcel, bytes):
                        await self._socket.send_texts(self._plain_from(parcel))
                        continue
                    late_ns = parcel.due_ns - self._clock.wall_ns() if parcel.due_ns else 0
                    if late_ns > 0:
                        await self._clock.sleep(late_ns / NS)
                    await self._send(parcel)

    def _plain_from(self, text: bytes) -> list[bytes]:
        """This text and those behind it that are to be sent now, as many as go out in one piece."""
        texts, size, queue = [text], len(text), self._queue
        while queue and size < PIECE and isinstance(behind := queue[0], bytes):
            texts.append(behind)
            size += len(behind)
            queue.popleft()
        return texts

    async def _send(self, parcel: Parcel) -> None:
        if parcel.pieces:
            await self._socket.write(parcel.pieces)
        else:
            await self._socket.send(parcel.data, binary=parcel.binary)

    async def ping(self) -> None:
        """Ping with the payload the real exchange uses, which a library's own heartbeat cannot carry."""
        with contextlib.suppress(ConnectionError):
            while True:
                await self._clock.sleep(PING_EVERY_S)
                if self.pings:
                    await self._socket.ping(HEARTBEAT)

    @property
    def pings(self) -> bool:
        """Whether pings and pongs go out: not on a half-open connection."""
        stall = self._stall()
        return stall is None or bool(stall["pings"])

    def close(self) -> None:
        for task in self._alone:
            task.cancel()

    async def _send_alone(self, parcel: Parcel) -> None:
        await self._clock.sleep(max(0, -parcel.due_ns - self._clock.wall_ns()) / NS)
        with contextlib.suppress(ConnectionError):
            await self._send(parcel)

"""Broadcast: a read-only WebSocket on loopback that tells other programs of this machine what the trader does.

A listener shows the token of an owner-only file. What it is told is the caller's; this file only carries bytes. Every
listener has a bounded queue of its own: one that does not read loses messages, which are counted, and slows nobody.
A browser's page is refused by its Origin, a name that was made to point here by its Host.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import http
import logging
import secrets
from collections.abc import Callable
from pathlib import Path

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from core.local.folder import write_private

log = logging.getLogger(__name__)

NAME = "broadcast.json"
EVERY_S = 0.25
QUEUE = 8
LISTENERS = 16
ASK_LIMIT = 1024
ASK_EVERY_S = 0.05
WRITE_LIMIT = 1 << 16
FAREWELL_TURNS = 50
CLOSE_S = 1.0
PING_S = 20.0
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})


class Listener:
    """One program that listens: what waits for it, and how much it has lost."""

    def __init__(self) -> None:
        self.waiting: asyncio.Queue[bytes] = asyncio.Queue(QUEUE)
        self.dropped = 0
        self.untold = 0

    def offer(self, message: bytes) -> None:
        """Queue `message`, or count it as lost; never waits."""
        try:
            self.waiting.put_nowait(message)
        except asyncio.QueueFull:
            self.dropped += 1
            self.untold += 1


class Broadcast:
    """Serves until cancelled. `news` is a value that is equal as long as there is nothing new to tell; `status` makes
    the message that tells it; `answer` answers an ask.
    """

    def __init__(
        self,
        folder: Path,
        news: Callable[[], object],
        status: Callable[[], bytes],
        answer: Callable[[bytes], bytes],
    ) -> None:
        self.path = folder / NAME
        self.dropped = 0
        self.url = ""
        self._news = news
        self._status = status
        self._answer = answer
        self._token = secrets.token_urlsafe(32)
        self._listeners: set[Listener] = set()

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    async def run(self) -> None:
        """Open the port, tell where it is, and tell what changes. A port that cannot be had is no reason to stop."""
        try:
            server = await self._open()
        except OSError as error:
            log.warning("no broadcast: %s", error)
            return
        try:
            port = server.sockets[0].getsockname()[1]
            self.url = f"ws://127.0.0.1:{port}/"
            write_private(self.path, msgspec.json.encode({"url": self.url, "token": self._token}) + b"\n")
            await self._tell_changes()
        except OSError as error:
            log.warning("no broadcast: %s", error)
        finally:
            with contextlib.suppress(OSError):
                self.path.unlink()
            await self._say_farewell()
            server.close()
            await server.wait_closed()

    async def _open(self) -> Server:
        return await serve(
            self._serve,
            "127.0.0.1",
            0,
            process_request=self._admit,
            compression=None,
            max_size=ASK_LIMIT,
            max_queue=4,
            write_limit=WRITE_LIMIT,
            open_timeout=5,
            close_timeout=CLOSE_S,
            ping_interval=PING_S,
            ping_timeout=PING_S,
            server_header=None,
        )

    async def _tell_changes(self) -> None:
        """At most four times a second, only what is new, only when somebody listens."""
        told: object = None
        while True:
            await asyncio.sleep(EVERY_S)
            if not self._listeners:
                told = None
                continue
            try:
                news = self._news()
                if news != told:
                    told = news
                    self._publish()
            except Exception:
                # A picture that cannot be told is a bug; it must cost the listeners a message, not the trader a task.
                log.exception("nothing was told")

    def _publish(self) -> None:
        message = self._status()
        for listener in self._listeners:
            listener.offer(message)

    async def _say_farewell(self) -> None:
        """The last word to whoever still reads, for a moment only."""
        if not self._listeners:
            return
        self._publish()
        for _ in range(FAREWELL_TURNS):
            if all(listener.waiting.empty() for listener in self._listeners):
                return
            await asyncio.sleep(0.01)

    # ---- one listener ------------------------------------------------------------------------------------------

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """None lets it in. Refusals say no more than they must."""
        hosts, origins = request.headers.get_all("Host"), request.headers.get_all("Origin")
        if origins or len(hosts) != 1 or hosts[0].rpartition(":")[0] not in LOOPBACK:
            return connection.respond(http.HTTPStatus.FORBIDDEN, "not from here\n")
        shown = request.headers.get_all("Authorization")
        wanted = f"Bearer {self._token}"
        if len(shown) != 1 or not hmac.compare_digest(shown[0].encode(errors="replace"), wanted.encode()):
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "token missing or wrong\n")
        if len(self._listeners) >= LISTENERS:
            return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "too many listeners\n")
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        listener = Listener()
        listener.offer(self._status())
        self._listeners.add(listener)
        sender = asyncio.create_task(_send(connection, listener))
        try:
            async for ask in connection:
                listener.offer(self._answer(ask if isinstance(ask, bytes) else ask.encode(errors="replace")))
                await asyncio.sleep(ASK_EVERY_S)
        except ConnectionClosed:
            pass
        finally:
            self._listeners.discard(listener)
            self.dropped += listener.dropped
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sender


async def _send(connection: ServerConnection, listener: Listener) -> None:
    """Hand over what waits; waits here, and nowhere else, for a listener that reads slowly."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            message = await listener.waiting.get()
            if listener.untold:
                lost, listener.untold = listener.untold, 0
                await connection.send(msgspec.json.encode({"type": "dropped", "count": lost}).decode())
            await connection.send(message.decode())

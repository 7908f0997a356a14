"""The stream's connection: the one file here that knows websockets. Text frames in and out, and signs of life.

Never here: redirects (our signature is for one host), proxies of the environment, compression, frames over 4 MiB.
What goes wrong comes out as `StreamDown` with a reason for people.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, WebSocketException
from websockets.protocol import State

from core.domain.text import clean_text
from core.exchange.network import tls_context

FRAME_LIMIT = 4 * 1024 * 1024
OPEN_S = 10.0
CLOSE_S = 2.0
SEND_S = 5.0

# The library would log our signature at debug level.
_LOGGER = logging.getLogger("kalshi_trader.stream")
_LOGGER.setLevel(logging.WARNING)


class StreamDown(Exception):
    """No connection, or no longer. `auth`: the exchange refused our key."""

    def __init__(self, reason: str, *, auth: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.auth = auth


class _Connection(ClientConnection):
    """Counts whatever arrives, pings and parts of frames included."""

    arrivals = 0

    def data_received(self, data: bytes) -> None:
        self.arrivals += 1
        super().data_received(data)


class _Connect(connect):
    """Follows no redirect."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class StreamTransport:
    """One open connection."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._pings = 0

    @classmethod
    async def connect(cls, url: str, headers: dict[str, str], *, unix_path: str | None = None) -> StreamTransport:
        """Open with signed headers; raises StreamDown."""
        where: dict[str, Any] = {} if unix_path is None else {"unix": True, "path": unix_path}
        if url.startswith("wss:"):
            where["ssl"] = tls_context()
        try:
            connection = await _Connect(
                url,
                additional_headers=headers,
                user_agent_header="kalshi-trader",
                create_connection=_Connection,
                compression=None,
                proxy=None,
                max_size=FRAME_LIMIT,
                max_queue=256,
                open_timeout=OPEN_S,
                close_timeout=CLOSE_S,
                ping_interval=None,
                logger=_LOGGER,
                **where,
            )
        except InvalidStatus as error:
            status = error.response.status_code
            raise StreamDown(f"upgrade refused, HTTP {status}", auth=status in (401, 403)) from None
        except TimeoutError:
            raise StreamDown("no connection in time") from None
        except (InvalidHandshake, WebSocketException) as error:
            raise StreamDown(f"upgrade failed: {type(error).__name__}") from None
        except (OSError, ValueError) as error:
            words = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            raise StreamDown(f"connect failed: {clean_text(words, 60)}") from None
        assert isinstance(connection, _Connection)
        return cls(connection)

    @property
    def arrivals(self) -> int:
        """Grows with everything that arrives."""
        return self._connection.arrivals

    async def receive(self) -> str:
        """The next text frame; raises StreamDown."""
        try:
            frame = await self._connection.recv()
        except ConnectionClosed as closed:
            raise StreamDown(_closed_reason(closed)) from None
        if isinstance(frame, bytes):
            raise StreamDown("binary frame")
        return frame

    async def send(self, text: str) -> None:
        """Send one text frame within `SEND_S`; raises StreamDown."""
        try:
            async with asyncio.timeout(SEND_S):
                await self._connection.send(text)
        except TimeoutError:
            raise StreamDown("send stalled") from None
        except ConnectionClosed as closed:
            raise StreamDown(_closed_reason(closed)) from None

    async def ping(self) -> None:
        """Ask for a sign of life; raises StreamDown."""
        try:
            async with asyncio.timeout(SEND_S):
                # A pong may still be due for the last one: the same payload twice is refused by the library.
                self._pings += 1
                await self._connection.ping(b"alive-%d" % self._pings)
        except TimeoutError:
            raise StreamDown("send stalled") from None
        except ConnectionClosed as closed:
            raise StreamDown(_closed_reason(closed)) from None

    async def close(self) -> None:
        """Say goodbye, wait at most `CLOSE_S`."""
        await self._connection.close()

    def abort(self) -> None:
        """Cut the line at once."""
        if self._connection.state is not State.CLOSED:
            self._connection.transport.abort()


def _closed_reason(closed: ConnectionClosed) -> str:
    if closed.rcvd is not None:
        return clean_text(f"closed by the exchange, {closed.rcvd.code} {closed.rcvd.reason}".strip(), 120)
    if closed.sent is not None:
        return clean_text(f"closed by us, {closed.sent.code} {closed.sent.reason}".strip(), 120)
    return "connection broke"

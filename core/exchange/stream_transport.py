"""The stream's connection: the one file here that knows websockets. Text messages in and out, and signs of life.

Never here: redirects (our signature is for one host), proxies of the environment, compression, frames over 4 MiB.
What goes wrong comes out as `StreamDown` with a reason for people.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, WebSocketException
from websockets.protocol import State
from websockets.typing import Data

from core.domain.text import clean_text
from core.exchange.network import tls_context

FRAME_LIMIT = 4 * 1024 * 1024
OPEN_S = 10.0
CLOSE_S = 2.0
SEND_S = 5.0

# So many messages may wait for their reader; then the line is held up.
WAITING = 4_096
HEAD_END = b"\r\n\r\n"
# First bytes of frames: a text message in one piece; close, ping and pong.
WHOLE_TEXT, CONTROLS = 0x81, frozenset({0x88, 0x89, 0x8A})
# The second byte is a length; these two say that it follows in two bytes or in eight.
IN_TWO, IN_EIGHT = 126, 127

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
    """Takes text messages off the line by itself, at a fifth of the library's price. The library's are the handshake,
    pings, pongs and the closing, and all that comes from the first frame on that is anything else: a message in parts,
    binary, no UTF-8, too long, or against the protocol.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.arrivals = 0  # of anything, pings and parts of frames included
        self._plain: bool | None = None  # whether text is ours to take; None until the handshake is over
        self._begun = bytearray()  # a frame of which more is to come
        self._needed = 0  # how long it is, as far as that is known
        self._texts: list[str] = []
        self._news = asyncio.Event()
        self._held_up = False

    async def messages(self) -> list[str] | list[Data]:
        """All that have come, at least one; raises ConnectionClosed."""
        while not self._texts:
            if self._plain is False:
                return [await self.recv()]
            self._news.clear()
            await self._news.wait()
        texts, self._texts = self._texts, []
        if self._held_up:
            self._held_up = False
            self.transport.resume_reading()
        return texts

    def data_received(self, data: bytes) -> None:
        self.arrivals += 1
        if self._plain is None:
            data = self._shake_hands(data)
        if not self._plain:
            if data:
                super().data_received(data)
            return
        if self._begun:
            self._begun += data
            if len(self._begun) < self._needed:
                return
            data = bytes(self._begun)
        self._begun = bytearray(data[self._cut(data) :])
        if self._texts:
            self._news.set()
        if len(self._texts) > WAITING and not self._held_up:
            self._held_up = True
            self.transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._plain = False
        self._news.set()

    def _shake_hands(self, data: bytes) -> bytes:
        """The library gets the answer to our request; returns what came behind it in one piece."""
        head = bytes(self._begun) + data
        _, ended, behind = head.partition(HEAD_END)
        self._begun = bytearray() if ended else bytearray(head[1 - len(HEAD_END) :])
        super().data_received(data[: len(data) - len(behind)])
        if ended:
            self._plain = self.protocol.state is State.OPEN
        return behind

    def _cut(self, data: bytes) -> int:
        """Take whole frames out of it; returns where the first begins that is not there in whole."""
        at, size, take = 0, len(data), self._texts.append
        while size - at >= 2:
            first, length, begin = data[at], data[at + 1], at + 2
            if (first != WHOLE_TEXT and first not in CONTROLS) or length > IN_EIGHT:
                return self._leave(data, at)
            if length >= IN_TWO:
                begin += 2 if length == IN_TWO else 8
                # Bytes that are not there yet make it shorter, not whole.
                length = int.from_bytes(data[at + 2 : begin], "big")
            end = begin + length
            if length > FRAME_LIMIT:
                return self._leave(data, at)
            if end > size:
                self._needed = end - at
                return at
            if first == WHOLE_TEXT:
                try:
                    take(data[begin:end].decode())
                except UnicodeDecodeError:
                    return self._leave(data, at)
            else:
                super().data_received(data[at:end])
                if self.protocol.state is not State.OPEN:
                    return self._leave(data, end)
            at = end
        self._needed = 2
        return at

    def _leave(self, data: bytes, at: int) -> int:
        """From here on all is the library's."""
        self._plain = False
        self._news.set()
        if len(data) > at:
            super().data_received(data[at:])
        return len(data)


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

    async def receive(self) -> list[str]:
        """Every text message that has come, in order and at least one; raises StreamDown."""
        try:
            messages = await self._connection.messages()
        except ConnectionClosed as closed:
            raise StreamDown(_closed_reason(closed)) from None
        if isinstance(messages[0], bytes):
            raise StreamDown("binary frame")
        return cast("list[str]", messages)

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

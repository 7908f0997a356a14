"""What the stream takes off the line by itself is what the library alone would have read, however it is sliced."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.uri import parse_uri
from websockets.utils import accept_key

from core.exchange import stream_transport
from core.exchange.stream_transport import StreamDown, StreamTransport, _Connection

LIMIT = 70_000
TEXT, BINARY, MORE, CLOSE, PING, PONG, RESERVED = 0x81, 0x82, 0x00, 0x88, 0x89, 0x8A, 0xC1


def head(first: int, size: int, *, masked: bool = False) -> bytes:
    mask = 0x80 * masked
    if size < 126:
        return bytes((first, mask | size))
    if size < 65_536:
        return bytes((first, mask | 126)) + size.to_bytes(2, "big")
    return bytes((first, mask | 127)) + size.to_bytes(8, "big")


def frame(first: int, payload: bytes, *, masked: bool = False) -> bytes:
    return head(first, len(payload), masked=masked) + payload


class Line(asyncio.Transport):
    """What is written goes nowhere but into `sent`."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.reading = True

    def write(self, data: Any) -> None:
        self.sent += bytes(data)

    def write_eof(self) -> None: ...

    def can_write_eof(self) -> bool:
        return True

    def close(self) -> None: ...

    def abort(self) -> None: ...

    def is_closing(self) -> bool:
        return False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


async def heard(connection: ClientConnection, pieces: list[bytes]) -> tuple[list[str], str, bytes]:
    """The messages, why it ended, and what was answered."""
    line = Line()
    connection.connection_made(line)
    opening = asyncio.create_task(connection.handshake())
    await asyncio.sleep(0)
    key = next(v for v in line.sent.split(b"\r\n") if v.lower().startswith(b"sec-websocket-key")).split(b": ")[1]
    accept = accept_key(key.decode()).encode()
    answer = b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n" % accept
    answered = len(line.sent)
    whole = [answer + pieces[0], *pieces[1:]] if len(pieces) % 2 else [answer[:9], answer[9:], *pieces]
    connection.data_received(whole[0])
    for piece in whole[1:2]:
        connection.data_received(piece)
    await opening
    reading = asyncio.create_task(read(connection))
    for piece in whole[2:]:
        connection.data_received(piece)
        await asyncio.sleep(0)
    for _ in range(4):
        await asyncio.sleep(0)
    connection.eof_received()
    connection.connection_lost(None)
    return *await reading, line.sent[answered:]


async def read(connection: ClientConnection) -> tuple[list[str], str]:
    messages: list[str] = []
    try:
        while isinstance(connection, _Connection):
            messages += await StreamTransport(connection).receive()
        while isinstance(message := await connection.recv(), str):
            messages.append(message)
    except StreamDown as down:
        return messages, down.reason
    except ConnectionClosed as closed:
        return messages, stream_transport._closed_reason(closed)
    return messages, "binary frame"


def sliced(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in pairwise(places)] or [b""]


def whole_texts(low: int, high: int) -> st.SearchStrategy[bytes]:
    return st.integers(low, high).map(lambda size: frame(TEXT, b"[" * size))


USUAL = st.one_of(
    st.text(max_size=20).map(lambda text: frame(TEXT, text.encode())),
    whole_texts(120, 130), whole_texts(65_530, 65_540), st.just(frame(PING, b"beat")), st.just(frame(PONG, b"")),
)  # fmt: skip
RARE = st.sampled_from([
    frame(0x01, b"in par") + frame(PING, b"") + frame(MORE, b"") + frame(0x80, b"ts"),
    frame(0x01, b"a part") + frame(TEXT, b"and another"), frame(0x80, b"no beginning"),
    frame(BINARY, b"bytes"), frame(TEXT, b"\xff\xfe"), frame(TEXT, "ä".encode()[:1]), frame(RESERVED, b"x"),
    frame(TEXT, b"masked", masked=True), frame(TEXT, b"[" * LIMIT + b"["), head(TEXT, 1 << 40),
    frame(CLOSE, b"\x03\xe8bye"), frame(CLOSE, b""), frame(CLOSE, b"\x00"), frame(0x83, b"?"), frame(PING, b"x" * 126),
    frame(0x09, b"part of a ping"),
])  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(before=st.lists(USUAL, max_size=6), rare=st.lists(RARE, max_size=2), after=st.lists(USUAL, max_size=3),
       cuts=st.lists(st.integers(0, 1 << 17), max_size=6), lost=st.integers(0, 3))  # fmt: skip
@example(before=[frame(TEXT, b"x" * 300)], rare=[], after=[], cuts=[1, 2, 3, 4, 5], lost=0)
def test_same_messages_and_same_end_as_by_the_library(
    before: list[bytes], rare: list[bytes], after: list[bytes], cuts: list[int], lost: int
) -> None:
    data = b"".join([*before, *rare, *after])
    pieces = sliced(data[: len(data) - lost], cuts)

    async def by(kind: type[ClientConnection]) -> tuple[list[str], str, bytes]:
        protocol = ClientProtocol(parse_uri("ws://127.0.0.1:1/"), max_size=LIMIT)
        return await heard(kind(protocol, ping_interval=None, close_timeout=0.01, max_queue=None), pieces)

    async def both() -> None:
        ours, theirs = await by(_Connection), await by(ClientConnection)
        assert ours[:2] == theirs[:2]
        assert len(ours[2]) == len(theirs[2])  # masks are random

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream_transport, "FRAME_LIMIT", LIMIT)
        asyncio.run(both())


async def test_line_is_held_up_while_nobody_takes_the_messages() -> None:
    line, connection = Line(), _Connection(ClientProtocol(parse_uri("ws://127.0.0.1:1/")), ping_interval=None)
    connection.connection_made(line)
    connection._plain = True
    connection.data_received(frame(TEXT, b"{}") * (stream_transport.WAITING + 1))
    assert not line.reading
    assert len(await connection.messages()) == stream_transport.WAITING + 1
    assert line.reading

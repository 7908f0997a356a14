"""The stream's keeper against a real WebSocket server: subscribe, gap, reconnect, silence, refusal, death."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from core.domain.effects import RefreshBooks, WatchMarkets
from core.domain.events import (
    BookChanged,
    BookLost,
    BookReplaced,
    Event,
    FillReported,
    StreamConnected,
    StreamLost,
    StreamRefused,
    StreamSubscribed,
)
from core.exchange import stream, stream_transport
from core.exchange.network import Endpoints, loopback_endpoints
from core.exchange.orderbook_client import OrderbookIntegration
from core.exchange.session import StreamSession
from core.exchange.stream import WebSocketManager
from core.sim.virtual_clock import VirtualClock, VirtualLoop, run_virtual

from .support import KEY_ID, MARKET, OTHER, RealClock, http, raw_server, read_request, signer
from .test_session import FILL
from .test_write_outcomes import nowhere


@dataclass
class Line:
    """One connection, as the server sees it."""

    socket: web.WebSocketResponse
    commands: list[dict[str, Any]] = field(default_factory=list)
    sids: dict[str, int] = field(default_factory=dict)
    seqs: dict[int, int] = field(default_factory=dict)

    async def say(self, frame: dict[str, Any]) -> None:
        await self.socket.send_str(json.dumps(frame))

    async def numbered(self, channel: str, kind: str, msg: dict[str, Any], skip: int = 0) -> None:
        sid = self.sids[channel]
        self.seqs[sid] = self.seqs.get(sid, 0) + 1 + skip
        await self.say({"type": kind, "sid": sid, "seq": self.seqs[sid], "msg": msg})

    async def book(self, ticker: str, skip: int = 0) -> None:
        msg = {"market_ticker": ticker, "market_id": "m", "yes_dollars_fp": [["0.4200", "5.00"]]}
        await self.numbered("orderbook_delta", "orderbook_snapshot", msg, skip)

    async def change(self, ticker: str, size: str = "1.00", skip: int = 0) -> None:
        msg = {"market_ticker": ticker, "market_id": "m", "price_dollars": "0.4200", "delta_fp": size, "side": "yes"}
        await self.numbered("orderbook_delta", "orderbook_delta", msg, skip)


@dataclass
class StreamServer:
    """Confirms every subscription and sends whole books where asked, unless told otherwise."""

    port: int = 0
    lines: list[Line] = field(default_factory=list)
    upgrades: list[dict[str, str]] = field(default_factory=list)
    refuse: int = 0
    location: str = ""
    mute: bool = False
    deaf_to: frozenset[str] = frozenset()

    @property
    def endpoints(self) -> Endpoints:
        return loopback_endpoints(f"http://127.0.0.1:{self.port}", f"ws://127.0.0.1:{self.port}")

    @property
    def line(self) -> Line:
        return self.lines[-1]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.upgrades.append(dict(request.headers))
        if self.refuse:
            return web.Response(status=self.refuse, headers={"Location": self.location} if self.location else {})
        socket = web.WebSocketResponse(autoping=not self.mute)
        await socket.prepare(request)
        line = Line(socket)
        self.lines.append(line)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self.command(line, json.loads(message.data))
        return socket

    async def command(self, line: Line, command: dict[str, Any]) -> None:
        line.commands.append(command)
        if self.mute:
            return
        params = command["params"]
        if command["cmd"] == "subscribe":
            (channel,) = params["channels"]
            if channel in self.deaf_to:
                return
            line.sids[channel] = len(line.commands)
            msg = {"channel": channel, "sid": line.sids[channel]}
            await line.say({"type": "subscribed", "id": command["id"], "msg": msg})
            if channel == "orderbook_delta":
                for ticker in params["market_tickers"]:
                    await line.book(ticker)
        elif params.get("action") in ("get_snapshot", "add_markets") and params["sids"] == [
            line.sids["orderbook_delta"]
        ]:
            for ticker in params["market_tickers"]:
                await line.book(ticker)


@asynccontextmanager
async def stream_server() -> AsyncIterator[StreamServer]:
    server = StreamServer()
    app = web.Application()
    app.router.add_get("/trade-api/ws/v2", server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        for line in server.lines:
            await line.socket.close()
        await runner.cleanup()


class Heard:
    """Everything the manager emitted."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._news = asyncio.Event()

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        self._news.set()

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, true: Callable[[], bool], seconds: float = 5.0) -> None:
        async with asyncio.timeout(seconds):
            while not true():
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def running(endpoints: Endpoints, *tickers: str) -> AsyncIterator[tuple[WebSocketManager, Heard]]:
    heard = Heard()
    manager = WebSocketManager(endpoints, signer(), RealClock(), Random(5), heard)
    OrderbookIntegration(manager).perform(WatchMarkets(tickers=tickers))  # type: ignore[arg-type]
    task = asyncio.create_task(manager.run())
    try:
        yield manager, heard
    finally:
        await manager.close()
        await asyncio.wait_for(task, 5)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "BACKOFF_BASE_S", 0.01)
    monkeypatch.setattr(stream, "WATCH_EVERY_S", 0.05)


async def test_connects_signed_subscribes_and_tells_the_book() -> None:
    async with stream_server() as server, running(server.endpoints, MARKET) as (manager, heard):
        await heard.until(lambda: bool(heard.of(BookReplaced)) and len(heard.of(StreamSubscribed)) == 8)
        await server.line.change(MARKET, "2.50")
        await heard.until(lambda: bool(heard.of(BookChanged)))
        assert manager.stats().connected and manager.stats().books_waiting == 0
    assert heard.events[0] == StreamConnected(epoch=1)
    assert heard.of(BookChanged)[0].delta == 250
    assert server.upgrades[0]["KALSHI-ACCESS-KEY"] == KEY_ID
    assert "KALSHI-ACCESS-SIGNATURE" in server.upgrades[0]
    assert "Sec-WebSocket-Extensions" not in server.upgrades[0]
    assert isinstance(heard.events[-1], StreamLost) and heard.events[-1].reason == "closing"


async def test_watching_more_on_the_live_line() -> None:
    async with stream_server() as server, running(server.endpoints, MARKET) as (manager, heard):
        await heard.until(lambda: len(heard.of(StreamSubscribed)) == 8)
        manager.watch([MARKET, OTHER])
        await heard.until(lambda: {book.ticker for book in heard.of(BookReplaced)} == {MARKET, OTHER})
        assert len(server.lines) == 1


async def test_gap_is_mended_by_whole_books_on_the_same_line() -> None:
    async with stream_server() as server, running(server.endpoints, MARKET, OTHER) as (_, heard):
        await heard.until(lambda: len(heard.of(BookReplaced)) == 2)
        await server.line.change(MARKET, skip=3)
        await heard.until(lambda: len(heard.of(BookReplaced)) == 4)
        assert [set(lost.tickers) for lost in heard.of(BookLost)] == [{MARKET, OTHER}]
        assert len(server.lines) == 1


async def test_refresh_asks_for_books_and_reconnect_makes_a_new_line() -> None:
    async with stream_server() as server, running(server.endpoints, MARKET) as (manager, heard):
        await heard.until(lambda: len(heard.of(BookReplaced)) == 1)
        effects = OrderbookIntegration(manager)
        effects.perform(RefreshBooks(tickers=(MARKET,), reason="crossed"))
        await heard.until(lambda: len(heard.of(BookReplaced)) == 2)
        effects.perform(RefreshBooks(tickers=(MARKET,), reason="still crossed", reconnect=True))
        await heard.until(lambda: len(heard.of(BookReplaced)) == 3)
        assert [event.epoch for event in heard.of(StreamConnected)] == [1, 2]
        assert heard.of(StreamLost)[0].reason == "still crossed"


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_line_that_ends_is_made_anew_with_everything_subscribed(how: str) -> None:
    async with stream_server() as server, running(server.endpoints, MARKET) as (_, heard):
        await heard.until(lambda: bool(heard.of(BookReplaced)))
        if how == "close":
            await server.line.socket.close(code=1012, message=b"maint\x1benance")
        else:
            transport = server.line.socket._req.transport  # type: ignore[union-attr]
            assert transport is not None
            transport.abort()
        await heard.until(lambda: len(heard.of(BookReplaced)) == 2)
        assert [type(e) for e in heard.events if isinstance(e, StreamLost | StreamConnected)] == [
            StreamConnected, StreamLost, StreamConnected,
        ]  # fmt: skip
        lost = heard.of(StreamLost)[0]
        assert lost.epoch == 1 and lost.retry_ms >= 0
        if how == "close":
            assert "1012" in lost.reason and "\x1b" not in lost.reason


async def test_silence_ends_a_line_that_is_open_but_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "SILENCE_NS", 400_000_000)
    monkeypatch.setattr(stream, "PING_AFTER_NS", 100_000_000)
    async with stream_server() as server:
        server.mute = True
        async with running(server.endpoints, MARKET) as (_, heard):
            await heard.until(lambda: bool(heard.of(StreamLost)))
            assert heard.of(StreamLost)[0].reason.startswith("silent")


async def test_quiet_exchange_that_answers_pings_is_not_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "SILENCE_NS", 400_000_000)
    monkeypatch.setattr(stream, "PING_AFTER_NS", 100_000_000)
    async with stream_server() as server, running(server.endpoints, MARKET) as (_, heard):
        await heard.until(lambda: bool(heard.of(BookReplaced)))
        await asyncio.sleep(1.0)
        assert not heard.of(StreamLost)


async def test_line_without_its_required_subscriptions_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "CONFIRM_NS", 300_000_000)
    async with stream_server() as server:
        server.deaf_to = frozenset({"user_orders"})
        async with running(server.endpoints, MARKET) as (_, heard):
            await heard.until(lambda: bool(heard.of(StreamLost)))
            assert heard.of(StreamLost)[0].reason == "not confirmed: user_orders"
            server.deaf_to = frozenset()
            await heard.until(lambda: len(heard.of(StreamSubscribed)) >= 6 + 7)


async def test_book_that_does_not_come_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "BOOK_WAIT_NS", 100_000_000)
    async with stream_server() as server, running(server.endpoints, MARKET) as (_, heard):
        await heard.until(lambda: bool(heard.of(BookReplaced)))
        server.mute = True
        await server.line.change(MARKET, skip=1)
        await heard.until(lambda: bool(heard.of(BookLost)))
        await asyncio.sleep(0.3)
        server.mute = False
        await heard.until(lambda: len(heard.of(BookReplaced)) == 2)


@pytest.mark.parametrize("status", [401, 403, 500, 302])
async def test_refused_upgrade_is_told_and_backed_off_and_never_followed(status: int) -> None:
    async with stream_server() as elsewhere, stream_server() as server:
        server.refuse = status
        server.location = f"ws://127.0.0.1:{elsewhere.port}/trade-api/ws/v2" if status == 302 else ""
        async with running(server.endpoints, MARKET) as (_, heard):
            await heard.until(lambda: bool(heard.of(StreamLost)))
            assert str(status) in heard.of(StreamLost)[0].reason
            await asyncio.sleep(0.1)
        assert elsewhere.upgrades == []
        assert not heard.of(StreamConnected)


async def test_attempts_are_bounded_while_nobody_is_there_and_close_ends_the_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "BACKOFF_BASE_S", 0.2)
    async with running(nowhere(), MARKET) as (_, heard):
        await asyncio.sleep(1.5)
        assert 1 <= len(heard.of(StreamLost)) <= 12
    assert all(event.reason.startswith("connect failed") for event in heard.of(StreamLost)[:-1])


async def test_backoff_resets_only_after_a_stable_line(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stream_server() as server, running(server.endpoints, MARKET) as (manager, heard):
        for number in range(1, 5):
            await heard.until(lambda number=number: len(heard.of(BookReplaced)) == number)
            manager.refresh([], "again", reconnect=True)
        await heard.until(lambda: len(heard.of(BookReplaced)) == 5)
        assert manager._failures == 4
        monkeypatch.setattr(stream, "STABLE_NS", 0)
        manager.refresh([], "again", reconnect=True)
        await heard.until(lambda: len(heard.of(BookReplaced)) == 6)
        assert manager._failures == 1


async def test_dead_subscription_is_told_and_subscribed_again() -> None:
    async with stream_server() as server, running(server.endpoints, MARKET) as (_, heard):
        await heard.until(lambda: bool(heard.of(BookReplaced)))
        sid = server.line.sids["orderbook_delta"]
        await server.line.say({"type": "error", "sid": sid, "msg": {"code": 25, "msg": "Subscription buffer overflow"}})
        await heard.until(lambda: len(heard.of(BookReplaced)) == 2)
        assert heard.of(StreamRefused)[0].code == 25
        assert len(server.lines) == 1


@pytest.mark.parametrize("bad", ["binary", "utf8", "huge"])
async def test_frames_no_exchange_sends_end_the_line(bad: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_transport, "FRAME_LIMIT", 50_000)
    async with stream_server() as server, running(server.endpoints, MARKET) as (_, heard):
        await heard.until(lambda: bool(heard.of(BookReplaced)))
        if bad == "binary":
            await server.line.socket.send_bytes(b'{"type":"fill"}')
        elif bad == "huge":
            await server.line.socket.send_str("x" * 60_000)
        else:
            await server.line.socket.send_frame(b"\xff\xfe", WSMsgType.TEXT)
        await heard.until(lambda: len(heard.of(StreamConnected)) == 2)


async def test_cancelled_keeper_leaves_no_task_and_no_line() -> None:
    async with stream_server() as server:
        heard = Heard()
        manager = WebSocketManager(server.endpoints, signer(), RealClock(), Random(5), heard)
        manager.watch([MARKET])
        before = len(asyncio.all_tasks())
        task = asyncio.create_task(manager.run())
        await heard.until(lambda: bool(heard.of(BookReplaced)))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(5):
            while not server.line.socket.closed or len(asyncio.all_tasks()) > before:
                await asyncio.sleep(0.01)


async def test_hundred_frames_at_once_lose_no_fact() -> None:
    async with stream_server() as server, running(server.endpoints, MARKET) as (_, heard):
        await heard.until(lambda: bool(heard.of(BookReplaced)))
        for number in range(300):
            await server.line.change(MARKET)
            await server.line.say({"type": "fill", "sid": 1, "msg": {**FILL, "trade_id": f"tr-{number}"}})
        await heard.until(lambda: len(heard.of(FillReported)) == 300)
        assert [fill.trade_id for fill in heard.of(FillReported)] == [f"tr-{number}" for number in range(300)]
        assert len(heard.of(BookChanged)) == 300


async def test_frame_in_any_slices_gives_the_same_fact() -> None:
    """A server on the bare socket sends one frame byte by byte, another in fragments, two in one piece."""
    done = asyncio.Event()

    def text_frame(payload: bytes, opcode: int = 0x81) -> bytes:
        head = bytes([opcode, 126]) + len(payload).to_bytes(2, "big")
        return head + payload

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _number: int) -> None:
        import base64
        import hashlib

        request = await read_request(reader)
        key = next(
            line.split(b": ")[1] for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")
        )
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        writer.write(
            b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
            + accept
            + b"\r\n\r\n"
        )
        fills = [
            json.dumps({"type": "fill", "sid": 1, "msg": {**FILL, "trade_id": f"tr-{n}"}}).encode() for n in range(4)
        ]
        for byte in text_frame(fills[0]):
            writer.write(bytes([byte]))
            await writer.drain()
        writer.write(text_frame(fills[1][:100], 0x01) + text_frame(fills[1][100:], 0x80))
        writer.write(text_frame(fills[2]) + text_frame(fills[3]))
        await writer.drain()
        await done.wait()

    async with raw_server(serve) as endpoints, running(endpoints) as (_, heard):
        await heard.until(lambda: len(heard.of(FillReported)) == 4)
        assert [fill.trade_id for fill in heard.of(FillReported)] == ["tr-0", "tr-1", "tr-2", "tr-3"]
        done.set()


async def test_answer_that_is_no_websocket_is_told() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _number: int) -> None:
        await read_request(reader)
        writer.write(http(200, b"<html>hello</html>"))
        await writer.drain()

    async with raw_server(serve) as endpoints, running(endpoints) as (_, heard):
        await heard.until(lambda: bool(heard.of(StreamLost)))
        assert "200" in heard.of(StreamLost)[0].reason


def test_a_machine_that_stood_still_does_not_trust_its_line_by_what_had_arrived_before() -> None:
    class Line:
        arrivals = 0

    async def away(clock: VirtualClock) -> str:
        manager = WebSocketManager(
            loopback_endpoints("http://127.0.0.1:1", "ws://127.0.0.1:1"), signer(), clock, Random(1), lambda fact: None
        )
        line, loop, manager._heard_ns = Line(), asyncio.get_running_loop(), clock.monotonic_ns()
        assert isinstance(loop, VirtualLoop)
        watching = asyncio.ensure_future(
            manager._watch_over(line, StreamSession(1), clock.monotonic_ns())  # type: ignore[arg-type]
        )
        await asyncio.sleep(1.5)
        line.arrivals += 1
        loop.now_ns += 40_000_000_000
        async with asyncio.timeout(5):
            return await watching

    assert run_virtual(away) == "this machine stood still for 40 s"

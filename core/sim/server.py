"""The simulated exchange as a server on this machine: REST and stream on one port; the only file here with sockets.

Everything the exchange decides is decided in the synchronous venue. This shell reads requests, verifies signatures,
lets the participants trade in slices of at most 2 ms, and carries facts to the connections. Loopback only.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import WSMsgType, web

from core.ports import Clock
from core.sim import wire
from core.sim.connection import Connection
from core.sim.control import Control
from core.sim.errors import Refused, refusal, too_many
from core.sim.exchange import Exchange
from core.sim.rest import RestApi, RestReply, RestRequest
from core.sim.routes import PREFIX
from core.sim.settings import ExchangeSettings, is_loopback
from core.sim.text import NS_PER_MS, http_date
from core.sim.unruly import slices, texts_on_the_wire

WS_PATH = "/trade-api/ws/v2"
CLOSE_WAIT_S = 1  # how long a closing connection may take to say goodbye
MAX_BODY = 1_000_000
SILENT_CLOSE_S = 0.02  # after the reply has left
ENDLESS, ENDLESS_PAUSE_S = b"[" * 65_536, 0.001
# What a client sends wrongly is answered to the client, without a traceback for the operator.
log = logging.getLogger("exchange.http")
log.addHandler(logging.NullHandler())

__all__ = ["Endpoint", "ExchangeServer", "ExchangeSettings"]


@dataclass(frozen=True)
class Endpoint:
    """Where the exchange listens and the key to its first account."""

    rest_url: str
    ws_url: str
    key_id: str
    private_key_pem: bytes = field(repr=False)
    exchange_id: str
    control: str = ""
    control_token: str = field(default="", repr=False)


class Wire:
    """One WebSocket of the server, as a connection sees it."""

    def __init__(self, response: web.WebSocketResponse, request: web.BaseRequest) -> None:
        self.response = response
        self._request = request
        self._whole = asyncio.Lock()  # nothing goes between the pieces of a frame

    async def send(self, data: bytes, *, binary: bool) -> None:
        async with self._whole:
            await self.response.send_frame(data, WSMsgType.BINARY if binary else WSMsgType.TEXT)

    async def send_texts(self, texts: list[bytes]) -> None:
        """Text messages that wait together leave together."""
        async with self._whole:
            transport = self._request.transport
            if transport is None or transport.is_closing():
                raise ConnectionResetError("the line is gone")
            transport.write(texts_on_the_wire(texts))
            await self._request.writer.drain()

    async def write(self, pieces: tuple[bytes, ...]) -> None:
        """Bytes as they are, each piece on its own."""
        async with self._whole:
            for piece in pieces:
                transport = self._request.transport
                if transport is None or transport.is_closing():
                    raise ConnectionResetError("the line is gone")
                transport.write(piece)
                await asyncio.sleep(0)

    async def ping(self, message: bytes) -> None:
        async with self._whole:
            await self.response.ping(message)

    async def pong(self, message: bytes) -> None:
        async with self._whole:
            await self.response.pong(message)

    def reset(self) -> None:
        """End the connection without a word."""
        _abort(self._request)


class ExchangeServer(Exchange):
    """One exchange, one port. `venue` is the exchange's truth, `faults` its switchboard, for tests and audits."""

    flow_pause_s = 0.01  # between two looks at whose turn it is

    def __init__(self, settings: ExchangeSettings, clock: Clock, *, private_key_pem: bytes | None = None) -> None:
        super().__init__(settings, clock, private_key_pem=private_key_pem)
        self._faults_seen = 0
        self._nap: asyncio.Future[None] | None = None
        self.faults.heard = self._wake
        self._connections: dict[Connection, Wire] = {}
        self._runner: web.ServerRunner | None = None
        self._site: web.BaseSite | None = None
        self._make_site: Callable[[], web.BaseSite] | None = None
        self._control: Control | None = None
        self._tasks: list[asyncio.Task[None]] = []

    # life

    async def start(self) -> Endpoint:
        """Listen on the settings' host and port; OSError if it is taken."""
        runner = await self._setup()
        await self._listen(runner, lambda port: web.TCPSite(runner, self.settings.host, port))
        host, port = runner.addresses[0][:2]
        self._make_site = lambda: web.TCPSite(runner, self.settings.host, port)
        shown = f"[{host}]" if ":" in host else host
        control = token = ""
        if self.settings.control:
            token = secrets.token_hex(32)
            self._control = Control(self, token)
            control = await self._control.start(self.settings.host)
        return self._endpoint(f"{shown}:{port}", control, token)

    async def start_unix(self, path: str | Path) -> Endpoint:
        """Listen on a socket in the file system instead; the host in the addresses is a placeholder."""
        runner = await self._setup()
        await self._listen(runner, lambda _port: web.UnixSite(runner, path))
        self._make_site = lambda: web.UnixSite(runner, path)
        return self._endpoint("localhost")

    async def stop(self) -> None:
        """Close every connection and end the participants. May be called twice."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        control, self._control = self._control, None
        if control is not None:
            await control.stop()
        await asyncio.gather(*(stream.response.close() for stream in list(self._connections.values())))
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _setup(self) -> web.ServerRunner:
        assert self._runner is None, "the exchange is already started"
        # A body is taken as it comes: one that names an encoding is then no JSON and gets the exchange's error.
        bare = web.Server(self._serve, access_log=None, auto_decompress=False, logger=log)
        runner = web.ServerRunner(bare, shutdown_timeout=1)
        await runner.setup()
        opened_ns = self.pace.now_ns()
        self._flow.skip(max(0, self._flow.behind_ns(opened_ns) - self._lived_ns))
        caught_up = self._trade_until(opened_ns)
        while not caught_up:
            await asyncio.sleep(0)
            caught_up = self._trade_until(opened_ns)
        return runner

    async def _listen(self, runner: web.ServerRunner, make: Callable[[int], web.BaseSite]) -> None:
        site = make(self.settings.port)
        try:
            await site.start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner, self._site = runner, site
        self._tasks = [asyncio.create_task(self._run_flow(), name="exchange-flow")]

    def _endpoint(self, host: str, control: str = "", token: str = "") -> Endpoint:
        return Endpoint(
            rest_url=f"http://{host}{PREFIX}",
            ws_url=f"ws://{host}{WS_PATH}",
            key_id=self.key_id,
            private_key_pem=self.private_key_pem,
            exchange_id=self.exchange_id,
            control=control,
            control_token=token,
        )

    # participants and facts

    def _lines(self) -> Iterable[Connection]:
        return self._connections

    async def _run_flow(self) -> None:
        while True:
            caught_up = self._trade_slice()
            if self.faults or self.faults.changed != self._faults_seen:
                await self._apply_faults()
            if caught_up:
                await self._sleep_a_while()
            else:
                await self._clock.sleep(0)

    async def _sleep_a_while(self) -> None:
        """Until the next look at whose turn it is; a switched fault wakes it, and is acted on at once."""
        self._nap = asyncio.ensure_future(self._clock.sleep(self.flow_pause_s))
        try:
            await asyncio.wait((self._nap,))
        finally:
            self._wake()

    def _wake(self) -> None:
        if self._nap is not None:
            self._nap.cancel()

    async def _apply_faults(self) -> None:
        """Faults that are states: listening or not, closing streams, keeping the past, letting go what was held."""
        self._faults_seen = self.faults.changed
        self.venue.client_ids_burn = self.faults.on("client_ids_free") is None
        refused = self.faults.on("connect_refused") is not None
        if refused and self._site is not None and self.faults.strike("connect_refused"):
            site, self._site = self._site, None
            await site.stop()
        elif not refused and self._site is None and self._make_site is not None:
            self._site = self._make_site()
            await self._site.start()
        for connection, stream in list(self._connections.items()):
            connection.release()
            if self.faults.strike("stream_reset"):
                stream.reset()
            elif self.faults.strike("stream_closed"):
                self._tasks.append(asyncio.create_task(_close(stream), name="exchange-stream-close"))
        for momentary in ("stream_reset", "stream_closed"):
            if self.faults.on(momentary) is not None:
                self.faults.disarm(momentary)
        stale = self.faults.on("stale_reads")
        self.venue.read_lag_ns = stale["lag_ms"] * NS_PER_MS if stale else 0
        if stale is None:
            self._past.forget()
        else:
            self._past.take(self._keys.accounts(), self._clock.monotonic_ns(), stale["lag_ms"] * NS_PER_MS)

    # requests

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        if not is_loopback(_host_of(request.headers.get("Host", ""))):
            return self._response(_refused(refusal("forbidden", "this exchange answers on loopback names only")))
        path, _, _ = request.raw_path.partition("?")
        if path == WS_PATH:
            return await self._serve_stream(request, path)
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        if self.faults and wire.early(self.faults, request.method, request.raw_path):
            return _abort(request)
        try:
            body = await request.read() if request.body_exists else b""
        except web.HTTPRequestEntityTooLarge:
            return self._response(_refused(refusal("request_too_large")))
        wanted = RestRequest(
            method=request.method,
            raw_target=request.raw_path,
            body=body,
            content_type=request.headers.get("Content-Type", ""),
        )
        if self.faults:
            return await self._serve_faulty(request, wanted)
        return self._response(self._answer(request, wanted))

    async def _serve_faulty(self, request: web.BaseRequest, wanted: RestRequest) -> web.StreamResponse:
        verdict = wire.before(self.faults, wanted)
        if verdict.delay_ms:
            await self._clock.sleep(verdict.delay_ms / 1_000)
        if verdict.reset:
            return _abort(request)
        reply = verdict.reply
        if reply is None or verdict.processed:
            own = self._answer(request, wanted)
            reply = reply or own
        if verdict.reply is None:
            verdict = wire.after(self.faults, wanted, reply)
            if verdict.delay_ms:
                await self._clock.sleep(verdict.delay_ms / 1_000)
            if verdict.reset:
                return _abort(request)
            reply = verdict.reply or reply
        if verdict.endless:
            return await self._endless(request)
        if verdict.pieces and reply.body:
            return await self._in_pieces(request, reply, verdict.pieces)
        response = self._response(reply)
        if verdict.close and verdict.silent and request.transport is not None:
            asyncio.get_running_loop().call_later(SILENT_CLOSE_S, request.transport.close)
        elif verdict.close:
            response.force_close()
        return response

    async def _in_pieces(self, request: web.BaseRequest, reply: RestReply, size: int) -> web.StreamResponse:
        """The body as it is, in many writes."""
        whole = self._response(reply)
        response = web.StreamResponse(status=reply.status, headers=whole.headers)
        response.content_length = len(reply.body)
        await response.prepare(request)
        for piece in slices(reply.body, size):
            await response.write(piece)
            await asyncio.sleep(0)
        await response.write_eof()
        return response

    async def _endless(self, request: web.BaseRequest) -> web.StreamResponse:
        """A body that does not end while the client reads on."""
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        while True:
            await response.write(ENDLESS)
            await self._clock.sleep(ENDLESS_PAUSE_S)

    async def _serve_stream(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        closed = self.faults.strike("stream_refused")
        if closed:
            return self._response(RestReply(closed["status"], _refused(refusal("forbidden")).body))
        try:
            account = self._keys.check(request.headers, request.method, path, self._wall_ns())
        except Refused as refused:
            return self._response(_refused(refused))
        own = sum(line.account is account for line in self._connections)
        if self.limits.connections is not None and own >= self.limits.connections:
            return self._response(_refused(too_many()))
        socket = web.WebSocketResponse(compress=False, max_msg_size=MAX_BODY, timeout=CLOSE_WAIT_S, autoping=False)
        if not socket.can_prepare(request):
            return self._response(_refused(refusal("not_found", "this path speaks WebSocket")))
        await socket.prepare(request)
        if self.faults.strike("stream_rejected"):
            await socket.close(code=1008)
            return socket
        stream = Wire(socket, request)
        connection = Connection(self.venue, account, stream, self._clock, self.faults, self.limits)
        self._connections[connection] = stream
        helpers = [
            asyncio.create_task(self._write(connection, stream), name="exchange-stream-writer"),
            asyncio.create_task(connection.ping(), name="exchange-stream-ping"),
        ]
        try:
            async for message in socket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    connection.session.on_text(message.data, self._wall_ns())
                elif message.type is WSMsgType.PING and connection.pings:
                    await stream.pong(message.data)
        finally:
            del self._connections[connection]
            connection.close()
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
        return socket

    @staticmethod
    async def _write(connection: Connection, stream: Wire) -> None:
        await connection.write()
        await stream.response.close()

    def _response(self, reply: RestReply) -> web.Response:
        headers = {"Date": http_date(self._wall_ns()), **reply.headers}
        if reply.location:
            return web.Response(status=reply.status, headers={**headers, "Location": reply.location})
        if not reply.body:
            return web.Response(status=reply.status, headers=headers)
        return web.Response(status=reply.status, body=reply.body, content_type="application/json", headers=headers)


async def _close(stream: Wire) -> None:
    await stream.response.close(code=1001)


def _abort(request: web.BaseRequest) -> web.Response:
    """Cut the line; whatever is returned goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def _host_of(header: str) -> str:
    """The host part of a Host header, port removed."""
    if header.startswith("["):
        return header.partition("]")[0] + "]"
    return header.partition(":")[0]


def _refused(refused: Refused) -> RestReply:
    return RestReply(refused.status, RestApi.encode(refused.body))

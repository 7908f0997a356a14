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
from random import Random

from aiohttp import WSMsgType, web

from core.domain.amounts import Money
from core.ports import Clock
from core.sim import wire
from core.sim.accounts import Account
from core.sim.audit import Conservation
from core.sim.auth import KeyRing, generate_private_key, public_key_of
from core.sim.catalog import build_catalog
from core.sim.connection import Connection
from core.sim.control import Control
from core.sim.director import Director
from core.sim.errors import Refused, refusal
from core.sim.facts import Fact
from core.sim.faults import Faults
from core.sim.fees import DIRECT_PRECISION
from core.sim.flow import HOUSE_CASH, Flow
from core.sim.furnish import furnish
from core.sim.pace import Pace
from core.sim.rest import RestApi, RestReply, RestRequest
from core.sim.routes import PREFIX
from core.sim.scenarios import Happening, scenario_of
from core.sim.settings import MOST_ALIVE, ExchangeSettings, is_loopback
from core.sim.stale import PastViews, fill_before_cancel
from core.sim.text import NS, NS_PER_MS, http_date, uuid_text
from core.sim.venue import Venue

WS_PATH = "/trade-api/ws/v2"
SLICE_NS = 2 * NS_PER_MS
FLOW_PAUSE_S = 0.01
ASLEEP_NS = 2 * NS  # later than this, the machine was away and the missed time is not traded
LIVED_NS = 20 * NS
LIVED_MARKETS = 48  # more markets have lived for less, so that starting stays quick
CLOSE_WAIT_S = 1  # how long a closing connection may take to say goodbye
MAX_BODY = 1_000_000
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

    async def send(self, data: bytes, *, binary: bool) -> None:
        await self.response.send_frame(data, WSMsgType.BINARY if binary else WSMsgType.TEXT)

    async def ping(self, message: bytes) -> None:
        await self.response.ping(message)

    def reset(self) -> None:
        """End the connection without a word."""
        _abort(self._request)


class ExchangeServer:
    """One exchange, one port. `venue` is the exchange's truth, `faults` its switchboard, for tests and audits."""

    def __init__(self, settings: ExchangeSettings, clock: Clock, *, private_key_pem: bytes | None = None) -> None:
        self.settings = settings
        self._clock = clock
        start_ns = clock.wall_ns()
        self.scenario = scenario_of(settings.scenario)
        listed = max(settings.markets, self.scenario.markets)
        alive = min(listed, MOST_ALIVE) if settings.alive is None else settings.alive
        catalog = build_catalog(settings.seed, listed, start_ns, alive)
        self.venue = Venue(catalog.series, catalog.events, seed=settings.seed)
        self.faults = Faults(settings.seed)
        self.pace = Pace(clock, settings.speed)
        # A fresh exchange has a fresh identity, though on a clock that repeats it repeats.
        chance = Random(f"identity:{settings.seed}:{start_ns}")
        self.exchange_id, self.key_id = uuid_text(chance), uuid_text(chance)
        self.private_key_pem = generate_private_key() if private_key_pem is None else private_key_pem
        self._keys = KeyRing()
        # The markets have lived a little before anybody looks, so that there are prints and levels to see.
        self._lived_ns = LIVED_NS * LIVED_MARKETS // max(LIVED_MARKETS, alive)
        flow_ns = start_ns - self._lived_ns
        self._flow = Flow(self.venue, seed=settings.seed, start_ns=flow_ns, style=self.scenario.style)
        self._racer = self.venue.open_account(HOUSE_CASH, house=True)
        self.account = self.add_account(self.key_id, self.private_key_pem, settings.initial_balance)
        if self.scenario.account is not None:
            furnish(self.venue, self.account, self.scenario.account, settings.seed, flow_ns)
        self._director = Director(
            self.scenario,
            venue=self.venue,
            flow=self._flow,
            faults=self.faults,
            catalog=catalog,
            account=self.account,
            seed=settings.seed,
            start_ns=start_ns,
        )
        self._rest = RestApi(self.venue, tier=settings.tier)
        self._past = PastViews()
        self._faults_seen = 0
        self._connections: dict[Connection, Wire] = {}
        self._runner: web.ServerRunner | None = None
        self._site: web.BaseSite | None = None
        self._make_site: Callable[[], web.BaseSite] | None = None
        self._control: Control | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def add_account(
        self,
        key_id: str,
        private_key_pem: bytes,
        deposit: Money,
        *,
        scopes: Iterable[str] = ("read", "write"),
        precision: int = DIRECT_PRECISION,
    ) -> Account:
        """Another member with a key of its own; the key may do what its scopes say."""
        account = self.venue.open_account(deposit, precision=precision)
        self.add_key(key_id, private_key_pem, account, scopes=scopes)
        return account

    def add_key(
        self, key_id: str, private_key_pem: bytes, account: Account, *, scopes: Iterable[str] = ("read", "write")
    ) -> None:
        """One more key to an account."""
        self._keys.add(key_id, public_key_of(private_key_pem), account, frozenset(scopes))

    def check_conservation(self) -> Conservation:
        """Prove that no money was made or lost."""
        return self.venue.check_conservation()

    def play(self, happening: Happening) -> None:
        """Let something of a scenario happen now."""
        self._trade_slice()
        self._director.play(happening)
        self._publish()

    def catch_up(self) -> None:
        """Do at once everything that is due by the exchange's clock."""
        while not self._trade_slice():
            pass

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

    async def _run_flow(self) -> None:
        while True:
            caught_up = self._trade_slice()
            if self.faults or self.faults.changed != self._faults_seen:
                await self._apply_faults()
            await self._clock.sleep(FLOW_PAUSE_S if caught_up else 0)

    def _trade_slice(self) -> bool:
        """At most 2 ms of the participants' work; whether they are up to date."""
        now_ns = self.pace.now_ns()
        if self._flow.behind_ns(now_ns) > ASLEEP_NS * max(1, round(self.pace.speed)):
            self._flow.skip(self._flow.behind_ns(now_ns))
        return self._trade_until(now_ns)

    def _trade_until(self, now_ns: int) -> bool:
        begun = self._clock.monotonic_ns()
        done = self._flow.advance(now_ns, lambda: self._clock.monotonic_ns() - begun < SLICE_NS)
        self.venue.advance(now_ns)
        self._publish()
        return done

    def _publish(self) -> None:
        """Carry what happened to every connection, before anything else can happen."""
        events = self.venue.take_events()
        if not self._connections:
            return
        now_ns = self._wall_ns()
        for event in events:
            fact = Fact(event)
            for connection in self._connections:
                connection.session.on_fact(fact, now_ns)

    def _wall_ns(self) -> int:
        """The exchange's own clock, which a fault may have set wrong."""
        skew = self.faults.on("clock_skew")
        return self._clock.wall_ns() + (skew["skew_ms"] * NS_PER_MS if skew else 0)

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

    def _answer(self, request: web.BaseRequest, wanted: RestRequest) -> RestReply:
        self._trade_slice()
        now_ns = max(self.pace.now_ns(), self.venue.now_ns)
        reply = self._rest.handle(
            wanted,
            lambda: self._authenticate(request, wanted),
            now_ns,
            self._clock.monotonic_ns(),
        )
        self._publish()
        return reply

    def _authenticate(self, request: web.BaseRequest, wanted: RestRequest) -> Account:
        path, _, _ = wanted.raw_target.partition("?")
        account = self._keys.check(request.headers, wanted.method, path, self._wall_ns())
        stale = self.faults.on("stale_reads")
        below = path.removeprefix(PREFIX)
        if stale and wanted.method == "GET" and self.faults.strike("stale_reads", path=below):
            return self._past.view(account, self._clock.monotonic_ns(), stale["lag_ms"] * NS_PER_MS)
        race = self.faults.on("cancel_raced")
        order_id = below.removeprefix("/portfolio/events/orders/")
        if race and wanted.method == "DELETE" and "/" not in order_id and self.faults.strike("cancel_raced"):
            fill_before_cancel(self.venue, self._racer, account, order_id, race["part"], self.venue.now_ns)
        return account

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
        response = self._response(reply)
        if verdict.close:
            response.force_close()
        return response

    async def _serve_stream(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        closed = self.faults.strike("stream_refused")
        if closed:
            return self._response(RestReply(closed["status"], _refused(refusal("forbidden")).body))
        try:
            account = self._keys.check(request.headers, request.method, path, self._wall_ns())
        except Refused as refused:
            return self._response(_refused(refused))
        socket = web.WebSocketResponse(compress=False, max_msg_size=MAX_BODY, timeout=CLOSE_WAIT_S, autoping=False)
        if not socket.can_prepare(request):
            return self._response(_refused(refusal("not_found", "this path speaks WebSocket")))
        await socket.prepare(request)
        if self.faults.strike("stream_rejected"):
            await socket.close(code=1008)
            return socket
        stream = Wire(socket, request)
        connection = Connection(self.venue, account, stream, self._clock, self.faults)
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
                    await socket.pong(message.data)
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

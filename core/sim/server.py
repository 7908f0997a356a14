"""The simulated exchange as a server on this machine: REST and stream on one port; the only file here with sockets.

Everything the exchange decides is decided in the synchronous venue. This shell reads requests, verifies signatures,
lets the participants trade in slices of at most 2 ms, and carries facts to the connections. Loopback only.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from aiohttp import WSMsgType, web

from core.domain.amounts import Money
from core.ports import Clock
from core.sim.accounts import Account
from core.sim.audit import Conservation
from core.sim.auth import KeyRing, generate_private_key, public_key_of
from core.sim.catalog import build_catalog
from core.sim.errors import Refused, refusal
from core.sim.facts import Fact
from core.sim.feed import FeedSession
from core.sim.flow import Flow
from core.sim.rest import RestApi, RestReply, RestRequest
from core.sim.routes import PREFIX
from core.sim.settings import ExchangeSettings, is_loopback
from core.sim.text import NS, NS_PER_MS, uuid_text
from core.sim.venue import Venue

WS_PATH = "/trade-api/ws/v2"
SLICE_NS = 2 * NS_PER_MS
FLOW_PAUSE_S = 0.01
ASLEEP_NS = 2 * NS  # later than this, the machine was away and the missed time is not traded
LIVED_NS = 20 * NS
LIVED_MARKETS = 48  # more markets have lived for less, so that starting stays quick
PING_EVERY_S = 10
CLOSE_WAIT_S = 1  # how long a closing connection may take to say goodbye
HEARTBEAT = b"heartbeat"
QUEUE_LIMIT = 10_000  # frames a slow reader may leave behind
REPLY_ROOM = 1_000  # beyond that, for answers to commands and for errors
MAX_BODY = 1_000_000

__all__ = ["Endpoint", "ExchangeServer", "ExchangeSettings"]


@dataclass(frozen=True)
class Endpoint:
    """Where the exchange listens and the key to its first account."""

    rest_url: str
    ws_url: str
    key_id: str
    private_key_pem: bytes = field(repr=False)
    exchange_id: str


class Connection:
    """One stream connection: its session, and the queue between the venue and the socket."""

    def __init__(self, venue: Venue, account: Account, socket: web.WebSocketResponse) -> None:
        self.socket = socket
        self.session = FeedSession(venue, account, self._offer)
        self._queue: deque[bytes] = deque()
        self._ready = asyncio.Event()
        self._broken = False

    def _offer(self, frame: bytes, is_reply: bool) -> bool:
        limit = QUEUE_LIMIT + REPLY_ROOM if is_reply else QUEUE_LIMIT
        if len(self._queue) >= limit:
            self._broken = self._broken or is_reply
            self._ready.set()
            return False
        self._queue.append(frame)
        self._ready.set()
        return True

    async def write(self) -> None:
        """Drain the queue for as long as the connection lives."""
        with contextlib.suppress(ConnectionError):
            while not self._broken:
                await self._ready.wait()
                self._ready.clear()
                while self._queue:
                    await self.socket.send_str(self._queue.popleft().decode())
        await self.socket.close()


class ExchangeServer:
    """One exchange, one port. `venue` is the exchange's truth, for tests and audits."""

    def __init__(self, settings: ExchangeSettings, clock: Clock, *, private_key_pem: bytes | None = None) -> None:
        self.settings = settings
        self._clock = clock
        start_ns = clock.wall_ns()
        catalog = build_catalog(settings.seed, settings.markets, start_ns)
        self.venue = Venue(catalog.series, catalog.events, seed=settings.seed)
        # The markets have lived a little before anybody looks, so that there are prints and levels to see.
        self._lived_ns = LIVED_NS * LIVED_MARKETS // max(LIVED_MARKETS, settings.markets)
        self._flow = Flow(self.venue, seed=settings.seed, start_ns=start_ns - self._lived_ns)
        # A fresh exchange has a fresh identity, though on a clock that repeats it repeats.
        chance = Random(f"identity:{settings.seed}:{start_ns}")
        self.exchange_id, self.key_id = uuid_text(chance), uuid_text(chance)
        self.private_key_pem = generate_private_key() if private_key_pem is None else private_key_pem
        self._keys = KeyRing()
        self.account = self.add_account(self.key_id, self.private_key_pem, settings.initial_balance)
        self._rest = RestApi(self.venue, tier=settings.tier)
        self._connections: dict[Connection, None] = {}
        self._runner: web.ServerRunner | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def add_account(self, key_id: str, private_key_pem: bytes, deposit: Money) -> Account:
        """Another member with a key of its own."""
        account = self.venue.open_account(deposit)
        self._keys.add(key_id, public_key_of(private_key_pem), account)
        return account

    def check_conservation(self) -> Conservation:
        """Prove that no money was made or lost."""
        return self.venue.check_conservation()

    # life

    async def start(self) -> Endpoint:
        """Listen on the settings' host and port; OSError if it is taken."""
        runner = await self._setup()
        site = web.TCPSite(runner, self.settings.host, self.settings.port)
        await self._listen(site)
        host, port = runner.addresses[0][:2]
        shown = f"[{host}]" if ":" in host else host
        return self._endpoint(f"{shown}:{port}")

    async def start_unix(self, path: str | Path) -> Endpoint:
        """Listen on a socket in the file system instead; the host in the addresses is a placeholder."""
        runner = await self._setup()
        await self._listen(web.UnixSite(runner, path))
        return self._endpoint("localhost")

    async def stop(self) -> None:
        """Close every connection and end the participants. May be called twice."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(connection.socket.close() for connection in list(self._connections)))
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _setup(self) -> web.ServerRunner:
        assert self._runner is None, "the exchange is already started"
        runner = web.ServerRunner(web.Server(self._serve, access_log=None), shutdown_timeout=1)
        await runner.setup()
        opened_ns = self._clock.wall_ns()
        self._flow.skip(max(0, self._flow.behind_ns(opened_ns) - self._lived_ns))
        caught_up = self._trade_until(opened_ns)
        while not caught_up:
            await asyncio.sleep(0)
            caught_up = self._trade_until(opened_ns)
        return runner

    async def _listen(self, site: web.BaseSite) -> None:
        runner = site._runner
        try:
            await site.start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner  # type: ignore[assignment]
        self._tasks = [asyncio.create_task(self._run_flow(), name="exchange-flow")]

    def _endpoint(self, host: str) -> Endpoint:
        return Endpoint(
            rest_url=f"http://{host}{PREFIX}",
            ws_url=f"ws://{host}{WS_PATH}",
            key_id=self.key_id,
            private_key_pem=self.private_key_pem,
            exchange_id=self.exchange_id,
        )

    # participants and facts

    async def _run_flow(self) -> None:
        while True:
            caught_up = self._trade_slice()
            await self._clock.sleep(FLOW_PAUSE_S if caught_up else 0)

    def _trade_slice(self) -> bool:
        """At most 2 ms of the participants' work; whether they are up to date."""
        now_ns = self._clock.wall_ns()
        if self._flow.behind_ns(now_ns) > ASLEEP_NS:
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
        facts = self.venue.take_events()
        if not self._connections:
            return
        now_ns = self._clock.wall_ns()
        for event in facts:
            fact = Fact(event)
            for connection in self._connections:
                connection.session.on_fact(fact, now_ns)

    async def _ping(self, socket: web.WebSocketResponse) -> None:
        """Ping with the payload the real exchange uses, which aiohttp's own heartbeat cannot carry."""
        with contextlib.suppress(ConnectionError):
            while True:
                await self._clock.sleep(PING_EVERY_S)
                await socket.ping(HEARTBEAT)

    # requests

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        if not is_loopback(_host_of(request.headers.get("Host", ""))):
            return _response(_refused(refusal("forbidden", "this exchange answers on loopback names only")))
        path, _, _ = request.raw_path.partition("?")
        if path == WS_PATH:
            return await self._serve_stream(request, path)
        try:
            body = await request.read() if request.body_exists else b""
        except web.HTTPRequestEntityTooLarge:
            return _response(_refused(refusal("request_too_large")))
        self._trade_slice()
        now_ns = max(self._clock.wall_ns(), self.venue.now_ns)
        reply = self._rest.handle(
            RestRequest(
                method=request.method,
                raw_target=request.raw_path,
                body=body,
                content_type=request.headers.get("Content-Type", ""),
            ),
            lambda: self._keys.check(request.headers, request.method, path, self._clock.wall_ns()),
            now_ns,
            self._clock.monotonic_ns(),
        )
        self._publish()
        return _response(reply)

    async def _serve_stream(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        try:
            account = self._keys.check(request.headers, request.method, path, self._clock.wall_ns())
        except Refused as refused:
            return _response(_refused(refused))
        socket = web.WebSocketResponse(compress=False, max_msg_size=MAX_BODY, timeout=CLOSE_WAIT_S)
        if not socket.can_prepare(request):
            return _response(_refused(refusal("not_found", "this path speaks WebSocket")))
        await socket.prepare(request)
        connection = Connection(self.venue, account, socket)
        helpers = [
            asyncio.create_task(connection.write(), name="exchange-stream-writer"),
            asyncio.create_task(self._ping(socket), name="exchange-stream-ping"),
        ]
        self._connections[connection] = None
        try:
            async for message in socket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    connection.session.on_text(message.data, self._clock.wall_ns())
        finally:
            del self._connections[connection]
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
        return socket


def _host_of(header: str) -> str:
    """The host part of a Host header, port removed."""
    if header.startswith("["):
        return header.partition("]")[0] + "]"
    return header.partition(":")[0]


def _refused(refused: Refused) -> RestReply:
    return RestReply(refused.status, RestApi.encode(refused.body))


def _response(reply: RestReply) -> web.Response:
    if reply.location:
        return web.Response(status=reply.status, headers={"Location": reply.location})
    if not reply.body:
        return web.Response(status=reply.status)
    return web.Response(status=reply.status, body=reply.body, content_type="application/json")

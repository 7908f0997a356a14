"""Helpers of the exchange's tests: clocks, bare venues, and a small client written for the tests alone."""

from __future__ import annotations

import asyncio
import base64
import functools
import itertools
import json
import time
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from core.domain.amounts import dollars
from core.sim.catalog import build_catalog
from core.sim.model import NewOrder
from core.sim.server import Endpoint, ExchangeServer, ExchangeSettings
from core.sim.venue import Venue
from tests.facts import undocumented_fields, validate_frame, validate_reply

ALIVE = 3  # enough to see life, and cheap to start
NOW = 1_796_137_200 * 10**9
KEY_PEM = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
)


class RealClock:
    """The machine's clocks."""

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def wall_ns(self) -> int:
        return time.time_ns()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class FastClock:
    """Virtual time: every sleep is over at once and moves both clocks."""

    def __init__(self, start_ns: int = NOW) -> None:
        self._now = start_ns

    def monotonic_ns(self) -> int:
        return self._now

    def wall_ns(self) -> int:
        return self._now

    async def sleep(self, seconds: float) -> None:
        self._now += int(seconds * 1_000_000_000)
        await asyncio.sleep(0)


def bare_venue(markets: int = 12, seed: int = 7) -> Venue:
    """A venue nobody quotes on."""
    catalog = build_catalog(seed, markets, NOW)
    return Venue(catalog.series, catalog.events, seed=seed)


def member(venue: Venue, whole_dollars: int = 1000) -> Any:
    return venue.open_account(dollars(whole_dollars))


def wish(ticker: str, side: Any, price: int, count: int, **more: Any) -> NewOrder:
    return NewOrder(ticker=ticker, side=side, price=price, count=count, **more)


class ApiError(Exception):
    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status}: {body}")
        self.status, self.body = status, body


@functools.cache
def loaded(pem: bytes) -> Any:
    """A key read once: reading proves its numbers, which takes longer than most tests."""
    return serialization.load_pem_private_key(pem, None)


class Client:
    """Signs, sends, and checks every reply and frame against the recorded schemas."""

    def __init__(self, endpoint: Endpoint, http: aiohttp.ClientSession) -> None:
        self.endpoint = endpoint
        self.http = http
        self._key: Any = loaded(endpoint.private_key_pem)
        self._ids = itertools.count(1)

    def headers(self, method: str, path: str, *, skew_ms: int = 0, salt: int = 32) -> dict[str, str]:
        stamp = str(time.time_ns() // 1_000_000 + skew_ms)
        text = f"{stamp}{method}{path}".encode()
        if isinstance(self._key, rsa.RSAPrivateKey):
            pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=salt)
            signature = self._key.sign(text, pss, hashes.SHA256())
        else:
            signature = self._key.sign(text)
        return {
            "KALSHI-ACCESS-KEY": self.endpoint.key_id,
            "KALSHI-ACCESS-TIMESTAMP": stamp,
            "KALSHI-ACCESS-SIGNATURE": base64.b64encode(signature).decode(),
        }

    async def raw(
        self, method: str, path: str, *, data: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        base = self.endpoint.rest_url.removesuffix("/trade-api/v2")
        full = "/trade-api/v2" + path
        if headers is None:
            headers = self.headers(method, full.partition("?")[0])
            if data is not None:
                headers["Content-Type"] = "application/json"
        async with self.http.request(method, base + full, data=data, headers=headers, allow_redirects=False) as reply:
            text = await reply.text()
            return reply.status, json.loads(text) if text else None

    async def call(self, method: str, path: str, body: Any = None, *, template: str | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        status, answer = await self.raw(method, path, data=data)
        validate_reply(method, template or path.partition("?")[0], status, answer)
        if status >= 400:
            raise ApiError(status, answer)
        strangers = undocumented_fields(method, template or path.partition("?")[0], status, answer)
        # The reason of an order's last update is on the real wire though not in the document.
        assert {name for name in strangers if not name.endswith("last_update_reason")} == set()
        return answer

    async def order(self, ticker: str, side: str, price: str, count: str, **more: Any) -> Any:
        body = {
            "ticker": ticker,
            "side": side,
            "price": price,
            "count": count,
            "time_in_force": "good_till_canceled",
            "self_trade_prevention_type": "taker_at_cross",
            **more,
        }
        return await self.call("POST", "/portfolio/events/orders", body)

    async def cancel(self, order_id: str) -> Any:
        path = f"/portfolio/events/orders/{order_id}"
        return await self.call("DELETE", path, template="/portfolio/events/orders/{order_id}")

    @asynccontextmanager
    async def stream(self) -> Any:
        headers = self.headers("GET", "/trade-api/ws/v2")
        async with self.http.ws_connect(self.endpoint.ws_url, headers=headers, autoping=False) as socket:
            yield Stream(socket)


class Stream:
    """One WebSocket connection of the test client."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self._ids = itertools.count(1)
        self.frames: list[Any] = []

    async def send(self, cmd: str, **params: Any) -> int:
        command_id = next(self._ids)
        await self.socket.send_json({"id": command_id, "cmd": cmd, "params": params})
        return command_id

    async def next(self, timeout: float = 5) -> Any:
        async with asyncio.timeout(timeout):
            while True:
                message = await self.socket.receive()
                if message.type is aiohttp.WSMsgType.TEXT:
                    frame = json.loads(message.data)
                    validate_frame(frame)
                    self.frames.append(frame)
                    return frame
                assert message.type in (aiohttp.WSMsgType.PING, aiohttp.WSMsgType.PONG), message

    async def until(self, kind: str, timeout: float = 5, **fields: Any) -> Any:
        """Skip frames up to the first of a kind with these message fields."""
        async with asyncio.timeout(timeout):
            while True:
                frame = await self.next()
                msg = frame.get("msg")
                if frame["type"] == kind and all(msg.get(k) == v for k, v in fields.items()):
                    return frame


@asynccontextmanager
async def running(**settings: Any) -> Any:
    """A server on the real clock and a client with its key; unless told otherwise a few of its markets are alive."""
    settings.setdefault("alive", ALIVE)
    server = ExchangeServer(ExchangeSettings(**settings), RealClock(), private_key_pem=KEY_PEM)
    endpoint = await server.start()
    try:
        async with aiohttp.ClientSession() as http:
            yield server, Client(endpoint, http)
    finally:
        await server.stop()
        server.check_conservation()

"""Helpers of this folder: a real clock, keys, payload builders, a server whose every answer is scripted."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import IPv4Address
from random import Random

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import HealthCheck, settings

from core.domain.amounts import Count, Price
from core.domain.effects import Read, ReadKind, SendAmend, SendCancel, SendDecrease, SendOrder
from core.domain.enums import BookSide, TimeInForce
from core.domain.ids import ClientOrderId, OrderId, Ticker
from core.exchange.network import Endpoints, loopback_endpoints
from core.exchange.signing import Signer, signer_from_pem
from core.exchange.trading_client import TradingClientIntegration

# A busy machine is no reason to fail a property.
relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

KEY_ID = "0c0ffee0-0000-4000-8000-00000000beef"
MARKET = Ticker("KXHAT-26NOV20-RED")
OTHER = Ticker("KXHAT-26NOV20-BLUE")


class RealClock:
    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def wall_ns(self) -> int:
        return time.time_ns()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def ed_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def pem(key: object, form: str = "PKCS8", password: bytes | None = None) -> bytes:
    formats = {"PKCS8": serialization.PrivateFormat.PKCS8, "PKCS1": serialization.PrivateFormat.TraditionalOpenSSL}
    lock: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    )
    return key.private_bytes(serialization.Encoding.PEM, formats[form], lock)  # type: ignore[attr-defined]


def self_signed() -> bytes:
    """Key and certificate in one PEM, for 127.0.0.1, vouched for by nobody."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, rsa_key().public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(rsa_key(), hashes.SHA256())
    )
    return pem(rsa_key()) + certificate.public_bytes(serialization.Encoding.PEM)


def signer() -> Signer:
    return signer_from_pem(KEY_ID, pem(ed_key()))


# ---- effects -----------------------------------------------------------------------------------------------------


def send_order(client_order_id: str = "kt-1", **changes: object) -> SendOrder:
    values: dict[str, object] = {
        "client_order_id": ClientOrderId(client_order_id),
        "ticker": MARKET,
        "side": BookSide.BID,
        "price": Price(4200),
        "count": Count(700),
        "time_in_force": TimeInForce.GOOD_TILL_CANCELED,
        "post_only": False,
        "reduce_only": False,
        "expiration_s": None,
        "journal_position": 1,
    }
    return SendOrder(**{**values, **changes})  # type: ignore[arg-type]


def send_cancel(order_id: str = "ord-1", client_order_id: str = "kt-1") -> SendCancel:
    return SendCancel(client_order_id=ClientOrderId(client_order_id), order_id=OrderId(order_id), ticker=MARKET)


def send_amend(order_id: str = "ord-1", **changes: object) -> SendAmend:
    values: dict[str, object] = {
        "client_order_id": ClientOrderId("kt-1"),
        "order_id": OrderId(order_id),
        "ticker": MARKET,
        "side": BookSide.BID,
        "price": Price(4100),
        "count": Count(500),
        "expiration_s": None,
        "journal_position": 2,
    }
    return SendAmend(**{**values, **changes})  # type: ignore[arg-type]


def send_decrease(order_id: str = "ord-1") -> SendDecrease:
    return SendDecrease(
        client_order_id=ClientOrderId("kt-1"),
        order_id=OrderId(order_id),
        ticker=MARKET,
        price=Price(4100),
        count=Count(500),
        reduce_by=Count(200),
        journal_position=2,
    )


def read(kind: ReadKind, **changes: object) -> Read:
    return Read(request_id=7, kind=kind, **changes)  # type: ignore[arg-type]


# ---- payloads, with values of our own ----------------------------------------------------------------------------


def order_row(order_id: str = "ord-1", **changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "order_id": order_id,
        "user_id": "user-1",
        "client_order_id": f"cl-{order_id}",
        "ticker": MARKET,
        # The legacy pair contradicts on purpose: it must never be read.
        "side": "no",
        "action": "sell",
        "outcome_side": "yes",
        "book_side": "bid",
        "type": "limit",
        "status": "resting",
        "yes_price_dollars": "0.4200",
        "no_price_dollars": "0.5800",
        "fill_count_fp": "2.00",
        "remaining_count_fp": "5.00",
        "initial_count_fp": "7.00",
        "taker_fill_cost_dollars": "0.840000",
        "maker_fill_cost_dollars": "0.000000",
        "taker_fees_dollars": "0.034200",
        "maker_fees_dollars": "0.000000",
        "created_time": "2026-11-20T12:00:00.250000Z",
        "expiration_time": None,
    }
    return {**row, **changes}


def fill_row(trade_id: str = "tr-1", **changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "fill_id": trade_id,
        "trade_id": trade_id,
        "exchange_index": 0,
        "order_id": "ord-1",
        "ticker": MARKET,
        "market_ticker": MARKET,
        "side": "no",
        "action": "buy",
        "outcome_side": "no",
        "book_side": "ask",
        "count_fp": "3.50",
        "yes_price_dollars": "0.6100",
        "no_price_dollars": "0.3900",
        "is_taker": False,
        "created_time": "2026-11-20T12:00:01.500000Z",
        "fee_cost": "0.014600",
        "ts": 1795262401,
    }
    return {**row, **changes}


def market_row(ticker: str = MARKET, **changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "ticker": ticker,
        "event_ticker": "KXHAT-26NOV20",
        "market_type": "binary",
        "title": "Will the hat be red?",
        "yes_sub_title": "Red",
        "no_sub_title": "Red",
        "close_time": "2026-11-21T03:00:00Z",
        "status": "active",
        "yes_bid_dollars": "0.4200",
        "yes_bid_size_fp": "12.00",
        "yes_ask_dollars": "0.4500",
        "yes_ask_size_fp": "9.00",
        "no_bid_dollars": "0.5500",
        "no_ask_dollars": "0.5800",
        "last_price_dollars": "0.4400",
        "volume_fp": "100.00",
        "volume_24h_fp": "60.00",
        "result": "",
        "open_interest_fp": "33.00",
        "price_level_structure": "linear_cent",
        "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}],
        "exchange_index": 0,
    }
    return {**row, **changes}


def event_row(markets: list[dict[str, object]], **changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "event_ticker": "KXHAT-26NOV20",
        "series_ticker": "KXHAT",
        "sub_title": "Nov 20",
        "title": "Colour of the hat",
        "collateral_return_type": "MECNET",
        "mutually_exclusive": True,
        "settlement_sources": None,
        "markets": markets,
    }
    return {**row, **changes}


CREATED = {"order_id": "ord-1", "client_order_id": "kt-1", "fill_count": "2.00", "remaining_count": "5.00", "ts_ms": 1}
CANCELED = {"order_id": "ord-1", "reduced_by": "5.00", "ts_ms": 2}
AMENDED = {"order_id": "ord-2", "remaining_count": "3.00", "fill_count": "2.00", "ts_ms": 3}


# ---- a server that does as told ----------------------------------------------------------------------------------

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Scripted:
    """`answer` decides each reply; `seen` keeps (method, path with query, body, headers) of every request."""

    answer: Handler
    seen: list[tuple[str, str, bytes, dict[str, str]]] = field(default_factory=list)
    port: int = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.method, request.raw_path, await request.read(), dict(request.headers)))
        return await self.answer(request)

    @property
    def endpoints(self) -> Endpoints:
        return loopback_endpoints(f"http://127.0.0.1:{self.port}", f"ws://127.0.0.1:{self.port}")


def reply(value: object, status: int = 200) -> Handler:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, text=json.dumps(value), content_type="application/json")

    return answer


@asynccontextmanager
async def scripted(answer: Handler) -> AsyncIterator[Scripted]:
    server = Scripted(answer)
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await runner.cleanup()


@asynccontextmanager
async def client_of(endpoints: Endpoints, seed: int = 1) -> AsyncIterator[TradingClientIntegration]:
    client = TradingClientIntegration(endpoints, signer(), RealClock(), Random(seed))
    await client.open()
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def raw_server(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]],
) -> AsyncIterator[Endpoints]:
    """A server on the bare socket; `serve` gets the number of the connection, from 1."""
    count = 0
    tasks: set[asyncio.Task[None]] = set()

    async def on_connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer, count)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(on_connect, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield loopback_endpoints(f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}")
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """One request, head and body."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return head + await reader.readexactly(int(line.split(b":")[1]))
    return head


def http(status: int, body: bytes, extra: bytes = b"") -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n%s\r\n%s" % (status, len(body), extra, body)

"""Fuzz: every documented request in every shape, signed, and every stream command, against a living exchange.

Nothing may answer 500, every answer has a documented shape, and after each batch all money is proved and no book is
broken. The requests are drawn from the API's own description; half of the names in them are live.
"""

import base64
import json
import os
import types
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from core.sim.feed import CHANNELS, FeedSession
from core.sim.rest import ROUTES, RestRequest
from core.sim.scenarios import ACTS, Happening
from core.sim.server import ExchangeServer, ExchangeSettings
from tests.facts import openapi, validate_frame, validate_reply
from tests.sim.support import NOW, FastClock

BATCH = 200
QUICK, LONG = 2_000, 100_000
ODD_TEXTS = (
    "",
    "x",
    "KXNOPE-1",
    "0",
    "-1",
    "1e3",
    "NaN",
    "null",
    "%00",
    "é🙂",
    "a" * 300,
    "../..",
    "0.5",
    "1.005",
    "5",
)
ODD_NUMBERS = (0, 1, -1, 2, 99, 100, 101, 1_000, 1_001, 10**9, 2**31, 2**63 - 1, 2**63, -(2**63))
PRICES = ("0.0100", "0.4900", "0.5100", "0.9900", "0.50", "0.5", "0", "1.0000", "0.0001", "0.5050")
COUNTS = ("1", "1.00", "2.50", "0.01", "100.00", "0", "0.00", "99999999.00", "1.001")


class Exchange:
    """A living exchange without sockets; requests are signed and answered by the very code the server runs."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.clock = FastClock(NOW)
        key = ed25519.Ed25519PrivateKey.generate()
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.server = ExchangeServer(ExchangeSettings(seed=seed, markets=16), self.clock, private_key_pem=pem)
        self.key = key
        self.server.catch_up()
        self.hits = 0
        self.sense = 1.0  # how likely a field of this request is what belongs there
        self.focus: Any = None  # the order this request is about
        self.number = 0

    def send(self, method: str, target: str, body: bytes, content_type: str) -> tuple[int, Any]:
        path = target.partition("?")[0]
        stamp = str(self.clock.wall_ns() // 1_000_000)
        headers = {
            "KALSHI-ACCESS-KEY": self.server.key_id,
            "KALSHI-ACCESS-TIMESTAMP": stamp,
            "KALSHI-ACCESS-SIGNATURE": base64.b64encode(self.key.sign(f"{stamp}{method}{path}".encode())).decode(),
        }
        wanted = RestRequest(method=method, raw_target=target, body=body, content_type=content_type)
        reply = self.server._answer(types.SimpleNamespace(headers=headers), wanted)  # type: ignore[arg-type]
        return reply.status, json.loads(reply.body) if reply.body else None

    def happen(self) -> None:
        """Life goes on around the requests: markets halt, close, settle, jump, are swept and listed anew."""
        ending = ["close", "determine", "settle"] if self.chance.random() < 0.4 else []
        for act in (*ending, self.chance.choice(ACTS)):
            result = self.chance.choice(["yes", "no"])
            by = self.chance.choice([-900, 700])
            rank = 0 if act == "close" else self.chance.randrange(16)
            self.server.play(Happening(after=0, act=act, rank=rank, by=by, lasts=1, result=result))

    # living names

    def live(self, name: str) -> Any:
        venue, chance, account = self.server.venue, self.chance, self.server.account
        self.hits += 1
        market = chance.choice(list(venue.markets.values()))
        orders = list(account.orders) or ["none"]
        focus = self.focus
        self.number += 1
        if focus is not None:
            market = focus.market
        return {
            "ticker": market.ticker,
            "tickers": market.ticker,
            "market_ticker": market.ticker,
            "market_tickers": ",".join(chance.choices(list(venue.markets), k=3)),
            "event_ticker": market.event.ticker,
            "series_ticker": market.event.series.ticker,
            "order_id": chance.choice(orders) if focus is None else focus.order_id,
            "order_group_id": chance.choice(list(account.groups) or ["none"]),
            "client_order_id": f"c{self.number}" if focus is None else focus.client_order_id,
            "updated_client_order_id": f"u{self.number}",
            "reduce_by": chance.choice(COUNTS[:4]),
            "time_in_force": chance.choice(["good_till_canceled"] * 3 + ["immediate_or_cancel"]),
            "post_only": chance.random() < 0.3,
            "reduce_only": False,
            "contracts_limit_fp": None,
            "price": chance.choice(PRICES),
            "count": chance.choice(COUNTS[:5]),
            "side": chance.choice(["bid", "ask"]) if focus is None else focus.side.value,
            "subaccount": 0,
            "exchange_index": chance.choice([0, -1]),
            "period_interval": chance.choice([1, 60, 1440]),
            "start_ts": NOW // 10**9 - 7_200,
            "end_ts": NOW // 10**9 + 7_200,
            "expiration_time": self.clock.wall_ns() // 10**9 + chance.randint(1, 60),
            "contracts_limit": chance.randint(1, 50),
        }.get(name)

    def value(self, name: str, schema: Any) -> Any:
        """Mostly what belongs there, sometimes the edge of it, sometimes nonsense of the right type."""
        chance = self.chance
        schema = _resolved(schema)
        if chance.random() < self.sense:
            living = self.live(name)
            if living is not None:
                return living
        if "enum" in schema:
            return chance.choice([v for v in schema["enum"] if v is not None])
        kind = schema.get("type", "string")
        if kind == "integer":
            return chance.choice([*ODD_NUMBERS, chance.randrange(200)])
        if kind == "boolean":
            return chance.random() < 0.5
        if kind == "array":
            return [self.value(name, schema["items"]) for _ in range(chance.choice((0, 1, 2, 3, 5)))]
        if kind == "object":
            return self.body(schema)
        return chance.choice([*ODD_TEXTS, *PRICES, *COUNTS])

    def body(self, schema: Any) -> Any:
        schema = _resolved(schema)
        required = set(schema.get("required", ()))
        out = {}
        for name, inner in schema.get("properties", {}).items():
            if name in required or self.chance.random() < (0.1 if self.sense == 1 else 0.25):
                out[name] = self.value(name, inner)
        return out

    def request(self) -> tuple[str, str, str, bytes]:
        template, method, operation = self.chance.choices(OPERATIONS, WEIGHTS)[0]
        path, query = template, []
        self.sense = self.chance.choice((1.0, 1.0, 1.0, 0.9, 0.6))
        resting = self.server.account.all_resting()
        about_one = "{order_id}" in template or ("batched" in template and method == "DELETE")
        self.focus = self.chance.choice(resting) if resting and about_one else None
        for parameter in operation.get("parameters", ()):
            parameter = _resolved_parameter(parameter)
            name, schema = parameter["name"], parameter.get("schema", {})
            if parameter["in"] == "path":
                text = str(self.value(name, schema)) or "none"
                path = path.replace(f"{{{name}}}", quote(text, safe=""))
            elif parameter.get("required") or self.chance.random() < 0.3:
                found = self.value(name, schema)
                rows = found if isinstance(found, list) else [found]
                query += [(name, str(row).lower() if isinstance(row, bool) else str(row)) for row in rows]
        wanted = operation.get("requestBody")
        body = b""
        if wanted:
            made = self.body(wanted["content"]["application/json"]["schema"])
            body = json.dumps(made).encode("utf-8", "surrogatepass") if self.chance.random() < 0.97 else b"{" * 9
        return method, template, "/trade-api/v2" + path + ("?" + urlencode(query) if query else ""), body


def _resolved(schema: Any) -> Any:
    while "$ref" in schema or "allOf" in schema or "anyOf" in schema:
        if "$ref" in schema:
            schema = openapi()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        else:
            schema = (schema.get("allOf") or schema["anyOf"])[0]
    return schema


def _resolved_parameter(parameter: Any) -> Any:
    if "$ref" in parameter:
        return openapi()["components"]["parameters"][parameter["$ref"].rsplit("/", 1)[1]]
    return parameter


SERVED = {(r.template, r.method) for r in ROUTES}
OPERATIONS = [
    (path, method.upper(), operation)
    for path, methods in openapi()["paths"].items()
    for method, operation in methods.items()
    if method != "parameters"
]
# Writes of orders move the most; canceling all of them leaves nothing to do.
FAVOURED = {
    ("/portfolio/events/orders", "POST"): 20,
    ("/portfolio/events/orders/batched", "POST"): 6,
    ("/portfolio/events/orders", "DELETE"): 0.1,
}
WEIGHTS = [FAVOURED.get((path, method), 1 if method == "GET" else 3) for path, method, _ in OPERATIONS]


def prove(exchange: Exchange) -> None:
    """All money is there, and no book is crossed, empty-levelled or out of step with the orders in it."""
    venue = exchange.server.venue
    exchange.server.check_conservation()
    for market in venue.markets.values():
        book = market.book
        bid, ask = book.bids.best, book.asks.best
        assert bid is None or ask is None or bid < ask, market.ticker
        for ladder in (book.bids, book.asks):
            rows: dict[int, int] = {}
            for order in ladder.orders():
                assert order.remaining > 0 and order.status.value == "resting"
                rows[order.price] = rows.get(order.price, 0) + order.remaining
            assert dict(ladder.levels()) == rows
    for group in exchange.server.account.groups.values():
        assert all(order.status.value == "resting" for order in group.members.values())


def storm(seed: int, requests: int) -> Exchange:
    exchange = Exchange(seed)
    statuses: dict[int, int] = {}
    for number in range(requests):
        method, template, target, body = exchange.request()
        kind = "application/json" if body or method != "GET" else ""
        what = f"seed {seed}, request {number}: {method} {target} {body[:400]!r}"
        try:
            status, answer = exchange.send(method, target, body, kind)
            validate_reply(method, template, status, answer)
        except Exception as error:
            raise AssertionError(what) from error
        assert status < 500, what
        statuses[status // 100] = statuses.get(status // 100, 0) + 1
        if number % BATCH == BATCH - 1:
            prove(exchange)
            exchange.happen()
            prove(exchange)
            exchange.clock._now += 10**9
            exchange.server.catch_up()
    assert statuses[2] >= requests * 30 // 100, f"too few requests reach the venue: {statuses}"
    # In a long storm the money runs out; a hundred orders reach the book in any. A wipe leaves old orders behind.
    accounts = exchange.server.venue.accounts.values()
    assert sum(len(a.orders) for a in accounts) >= min(requests // 15, 100) and sum(len(a.fills) for a in accounts) >= 5
    return exchange


def test_no_request_of_any_shape_breaks_the_exchange() -> None:
    exchange = storm(seed=7, requests=QUICK)
    assert exchange.hits >= QUICK * 30 // 100


@pytest.mark.long
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("seed", range(1, 11))
def test_no_request_of_any_shape_breaks_the_exchange_long(seed: int) -> None:
    storm(seed=seed, requests=int(os.environ.get("FUZZ_REQUESTS", LONG // 10)))


# the stream


def command(exchange: Exchange) -> Any:
    chance = exchange.chance
    cmd = chance.choice(["subscribe"] * 4 + ["unsubscribe", "update_subscription", "list_subscriptions", "nope", None])
    params: dict[str, Any] = {}
    pool: dict[str, Any] = {
        "channels": chance.choices([*CHANNELS, "nope", 7, None], k=chance.randint(0, 3)),
        "market_ticker": exchange.live("ticker"),
        "market_tickers": [exchange.live("ticker") for _ in range(chance.randint(0, 4))],
        "market_ids": [chance.choice(list(exchange.server.venue.markets.values())).market_id],
        "sid": chance.choice([1, 2, 3, 99, -1, "1", None, True]),
        "sids": chance.choices([1, 2, 3, 4, 99, "x", None, 1.5], k=chance.randint(0, 2)),
        "action": chance.choice(["add_markets", "delete_markets", "get_snapshot", "nope", 3]),
        "use_yes_price": chance.choice([True, False, 1]),
        "skip_ticker_ack": True,
        "send_initial_snapshot": chance.choice([True, "yes"]),
    }
    usual = {
        "subscribe": ("channels", "market_tickers"),
        "unsubscribe": ("sids",),
        "update_subscription": ("sid", "action", "market_tickers"),
    }
    for name, found in pool.items():
        if name in usual.get(cmd or "", ()) or chance.random() < 0.15:
            params[name] = found if chance.random() < 0.95 else chance.choice([None, 3, "x", {}, []])
    made: Any = {"id": chance.choice([1, 5, 0, 2**40, -1, "1", None]), "cmd": cmd, "params": params}
    return made if chance.random() < 0.97 else chance.choice([[], 3, None, {"id": 1}, {"cmd": {}}, "x"])


def test_no_stream_command_breaks_the_exchange() -> None:
    exchange = Exchange(seed=11)
    frames: list[Any] = []

    def send(frame: bytes, _channel: str) -> bool:
        frames.append(json.loads(frame))
        validate_frame(frames[-1])
        return True

    session = FeedSession(exchange.server.venue, exchange.server.account, send)
    for _ in range(QUICK):
        before = len(frames)
        text = json.dumps(command(exchange))
        session.on_text(text, exchange.clock.wall_ns())
        assert len(frames) > before or "get_snapshot" in text or "[]" in text, text
    kinds = {frame["type"] for frame in frames}
    assert {"subscribed", "unsubscribed", "ok", "error", "orderbook_snapshot", "ticker"} <= kinds
    prove(exchange)

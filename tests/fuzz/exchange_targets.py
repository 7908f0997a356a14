"""Targets of the simulated exchange: requests, stream commands, its control port, scenarios, and what faults do."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import urlencode

import msgspec

from core.domain.errors import RefusedInput
from core.sim import wire
from core.sim.control import Control
from core.sim.faults import FAULTS, Faults
from core.sim.feed import FeedSession
from core.sim.query import Body, Query
from core.sim.rest import RestReply, RestRequest
from core.sim.scenarios import BadScenario, read_scenario
from core.sim.server import ExchangeServer, ExchangeSettings
from core.sim.settings import is_loopback
from core.sim.text import count_text, cursor_text, price_text, read_count, read_cursor, read_price
from tests.exchange import support
from tests.facts import examples
from tests.fuzz.storm import Taker, Target
from tests.fuzz.wire_targets import always, documented, packed
from tests.sim.support import NOW, FastClock

PREFIX = "/trade-api/v2"
TOKEN = "a-token-of-the-tests"


def text_of(data: bytes) -> str:
    """Bytes that are no UTF-8 become lone surrogates, as the system hands them over."""
    return data.decode("utf-8", "surrogateescape")


def exchange() -> ExchangeServer:
    """A living exchange without sockets."""
    settings = ExchangeSettings(seed=5, markets=4)
    server = ExchangeServer(settings, FastClock(NOW), private_key_pem=support.pem(support.ed_key()))
    server.catch_up()
    return server


# ---- requests ----------------------------------------------------------------------------------------------------


@cache
def requests() -> tuple[bytes, ...]:
    """Method, target and body, a line each: every documented request over living markets."""
    market = next(iter(exchange().venue.markets.values()))
    names = {"ticker": market.ticker, "event_ticker": market.event.ticker, "series_ticker": market.event.series.ticker}
    reads = (
        "/exchange/status", "/events", f"/events/{names['event_ticker']}", f"/series/{names['series_ticker']}",
        "/markets", f"/markets/{names['ticker']}", f"/markets/{names['ticker']}/orderbook", "/markets/trades",
        "/portfolio/balance", "/portfolio/positions", "/portfolio/fills", "/portfolio/settlements",
        "/portfolio/orders", "/portfolio/order_groups", "/account/limits", "/portfolio/orders/queue_positions",
    )  # fmt: skip
    query = urlencode({"limit": 10, "cursor": cursor_text(7), "min_ts": 1, **names})
    found = [f"GET {PREFIX}{path}?{query}\n".encode() for path in reads]
    for name, row in examples()["rest_requests"].items():
        method, path = name.partition(" (")[0].split()
        body = json.loads(json.dumps(row.get("body", row)))
        for one in (body, *(body.get("orders") or ())):
            one.update({key: names["ticker"] for key in ("ticker", "market_ticker") if key in one})
        found.append(f"{method} {PREFIX}{path.format(order_id='o1', order_group_id='g1')}\n".encode() + packed(body))
    return tuple(found)


def answering() -> Taker:
    """Requests at one exchange by the very code the server runs, the signature aside."""
    server = exchange()

    def take(data: bytes) -> None:
        head, _, body = data.partition(b"\n")
        method, _, target = text_of(head).partition(" ")
        wanted = RestRequest(method=method, raw_target=target, body=body, content_type="application/json")
        reply = server._rest.handle(wanted, lambda: server.account, NOW, NOW)
        assert reply.status < 500
        json.loads(reply.body or b"{}")
        if reply.status >= 300:
            raise RefusedInput("a refusal is an answer here")

    return take


def _body(data: bytes) -> None:
    body = Body.decode("Order", data, "application/json")
    for name in ("ticker", "side", "count", "price", "client_order_id"):
        body.text(name)
    body.number("expiration_time")
    body.flag("post_only")
    for row in body.rows("orders", "Order"):
        row.required("ticker")


def _queried(data: bytes) -> None:
    query = Query("GetOrders", text_of(data))
    query.limit(100, 1_000)
    query.seconds("min_ts")
    query.flag("with_nested_markets")
    query.choice("status", ("resting", "canceled"))
    query.words("tickers")
    query.cursor()


def _texts(data: bytes) -> None:
    text = text_of(data)
    price, count, key = read_price(text), read_count(text), read_cursor(text)
    assert price is None or read_price(price_text(price)) == price
    assert count is None or read_count(count_text(count)) == count
    assert key is None or read_cursor(cursor_text(key)) == key


def _hosts(data: bytes) -> None:
    is_loopback(text_of(data))


def signing() -> Taker:
    """Headers as anybody may send them."""
    server = exchange()

    def take(data: bytes) -> None:
        key, stamp, signature = [*text_of(data).split("\n"), "", "", ""][:3]
        named = {"KALSHI-ACCESS-KEY": key, "KALSHI-ACCESS-TIMESTAMP": stamp, "KALSHI-ACCESS-SIGNATURE": signature}
        server._keys.check(named, "GET", f"{PREFIX}/portfolio/balance", NOW)

    return take


def _headers() -> list[bytes]:
    made = support.signer().headers("GET", f"{PREFIX}/portfolio/balance", NOW // 1_000_000)
    return ["\n".join([exchange().key_id, made["KALSHI-ACCESS-TIMESTAMP"], made["KALSHI-ACCESS-SIGNATURE"]]).encode()]


# ---- faults on the way out ---------------------------------------------------------------------------------------


def spoiling() -> Taker:
    """Replies of every shape through the faults that change them."""
    faults = Faults(1)
    for name in ("field_missing", "batch_mangled", "cursor_loops"):
        faults.arm(name)

    def take(data: bytes) -> None:
        for path in ("/portfolio/events/orders/batched", "/portfolio/orders"):
            request = RestRequest(method="GET", raw_target=f"{PREFIX}{path}?cursor=YWZ0ZXI6MQ", body=data)
            wire.before(faults, request)
        try:
            msgspec.json.decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            return  # the exchange's own replies are JSON
        wire.after(faults, request, RestReply(200, data))

    return take


# ---- stream and control ------------------------------------------------------------------------------------------


def _commands() -> list[bytes]:
    tickers = list(exchange().venue.markets)[:2]
    found = []
    for row in examples()["ws"]["commands"].values():
        made = json.loads(json.dumps(row))
        params = made.get("params") or {}
        for key, value in (("market_tickers", tickers), ("market_ticker", tickers[0])):
            if key in params:
                params[key] = value
        found.append(packed(made))
    return found


def commanding() -> Taker:
    """Commands at one connection; every frame that comes is JSON."""
    server = exchange()
    told: list[bytes] = []

    def send(frame: bytes, _channel: str) -> bool:
        told.append(frame)
        return True

    session = FeedSession(server.venue, server.account, send)
    second = iter(range(NOW, NOW + 10**15, 10**9))

    def take(data: bytes) -> None:
        told.clear()
        session.on_text(data, next(second))
        for frame in told:
            msgspec.json.decode(frame)

    return take


def _control_lines() -> list[bytes]:
    words: list[dict[str, Any]] = [{"do": do} for do in ("help", "status", "faults", "check", "limits")]
    words += [{"do": "disarm"}, {"do": "step", "seconds": 1}, {"do": "speed", "speed": 2.5}]
    words += [{"do": "arm", "fault": name, "params": dict(kind.params)} for name, kind in list(FAULTS.items())[:12]]
    words += [{"do": "act", "act": act, "rank": 1, "by": 3, "lasts": 1} for act in ("jump", "halt", "words", "empty")]
    words += [{"do": "limits", "markets": 10, "commands": 5, "connections": 2}]
    return [packed({**one, "token": TOKEN}) for one in words]


def ruling() -> Taker:
    """Lines as they are read; what a step in time then plays out is no matter of reading."""
    server = exchange()
    server.catch_up = lambda: None  # type: ignore[method-assign]
    control = Control(server, TOKEN)

    def take(data: bytes) -> None:
        msgspec.json.encode(control.answer(data[: 64 * 1024]))

    return take


# ---- scenarios ---------------------------------------------------------------------------------------------------

SCENARIO = b"""base = "news-jump"
markets = 20
closes_in = 600
rolls = false
maintenance = true

[style]
jumps = 200
bias = -5

[account]
balance = 5000
positions = 3

[[at]]
after = 30
act = "jump"
rank = 1
by = -1200

[[at]]
after = 60
act = "determine"
result = "no"

[[fault]]
after = 5
name = "reply_late"
lasts = 10
delay_ms = 300
"""


def _scenario(data: bytes) -> None:
    read_scenario(data.decode("utf-8", "replace"), "a.toml")


def _refused() -> tuple[type[BaseException], ...]:
    from core.sim.errors import Refused

    return (Refused,)


def targets() -> list[Target]:
    def one(name: str, what: str, rows: Callable[[], Any], make: Callable[[], Taker], **more: Any) -> Target:
        return Target(name=f"exchange: {name}", what=f"core/sim/{what}", examples=rows, make=make, **more)

    query = b"limit=10&cursor=YWZ0ZXI6Nw&min_ts=1&status=resting&tickers=A,B&with_nested_markets=true"
    spelled = [b"0.5600", b"12.50", b"YWZ0ZXI6Nw", b"1", b"0.5"]
    loopback = [b"127.0.0.1", b"localhost", b"::1", b"127.0.0.1:80"]
    replies = lambda: documented("GET /portfolio/orders", "POST /portfolio/events/orders/batched")  # noqa: E731
    return [
        one("requests", "rest.py", requests, answering, refusals=(RefusedInput,), cost=90),
        one(
            "bodies",
            "query.py",
            lambda: [r.partition(b"\n")[2] for r in requests()[16:]],
            always(_body),
            refusals=_refused(),
        ),
        one("queries", "query.py", lambda: [query], always(_queried), refusals=_refused(), cost=35),
        one("texts", "text.py", lambda: spelled, always(_texts)),
        one("hosts", "settings.py", lambda: loopback, always(_hosts)),
        one("signatures", "auth.py", _headers, signing, refusals=_refused(), cost=70),
        one("faulty replies", "wire.py", replies, spoiling, cost=60),
        one("stream commands", "feed.py", _commands, commanding, cost=40),
        one("control port", "control.py", _control_lines, ruling, cost=40),
        one("scenario files", "scenarios.py", lambda: [SCENARIO], always(_scenario), refusals=(BadScenario,), cost=250),
    ]

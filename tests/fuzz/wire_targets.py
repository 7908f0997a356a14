"""Targets of the client's side of the wire: every decoder of replies, frames, errors and headers.

Examples are the exchange's documented payloads, those of our own tests, and what a simulated exchange really sent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import cache, partial
from random import Random
from typing import Any

from core.domain.amounts import PRICE_SCALE
from core.domain.effects import SendCancels, SendOrders
from core.domain.errors import BadInput, RefusedInput
from core.domain.events import OrderReport, PositionReport
from core.domain.ids import ClientOrderId
from core.exchange import wire, wire_batch, wire_markets, wire_rest, wire_settlements
from core.exchange.network import Endpoints, loopback_endpoints
from core.exchange.rest import ApiClient, _seconds
from core.exchange.session import StreamSession
from core.exchange.signing import signer_from_pem
from core.sim.feed import CHANNELS, FeedSession
from core.sim.scenarios import Happening
from core.sim.server import ExchangeServer, ExchangeSettings
from tests.exchange import support
from tests.facts import examples
from tests.fuzz.storm import Taker, Target
from tests.sim.support import NOW, FastClock

REFUSED = (RefusedInput,)
HEADER_LIMIT = 64  # what the transport leaves of a header


def packed(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def documented(*starts: str) -> list[bytes]:
    """Bodies of the documented replies whose name starts so."""
    rows = examples()["rest"]
    found = [packed(row["body"]) for name, row in rows.items() for start in starts if name.partition(" (")[0] == start]
    assert found, starts
    return found


def always(taker: Taker) -> Callable[[], Taker]:
    return lambda: taker


# ---- replies -----------------------------------------------------------------------------------------------------

ORDERS = SendOrders(orders=tuple(support.send_order(f"kt-{n}") for n in range(1, 4)))
CANCELS = SendCancels(cancels=tuple(support.send_cancel(f"ord-{n}", f"kt-{n}") for n in range(1, 4)))


def _batch_created() -> list[bytes]:
    rows: list[Any] = [{**support.CREATED, "client_order_id": f"kt-{n}", "order_id": f"ord-{n}"} for n in (1, 2)]
    rows.append({"client_order_id": "kt-3", "error": {"code": "invalid_order", "message": "post only cross"}})
    return [packed({"orders": rows}), *documented("POST /portfolio/events/orders/batched")]


def _batch_canceled() -> list[bytes]:
    rows: list[Any] = [{"order_id": f"ord-{n}", "reduced_by": "5.00"} for n in (1, 2)]
    rows.append({"order_id": "ord-3", "error": {"code": "not_found", "message": "not found"}})
    return [packed({"orders": rows}), *documented("DELETE /portfolio/events/orders/batched")]


def _events() -> list[bytes]:
    own = {"events": [support.event_row([support.market_row()])], "cursor": "x"}
    return [packed(own)]


def _orders_taken(body: bytes) -> None:
    for row in wire_rest.orders(body).rows:
        _sound(row)


def _sound(row: OrderReport) -> None:
    assert 0 <= row.price <= PRICE_SCALE and row.filled >= 0 and row.remaining >= 0
    assert row.initial >= row.filled + row.remaining
    assert row.client_order_id.isprintable() and row.reason.isprintable()


def _positions_taken(body: bytes) -> None:
    for row in wire_rest.positions(body).rows:
        assert isinstance(row, PositionReport) and type(row.cost) is int


def _batch_taken(body: bytes) -> None:
    told = wire_batch.created(ORDERS, body, 1, _noted)
    assert [one.client_order_id for one in told.outcomes] == [o.client_order_id for o in ORDERS.orders]


def _cancels_taken(body: bytes) -> None:
    told = wire_batch.canceled(CANCELS, body, 1, _noted)
    assert [getattr(one, "order_id", None) for one in told.outcomes] == [c.order_id for c in CANCELS.cancels]


def _noted(reason: str) -> None:
    assert reason.isprintable()


def _error_taken(body: bytes) -> None:
    code, detail = wire.error_body(400, body)
    assert code and code.isprintable() and detail.isprintable()


def _errors() -> list[bytes]:
    return [packed(row["body"]) for row in examples()["errors"].values()]


REPLIES: tuple[tuple[str, Callable[[], Iterable[bytes]], Taker], ...] = (
    ("exchange status", lambda: documented("GET /exchange/status"), lambda b: wire_rest.exchange_status(b, 1, 1)),
    ("limits", lambda: documented("GET /account/limits"), lambda b: wire_rest.limits(b, 1, 1)),
    ("balance", lambda: documented("GET /portfolio/balance"), wire_rest.balance),
    ("order", lambda: documented("GET /portfolio/orders/{order_id}"), lambda b: _sound(wire_rest.order(b))),
    ("orders", lambda: [packed({"orders": [support.order_row()], "cursor": "c"})], _orders_taken),
    ("positions", lambda: documented("GET /portfolio/positions"), _positions_taken),
    ("fills", lambda: [packed({"fills": [support.fill_row()], "cursor": ""})], wire_rest.fills),
    ("settlements", lambda: documented("GET /portfolio/settlements"), wire_settlements.settlements),
    ("events and markets", _events, wire_markets.events),
    ("series", lambda: documented("GET /series/{series_ticker}"), wire_markets.series_terms),
    (
        "created",
        lambda: [packed(support.CREATED), packed({**support.CREATED, "client_order_id": None, "ts_ms": None})],
        lambda b: wire_rest.created(b, ClientOrderId("kt-1")),
    ),
    (
        "canceled",
        lambda: [packed(support.CANCELED), *documented("DELETE /portfolio/events/orders/{order_id}")],
        wire_rest.canceled,
    ),
    (
        "amended, decreased",
        lambda: documented(
            "POST /portfolio/events/orders/{order_id}/amend", "POST /portfolio/events/orders/{order_id}/decrease"
        ),
        wire_rest.amended,
    ),
    ("group created", lambda: documented("POST /portfolio/order_groups/create"), wire_rest.group_created),
    ("batch created", _batch_created, _batch_taken),
    ("batch canceled", _batch_canceled, _cancels_taken),
)

# ---- headers -----------------------------------------------------------------------------------------------------


def header(data: bytes) -> str:
    """As the transport hands it over."""
    return data.decode("utf-8", "surrogateescape")[:HEADER_LIMIT]


def _retry_after() -> list[bytes]:
    return [b"1", b"30", b"0.5", b"Thu, 01 Dec 2026 15:00:00 GMT", b"-1", b"120"]


def _dates() -> list[bytes]:
    return [b"Tue, 01 Dec 2026 15:00:00 GMT", b"Tue, 01 Dec 2026 15:00:00 -0000", b"1 Dec 26 15:00 +0100"]


def _held(data: bytes) -> None:
    assert 0 <= _seconds(header(data)) <= 30


def _dated() -> Taker:
    endpoints = Endpoints(rest_origin="http://127.0.0.1:1", ws_url="ws://127.0.0.1:1")
    client = ApiClient(endpoints, support.signer(), FastClock(NOW), Random(1))
    return lambda data: client._measure_skew(header(data))


def _addresses() -> list[bytes]:
    return [b"http://127.0.0.1:8080/trade-api/v2", b"http://[::1]:8080", b"http://localhost:80"]


def _addressed(data: bytes) -> None:
    found = loopback_endpoints(header(data), "ws://127.0.0.1:1")
    host = found.rest_origin.removeprefix("http://").rpartition(":")[0] or found.rest_origin.removeprefix("http://")
    assert host.startswith("127.") or "localhost" in found.rest_origin or "[" in found.rest_origin, found


def _key(data: bytes) -> None:
    signer_from_pem("key", data)


# ---- the stream --------------------------------------------------------------------------------------------------

TYPES = (
    "subscribed", "ok", "unsubscribed", "error", "orderbook_snapshot", "orderbook_delta", "ticker", "trade", "fill",
    "user_order", "market_position", "order_group_updates", "market_lifecycle_v2", "event_lifecycle",
    "event_fee_update",
)  # fmt: skip


@cache
def recorded() -> tuple[dict[str, Any], ...]:
    """Frames that a simulated exchange sent to a listener of everything, in order, and the documented ones."""
    server = ExchangeServer(
        ExchangeSettings(seed=5, markets=4), FastClock(NOW), private_key_pem=support.pem(support.ed_key())
    )
    server.catch_up()
    frames: list[dict[str, Any]] = []

    def keep(frame: bytes, _channel: str) -> bool:
        frames.append(json.loads(frame))
        return True

    feed = FeedSession(server.venue, server.account, keep)
    names = list(server.venue.markets)
    params = {"channels": list(CHANNELS), "market_tickers": names, "send_initial_snapshot": True}
    feed.on_text(json.dumps({"id": 1, "cmd": "subscribe", "params": params}), NOW)
    server.play(Happening(after=0, act="jump", rank=0, by=700))
    server.catch_up()
    told = examples()["ws"]
    documented_frames = [row for part in ("responses", "messages") for row in told[part].values()]
    return (*frames, *documented_frames)


def frames_of(kind: str) -> list[bytes]:
    """A few frames of one type, sids and markets such as `listening` has."""
    found = [row for row in recorded() if row.get("type") == kind][:4]
    assert found, kind
    rows = []
    for row in found:
        made = json.loads(json.dumps(row))
        message = made.get("msg")
        if isinstance(message, dict) and "market_ticker" in message:
            message["market_ticker"] = support.MARKET
        if "sid" in made:
            made["sid"] = SIDS.get(kind, 1)
            made["seq"] = 2 if made["sid"] == SIDS["orderbook_delta"] else 1
        rows.append(packed(made))
    return rows


# The sid `listening` gives each channel, by the type of its frames.
_ASKED = ("fill", "user_orders", "market_positions", "order_group_updates", "market_lifecycle_v2", "orderbook_delta")
SIDS = {
    "order_group_updates": 4, "market_lifecycle_v2": 5, "event_lifecycle": 5, "event_fee_update": 5,
    "orderbook_delta": 6, "orderbook_snapshot": 6, "ticker": 7, "trade": 8,
}  # fmt: skip


def listening() -> StreamSession:
    """A session with every channel live and its book whole."""
    session = StreamSession(1)
    session.watch([support.MARKET])
    session.open()
    session.take_commands()
    for sid, channel in enumerate((*_ASKED, "ticker", "trade"), 1):
        session.receive(packed({"type": "subscribed", "id": sid, "msg": {"channel": channel, "sid": sid}}))
    whole = {"market_ticker": support.MARKET, "yes_dollars_fp": [["0.4200", "5.00"]], "no_dollars_fp": []}
    session.receive(packed({"type": "orderbook_snapshot", "sid": 6, "seq": 1, "msg": whole}))
    assert not session.books.waiting
    return session


def hearing() -> Taker:
    """Frames into one session; what it would send stays JSON, and it never grows."""
    session = listening()

    def take(data: bytes) -> None:
        told = session.receive(data)
        if any(type(event).__name__ == "FrameRefused" for event in told):
            raise RefusedInput("a refusal is an event here")
        session.take_commands()
        assert len(session._open) <= 1_000

    return take


DEAR = {"batch created": 35, "batch canceled": 35, "fill": 35, "user_order": 45, "market_position": 30}


def targets() -> list[Target]:
    replies = [
        Target(
            name=f"reply: {name}",
            what="core/exchange",
            examples=rows,
            make=always(take),
            refusals=REFUSED,
            cost=DEAR.get(name, 15),
        )
        for name, rows, take in REPLIES
    ]
    frames = [
        Target(
            name=f"frame: {kind}",
            what="core/exchange/session.py",
            examples=partial(frames_of, kind),
            make=hearing,
            refusals=REFUSED,
            cost=DEAR.get(kind, 15),
        )
        for kind in TYPES
    ]
    rest = "core/exchange/rest.py"
    return [
        *replies,
        *frames,
        Target(name="error body", what="core/exchange/wire.py", examples=_errors, make=always(_error_taken)),
        Target(name="header retry-after", what=rest, examples=_retry_after, make=always(_held)),
        Target(name="header date", what=rest, examples=_dates, make=_dated),
        Target(
            name="exchange address",
            what="core/exchange/network.py",
            examples=_addresses,
            make=always(_addressed),
            refusals=(BadInput,),
        ),
        Target(
            name="private key",
            what="core/exchange/signing.py",
            examples=lambda: [support.pem(support.ed_key())],
            make=always(_key),
            refusals=(BadInput,),
        ),
    ]

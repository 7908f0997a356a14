"""A whole session, both ends: every request, reply, command and frame that passes between them fits the documents."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest

from core.assembly import Trader
from core.config import Settings
from core.domain.amounts import Price, contracts
from core.domain.commands import AmendOrder, CancelOrder, Liquidate, Panic, Pause, PlaceOrder, Recalibrate, Resume
from core.domain.enums import BookSide
from core.lab.world import run_world
from core.sim.auth import generate_private_key
from core.sim.connection import Connection
from core.sim.feed import FeedSession
from core.sim.rest import RestApi, RestReply, RestRequest
from tests.facts import openapi, validate_command, validate_frame, validate_reply, validate_request

PREFIX = "/trade-api/v2"


def template_of(method: str, path: str) -> str:
    """The documented path that a real one is an instance of; literal ones first."""
    parts = path.split("/")
    found = []
    for known, operations in openapi()["paths"].items():
        wanted = known.split("/")
        fits = len(wanted) == len(parts) and all(
            w == p or (w.startswith("{") and p) for w, p in zip(wanted, parts, strict=True)
        )
        if fits and method.lower() in operations:
            found.append((known.count("{"), known))
    assert found, f"{method} {path} is in no document"
    return min(found)[1]


class Wiretap:
    """Validates as it listens; keeps counts, so that silence is not taken for agreement."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.requests: dict[str, int] = {}
        self.frames: dict[str, int] = {}
        self.commands: dict[str, int] = {}
        handle, on_text = RestApi.handle, FeedSession.on_text

        def tapped_handle(api: RestApi, wanted: RestRequest, *rest: Any) -> RestReply:
            reply = handle(api, wanted, *rest)
            self.on_request(wanted, reply)
            return reply

        def tapped_text(session: FeedSession, text: Any, now_ns: int) -> Any:
            self.on_command(text)
            return on_text(session, text, now_ns)

        patch.setattr(RestApi, "handle", tapped_handle)
        patch.setattr(FeedSession, "on_text", tapped_text)
        offer = Connection._offer

        def tapped_offer(connection: Connection, frame: bytes, *rest: Any) -> Any:
            self.on_frame(frame)
            return offer(connection, frame, *rest)

        patch.setattr(Connection, "_offer", tapped_offer)

    def on_request(self, wanted: RestRequest, reply: RestReply) -> None:
        target, _, query = wanted.raw_target.partition("?")
        template = template_of(wanted.method, target.removeprefix(PREFIX))
        key = f"{wanted.method} {template}"
        self.requests[key] = self.requests.get(key, 0) + 1
        if wanted.body:
            validate_request(wanted.method, template, json.loads(wanted.body))
        documented = {p.get("name") for p in openapi()["paths"][template][wanted.method.lower()].get("parameters", [])}
        unknown = {name for name, _ in parse_qsl(query)} - documented
        assert not unknown or None in documented, (key, unknown)
        validate_reply(wanted.method, template, reply.status, json.loads(reply.body) if reply.body else None)

    def on_command(self, text: Any) -> None:
        command = json.loads(text)
        validate_command(command)
        self.commands[command["cmd"]] = self.commands.get(command["cmd"], 0) + 1

    def on_frame(self, frame: bytes) -> None:
        decoded = json.loads(frame)
        validate_frame(decoded)
        self.frames[decoded["type"]] = self.frames.get(decoded["type"], 0) + 1


def test_everything_both_sides_say_in_a_session_fits_the_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    tap = Wiretap(monkeypatch)
    second = 0

    def act(trader: Trader) -> None:
        nonlocal second
        second += 1
        own = [o for o in trader.snapshot.orders if o.ownership == "own" and o.price == Price(1_000)]
        match second:
            case 10:
                ticker = next(b.ticker for b in trader.snapshot.books if b.trusted)
                trader.submit(
                    PlaceOrder(ticker=ticker, side=BookSide.BID, price=Price(1_000), count=contracts(2), post_only=True)
                )
            case 12:
                trader.submit(
                    AmendOrder(client_order_id=own[0].client_order_id, price=Price(1_000), count=contracts(1))
                )
            case 13:
                trader.submit(
                    AmendOrder(client_order_id=own[0].client_order_id, price=Price(1_000), count=contracts(2))
                )
            case 14:
                trader.submit(CancelOrder(client_order_id=own[0].client_order_id))
            case 16:
                trader.submit(Recalibrate())
            case 20:
                trader.submit(Pause())
            case 23:
                trader.submit(Resume())
            case 26:
                trader.submit(Panic())
            case 32:
                trader.submit(Liquidate())

    trader, snapshot, exit_view = run_world(Settings.model_validate({}), 7, 42, generate_private_key(), act)
    assert exit_view.code == 0
    assert trader.final is not None
    assert (trader.final.orders, trader.final.positions, trader.final.cash) == (0, 0, 0)
    assert not [p for p in snapshot.positions if p.count]
    assert set(tap.requests) >= {
        "POST /portfolio/events/orders",
        "DELETE /portfolio/events/orders/{order_id}",
        "POST /portfolio/events/orders/batched",
        "DELETE /portfolio/events/orders/batched",
        "POST /portfolio/events/orders/{order_id}/amend",
        "POST /portfolio/events/orders/{order_id}/decrease",
        "GET /portfolio/orders",
        "GET /portfolio/positions",
        "GET /portfolio/balance",
        "GET /portfolio/fills",
        "GET /exchange/status",
        "GET /account/limits",
        "GET /events",
        "POST /portfolio/order_groups/create",
        "PUT /portfolio/order_groups/{order_group_id}/trigger",
    }
    assert set(tap.frames) >= {
        "subscribed", "orderbook_snapshot", "orderbook_delta", "ticker", "trade", "fill", "user_order",
        "market_position",
    }  # fmt: skip
    assert set(tap.commands) >= {"subscribe"}
    assert sum(tap.frames.values()) > 1_000

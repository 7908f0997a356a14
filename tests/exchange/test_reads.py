"""Reads: pages, retries, budgets; nothing left out is ever taken for absent."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web

from core.domain.effects import ReadKind
from core.domain.events import (
    BalanceRead,
    ExchangeStatusRead,
    FillsRead,
    LimitsRead,
    MarketsRead,
    OrderLookedUp,
    OrdersRead,
    PositionsRead,
    ReadFailed,
    SettlementsRead,
)
from core.domain.ids import ClientOrderId, OrderId
from core.domain.market import FeeSchedule
from core.exchange import rest

from .support import (
    MARKET,
    Handler,
    client_of,
    event_row,
    fill_row,
    market_row,
    order_row,
    read,
    reply,
    scripted,
)
from .test_write_outcomes import nowhere


@pytest.fixture(autouse=True)
def quick_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "BACKOFF_BASE_S", 0.01)


def by_query(name: str, answers: dict[str, object]) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        return await reply(answers[request.query.get(name, "")])(request)

    return answer


def in_turn(*answers: tuple[int, object]) -> Handler:
    left = list(answers)

    async def answer(request: web.Request) -> web.StreamResponse:
        status, body = left.pop(0) if len(left) > 1 else left[0]
        return await reply(body, status)(request)

    return answer


STATUS = {"exchange_active": True, "trading_active": False}


async def test_simple_reads_give_their_facts() -> None:
    bucket = {"refill_rate": 300, "bucket_capacity": 600}
    for kind, body, expected in (
        (ReadKind.EXCHANGE_STATUS, STATUS, ExchangeStatusRead),
        (ReadKind.LIMITS, {"usage_tier": "advanced", "read": bucket, "write": bucket, "grants": []}, LimitsRead),
        (ReadKind.BALANCE, {"balance": 1, "balance_dollars": "0.0199", "updated_ts": 1}, BalanceRead),
        (ReadKind.POSITIONS, {"market_positions": [], "event_positions": []}, PositionsRead),
    ):  # fmt: skip
        async with scripted(reply(body)) as server, client_of(server.endpoints) as client:
            fact = await client.perform(read(kind))
            assert isinstance(fact, expected), fact
            assert fact.request_id == 7
            if kind is ReadKind.LIMITS:
                assert client.stats().read_tokens <= 200 and client._api.budget.read.capacity == 600


async def test_exchange_that_is_down_says_so_by_the_body_of_its_503() -> None:
    async with scripted(reply(STATUS, 503)) as server, client_of(server.endpoints) as client:
        fact = await client.perform(read(ReadKind.EXCHANGE_STATUS))
    assert isinstance(fact, ExchangeStatusRead) and not fact.trading_active
    assert len(server.seen) == 1


async def test_all_pages_are_read_and_rows_seen_twice_count_once() -> None:
    pages = {
        "": {"orders": [order_row("a"), order_row("b")], "cursor": "p 2&x"},
        "p 2&x": {"orders": [order_row("b", fill_count_fp="3.00"), order_row("c")], "cursor": ""},
    }
    async with scripted(by_query("cursor", pages)) as server, client_of(server.endpoints) as client:
        fact = await client.perform(read(ReadKind.ORDERS))
    assert isinstance(fact, OrdersRead)
    assert [order.order_id for order in fact.orders] == ["a", "b", "c"]
    assert fact.orders[1].filled == 300
    assert "status=resting" in server.seen[0][1] and "limit=1000" in server.seen[0][1]


async def test_cursor_that_comes_back_fails_the_read() -> None:
    pages = {"": {"orders": [], "cursor": "x"}, "x": {"orders": [], "cursor": "y"}, "y": {"orders": [], "cursor": "x"}}
    async with scripted(by_query("cursor", pages)) as server, client_of(server.endpoints) as client:
        fact = await client.perform(read(ReadKind.ORDERS))
    assert isinstance(fact, ReadFailed) and "cursor came back" in fact.reason
    assert len(server.seen) == 3


async def test_endless_pages_are_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    from core.exchange import reads

    monkeypatch.setattr(reads, "ACCOUNT_PAGES_MAX", 5)
    number = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal number
        number += 1
        return await reply({"fills": [], "cursor": str(number)})(request)

    async with scripted(answer) as server, client_of(server.endpoints) as client:
        assert isinstance(await client.perform(read(ReadKind.FILLS)), ReadFailed)
    assert len(server.seen) == 5


async def test_page_that_fails_fails_the_whole_read() -> None:
    pages = {"": {"orders": [order_row("a")], "cursor": "x"}, "x": {"orders": [{"order_id": "b"}], "cursor": ""}}
    async with scripted(by_query("cursor", pages)) as server, client_of(server.endpoints) as client:
        fact = await client.perform(read(ReadKind.ORDERS))
        assert client.stats().refused_bodies == 1
    assert isinstance(fact, ReadFailed) and not fact.fatal


async def test_fills_come_oldest_first_from_the_second_asked() -> None:
    rows = [
        fill_row("t3", created_time="2026-11-20T12:00:03Z"),
        fill_row("t2", created_time="2026-11-20T12:00:02Z"),
        fill_row("t1", created_time="2026-11-20T12:00:02Z"),
    ]
    async with scripted(reply({"fills": rows, "cursor": ""})) as server, client_of(server.endpoints) as client:
        fact = await client.perform(read(ReadKind.FILLS, since_ms=1_795_176_001_999))
    assert isinstance(fact, FillsRead)
    assert [fill.trade_id for fill in fact.fills] == ["t1", "t2", "t3"]
    assert "min_ts=1795176001&" in server.seen[0][1]


# ---- one order ---------------------------------------------------------------------------------------------------


async def test_order_is_read_by_its_id_when_known() -> None:
    async with scripted(reply({"order": order_row("a")})) as server, client_of(server.endpoints) as client:
        fact = await client.perform(
            read(ReadKind.ORDER, order_id=OrderId("a"), client_order_id=ClientOrderId("cl-a"), ticker=MARKET)
        )
    assert isinstance(fact, OrderLookedUp) and fact.report is not None and fact.report.order_id == "a"
    assert [path for _, path, _, _ in server.seen] == ["/trade-api/v2/portfolio/orders/a"]


async def test_order_without_id_is_looked_for_by_client_id_in_all_states() -> None:
    rows = [order_row("a"), order_row("b", status="canceled")]
    async with scripted(reply({"orders": rows, "cursor": ""})) as server, client_of(server.endpoints) as client:
        fact = await client.perform(read(ReadKind.ORDER, client_order_id=ClientOrderId("cl-b"), ticker=MARKET))
        absent = await client.perform(read(ReadKind.ORDER, client_order_id=ClientOrderId("cl-z"), ticker=MARKET))
    assert isinstance(fact, OrderLookedUp) and fact.report is not None and fact.report.order_id == "b"
    assert isinstance(absent, OrderLookedUp) and absent.report is None
    assert f"ticker={MARKET}" in server.seen[0][1] and "status" not in server.seen[0][1]


async def test_absent_by_id_is_not_believed_before_the_list_says_the_same() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/a"):
            return await reply({"error": {"code": "not_found"}}, 404)(request)
        return await reply({"orders": [order_row("a")], "cursor": ""})(request)

    async with scripted(answer) as server, client_of(server.endpoints) as client:
        fact = await client.perform(
            read(ReadKind.ORDER, order_id=OrderId("a"), client_order_id=ClientOrderId("cl-a"), ticker=MARKET)
        )
    assert isinstance(fact, OrderLookedUp) and fact.report is not None


async def test_failed_look_up_is_never_absent() -> None:
    async with scripted(reply({}, 500)) as server, client_of(server.endpoints) as client:
        fact = await client.perform(read(ReadKind.ORDER, client_order_id=ClientOrderId("cl-a"), ticker=MARKET))
    assert isinstance(fact, ReadFailed) and fact.status == 500


# ---- markets -----------------------------------------------------------------------------------------------------


async def test_markets_of_all_pages_come_with_the_fees_of_their_series() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/series/KXHAT"):
            body = {"series": {"ticker": "KXHAT", "fee_type": "quadratic_with_maker_fees", "fee_multiplier": 0.5}}
            return await reply(body)(request)
        if request.path.endswith("/series/KXSHOE"):
            return await reply({"error": {"code": "not_found"}}, 404)(request)
        if "cursor" in request.query:
            shoe = market_row("KXSHOE-1-A", event_ticker="KXSHOE-1")
            event = event_row([shoe], event_ticker="KXSHOE-1", series_ticker="KXSHOE")
            return await reply({"events": [event], "cursor": ""})(request)
        assert request.query["status"] == "open" and request.query["with_nested_markets"] == "true"
        return await reply({"events": [event_row([market_row(), {"ticker": "broken"}])], "cursor": "2"})(request)

    async with scripted(answer) as server, client_of(server.endpoints) as client:
        fact = await client.perform(read(ReadKind.MARKETS))
        assert client.stats().refused_bodies == 2
    assert isinstance(fact, MarketsRead)
    assert [(market.ticker, market.fees) for market in fact.markets] == [
        (MARKET, FeeSchedule(taker_rate=350, maker_rate=88)),
        ("KXSHOE-1-A", None),
    ]


# ---- trouble -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 408])
async def test_trouble_is_asked_again_and_passes(status: int) -> None:
    answer = in_turn((status, {}), (status, {}), (200, {"orders": [], "cursor": ""}))
    async with scripted(answer) as server, client_of(server.endpoints) as client:
        assert isinstance(await client.perform(read(ReadKind.ORDERS)), OrdersRead)
        stats = client.stats()
    assert len(server.seen) == 3
    assert stats.retries == 2 and stats.limited == (2 if status == 429 else 0)


async def test_tries_are_bounded() -> None:
    async with scripted(reply({}, 500)) as server, client_of(server.endpoints) as client:
        fact = await client.perform(read(ReadKind.ORDERS))
        assert isinstance(fact, ReadFailed) and not fact.fatal
        assert len(server.seen) == rest.READ_TRIES
        for _ in range(8):
            await client.perform(read(ReadKind.ORDERS))
        # One retry budget for all reads: an outage never turns into a storm.
        assert len(server.seen) <= 9 + rest.RETRY_BURST + 2


@pytest.mark.parametrize("status", [401, 403])
async def test_refused_key_is_fatal_at_once(status: int) -> None:
    body = {"error": {"code": "authentication_error", "details": "NOT_FOUND"}}
    async with scripted(reply(body, status)) as server, client_of(server.endpoints) as client:
        fact = await client.perform(read(ReadKind.BALANCE))
    assert isinstance(fact, ReadFailed) and fact.fatal and fact.status == status
    assert len(server.seen) == 1


async def test_expired_signature_is_signed_once_more_and_then_fatal() -> None:
    expired = (401, {"error": {"code": "header_timestamp_expired", "message": "x"}})
    async with scripted(in_turn(expired, (200, STATUS))) as server, client_of(server.endpoints) as client:
        assert isinstance(await client.perform(read(ReadKind.EXCHANGE_STATUS)), ExchangeStatusRead)
    async with scripted(in_turn(expired)) as server, client_of(server.endpoints) as client:
        fact = await client.perform(read(ReadKind.EXCHANGE_STATUS))
    assert isinstance(fact, ReadFailed) and fact.fatal
    assert len(server.seen) == 2


@pytest.mark.parametrize("status", [400, 404, 409, 418, 301])
async def test_definite_no_is_not_asked_again(status: int) -> None:
    async with scripted(reply({"msg": "no"}, status)) as server, client_of(server.endpoints) as client:
        fact = await client.perform(read(ReadKind.POSITIONS))
    assert isinstance(fact, ReadFailed) and not fact.fatal
    assert len(server.seen) == 1


async def test_nobody_there_fails_the_read_without_a_status() -> None:
    async with client_of(nowhere()) as client:
        fact = await client.perform(read(ReadKind.ORDERS))
    assert isinstance(fact, ReadFailed) and fact.status == 0 and not fact.fatal


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"orders": 5}', b"[" * 100_000, b"\xff"])
async def test_body_that_is_no_value_fails_the_read_and_is_counted(body: bytes) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=body)

    async with scripted(answer) as server, client_of(server.endpoints) as client:
        assert isinstance(await client.perform(read(ReadKind.ORDERS)), ReadFailed)
        assert client.stats().refused_bodies == 1


async def test_reads_run_together() -> None:
    together, arrived = asyncio.Event(), 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal arrived
        arrived += 1
        if arrived == 3:
            together.set()
        await asyncio.wait_for(together.wait(), 5)
        return web.Response(text=json.dumps({"orders": [], "cursor": ""}))

    async with scripted(answer) as server, client_of(server.endpoints) as client:
        facts = await asyncio.gather(*(client.perform(read(ReadKind.ORDERS)) for _ in range(3)))
    assert all(isinstance(fact, OrdersRead) for fact in facts)


# ---- settlements -------------------------------------------------------------------------------------------------


def settlement_row(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "ticker": MARKET, "exchange_index": 0, "event_ticker": "KXHAT-26NOV20", "market_result": "no",
        "yes_count_fp": "0.00", "yes_total_cost_dollars": "0.000000", "no_count_fp": "3.50",
        "no_total_cost_dollars": "1.000000", "revenue": 350, "settled_time": "2026-11-21T07:00:00Z",
        "fee_cost": "0.010000", "value": 0,
    }  # fmt: skip
    return {**row, **changes}


async def test_a_settlement_tells_the_position_held_and_the_cents_that_came() -> None:
    body = {"settlements": [settlement_row(), settlement_row(ticker="B", yes_count_fp="1.00", no_count_fp="0.00")]}
    async with scripted(reply(body)) as server, client_of(server.endpoints) as client:
        fact = await client.perform(read(ReadKind.SETTLEMENTS, since_ms=1_795_176_001_999))
    assert isinstance(fact, SettlementsRead)
    assert [(s.ticker, s.position, s.paid) for s in fact.settlements] == [
        (MARKET, -350, 3_500_000),
        ("B", 100, 3_500_000),
    ]
    assert server.seen[0][1].startswith("/trade-api/v2/portfolio/settlements?min_ts=1795176001&")


@pytest.mark.parametrize(
    "bad", [{"revenue": -1}, {"revenue": "3"}, {"revenue": 10**15}, {"settled_time": "then"}, {"ticker": ""}]
)
async def test_a_bad_settlement_fails_the_read(bad: dict[str, object]) -> None:
    body = {"settlements": [settlement_row(), settlement_row(**bad)]}
    async with scripted(reply(body)) as server, client_of(server.endpoints) as client:
        assert isinstance(await client.perform(read(ReadKind.SETTLEMENTS)), ReadFailed)

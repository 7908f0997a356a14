"""The stream over a real loopback socket; every frame is checked against the documented shapes by the client."""

import asyncio
import json
from collections import defaultdict
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from core.domain.amounts import Money
from core.domain.enums import BookSide
from core.sim import connection as connection_module
from core.sim.facts import Fact
from core.sim.feed import FeedSession
from tests.facts import validate_frame
from tests.sim.support import NOW, Client, bare_venue, member, running, wish


def best_markets(server: Any) -> list[str]:
    return [m.ticker for m in sorted(server.venue.markets.values(), key=lambda m: m.activity)]


async def test_one_sid_per_channel_and_subscribed_has_no_seq() -> None:
    async with running() as (server, client), client.stream() as stream:
        await stream.send("subscribe", channels=["ticker", "trade"], market_ticker=best_markets(server)[0])
        first, second = await stream.until("subscribed"), await stream.until("subscribed")
        assert (first["msg"], second["msg"]) == ({"channel": "ticker", "sid": 1}, {"channel": "trade", "sid": 2})
        assert first["id"] == second["id"] == 1 and "seq" not in first and "sid" not in first
        await stream.send("list_subscriptions")
        assert (await stream.until("ok"))["msg"] == [{"channel": "ticker", "sid": 1}, {"channel": "trade", "sid": 2}]


async def test_books_follow_the_deltas_and_seq_has_no_hole() -> None:
    async with running(alive=12) as (server, client), client.stream() as stream:
        tickers = best_markets(server)
        await stream.send("subscribe", channels=["orderbook_delta"], market_tickers=tickers[:6])
        await stream.send("update_subscription", sid=1, action="add_markets", market_tickers=tickers[6:])
        await asyncio.sleep(2)
        await stream.send("unsubscribe", sids=[1])
        last = await stream.until("unsubscribed")
        numbered = [f["seq"] for f in stream.frames if "seq" in f]
        assert numbered == list(range(1, last["seq"] + 1)) and len(numbered) > 50
        books: Any = defaultdict(lambda: defaultdict(Decimal))
        clocks: dict[str, int] = {}
        for frame in stream.frames:
            msg = frame.get("msg", {})
            if frame["type"] == "orderbook_snapshot":
                for side in ("yes", "no"):
                    for price, size in msg.get(f"{side}_dollars_fp", []):
                        books[msg["market_ticker"]][side, price] = Decimal(size)
            elif frame["type"] == "orderbook_delta":
                assert msg["clock"] >= clocks.get(msg["market_ticker"], 0)
                books[msg["market_ticker"]][msg["side"], msg["price_dollars"]] += Decimal(msg["delta_fp"])
            if "clock" in msg:
                clocks[msg["market_ticker"]] = msg["clock"]
        for ticker in tickers:
            assert all(size >= 0 for size in books[ticker].values())
            yes = max(Decimal(p) for (side, p), size in books[ticker].items() if side == "yes" and size)
            no = max(Decimal(p) for (side, p), size in books[ticker].items() if side == "no" and size)
            assert yes + no < 1


async def test_a_quiet_book_rebuilt_from_the_stream_is_the_books_of_the_venue() -> None:
    async with running() as (server, client), client.stream() as stream:
        ticker = best_markets(server)[0]
        await stream.send("subscribe", channels=["orderbook_delta"], market_ticker=ticker, use_yes_price=True)
        await asyncio.sleep(1)
        server.venue.life.pause(ticker, server.venue.now_ns)
        await asyncio.sleep(0.2)
        await stream.send("update_subscription", sids=[1], action="get_snapshot", market_tickers=[ticker])
        levels: Any = defaultdict(Decimal)
        snapshots = 0
        while snapshots < 2:
            frame = await stream.next()
            msg = frame["msg"]
            if frame["type"] == "orderbook_snapshot":
                snapshots += 1
                shown = {(side, p): Decimal(s) for side in ("yes", "no") for p, s in msg.get(f"{side}_dollars_fp", [])}
                if snapshots == 1:
                    levels |= shown
                else:
                    assert {k: v for k, v in levels.items() if v} == shown
            elif frame["type"] == "orderbook_delta":
                levels[msg["side"], msg["price_dollars"]] += Decimal(msg["delta_fp"])
        market = server.venue.markets[ticker]
        asks = {("no", f"0.{price:04d}") for price, _size in market.book.asks.levels()}
        assert {key for key in shown if key[0] == "no"} == asks


async def test_a_second_subscribe_merges_into_the_sid_with_ok() -> None:
    async with running() as (server, client), client.stream() as stream:
        one, two = best_markets(server)[-2:]
        await stream.send("subscribe", channels=["orderbook_delta"], market_ticker=one)
        await stream.until("orderbook_snapshot")
        await stream.send("subscribe", channels=["orderbook_delta"], market_tickers=[one, two])
        ok = await stream.until("ok")
        assert (ok["sid"], ok["id"], ok["msg"]) == (1, 2, {"market_tickers": [one, two]})
        assert (await stream.until("orderbook_snapshot"))["msg"]["market_ticker"] == two
        await stream.send("update_subscription", sids=[1], action="delete_markets", market_tickers=[one])
        assert (await stream.until("ok"))["msg"] == {"market_tickers": [two]}
        params = {"channels": ["orderbook_delta"], "market_tickers": [one], "skip_ticker_ack": True}
        await stream.send("subscribe", **params)
        assert "msg" not in await stream.until("ok")


async def test_private_facts_reach_their_owner_in_order_and_nobody_else() -> None:
    async with running() as (server, client), client.stream() as stream:
        ticker = best_markets(server)[0]
        channels = ["orderbook_delta", "fill", "user_orders", "market_positions"]
        await stream.send("subscribe", channels=channels, market_ticker=ticker)
        for _ in channels:
            await stream.until("subscribed")
        resting = await client.order(ticker, "bid", "0.0100", "2.00", client_order_id="own")
        delta = await stream.until("orderbook_delta", price_dollars="0.0100")
        assert (delta["msg"]["client_order_id"], delta["msg"]["delta_fp"]) == ("own", "2.00")
        made = await stream.until("user_order")
        assert (made["msg"]["order_id"], made["msg"]["status"]) == (resting["order_id"], "resting")
        assert "last_update_reason" not in made["msg"] and "seq" not in made
        taken = await client.order(ticker, "ask", "0.0100", "1.00", self_trade_prevention_type="maker")
        fill = await stream.until("fill")
        assert fill["msg"]["order_id"] == taken["order_id"] and fill["msg"]["post_position_fp"] == "-1.00"
        assert (fill["msg"]["book_side"], fill["msg"]["outcome_side"]) == ("ask", "no")
        done = await stream.until("user_order", order_id=taken["order_id"])
        assert (done["msg"]["status"], done["msg"]["last_update_reason"]) == ("executed", "Trade")
        held = await stream.until("market_position")
        assert held["msg"]["position_fp"] == "-1.00"
        await client.cancel(resting["order_id"])
        gone = await stream.until("user_order", order_id=resting["order_id"])
        assert (gone["msg"]["status"], gone["msg"]["remaining_count_fp"]) == ("canceled", "0.00")
        assert {f["msg"]["user_id"] for f in stream.frames if f["type"] == "user_order"} == {server.account.user_id}


async def test_two_members_trade_and_each_is_told_its_half() -> None:
    async with running() as (server, client):
        server.add_account("bob", client.endpoint.private_key_pem, Money(10**8))
        own = client.endpoint
        bob = Client(type(own)(own.rest_url, own.ws_url, "bob", own.private_key_pem, own.exchange_id), client.http)
        ticker = best_markets(server)[0]
        # Nobody else may quote here while they trade: the exchange's time stands still.
        server.pace.set_speed(0)
        server.catch_up()
        for order in server.venue.resting_in(server.venue.markets[ticker]):
            server.venue.withdraw(order, server.venue.now_ns)
        async with client.stream() as ann_stream, bob.stream() as bob_stream:
            for stream in (ann_stream, bob_stream):
                await stream.send("subscribe", channels=["fill"])
                await stream.until("subscribed")
            async with asyncio.timeout(5):
                await client.order(ticker, "ask", "0.5000", "1.00", client_order_id="a")
                await bob.order(ticker, "bid", "0.9900", "1.00", client_order_id="b")
            half, other = await ann_stream.until("fill"), await bob_stream.until("fill")
            assert half["msg"]["client_order_id"] == "a" and not half["msg"]["is_taker"]
            assert other["msg"]["client_order_id"] == "b" and other["msg"]["is_taker"]


async def test_lifecycle_tells_pause_and_resume() -> None:
    async with running() as (server, client), client.stream() as stream:
        ticker = best_markets(server)[0]
        await stream.send("subscribe", channels=["market_lifecycle_v2"])
        await stream.until("subscribed")
        life = server.venue.life
        for step, kind in ((life.pause, "deactivated"), (life.resume, "activated")):
            step(ticker, server.venue.now_ns)
            assert (await stream.until("market_lifecycle_v2"))["msg"]["event_type"] == kind


async def test_tickers_start_with_a_snapshot_where_asked_for() -> None:
    async with running() as (server, client), client.stream() as stream:
        tickers = best_markets(server)[:3]
        await stream.send("subscribe", channels=["ticker"], market_tickers=tickers, send_initial_snapshot=True)
        first = [await stream.until("ticker") for _ in tickers]
        assert {f["msg"]["market_ticker"] for f in first} == set(tickers)
        by_id = server.venue.markets[best_markets(server)[4]].market_id
        await stream.send("subscribe", channels=["ticker"], market_ids=[by_id])
        assert len((await stream.until("ok"))["msg"]["market_tickers"]) == 4


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", 1),
        ("[]", 1),
        ('{"id":1}', 5),
        ('{"id":1,"cmd":"dance","params":{}}', 5),
        ('{"id":1,"cmd":"subscribe"}', 2),
        ('{"id":1,"cmd":"subscribe","params":{}}', 3),
        ('{"id":1,"cmd":"subscribe","params":{"channels":["nope"]}}', 8),
        ('{"id":1,"cmd":"subscribe","params":{"channels":[7]}}', 8),
        ('{"id":1,"cmd":"subscribe","params":{"channels":["orderbook_delta"]}}', 14),
        ('{"id":1,"cmd":"subscribe","params":{"channels":["ticker"],"market_tickers":["NOPE"]}}', 11),
        ('{"id":1,"cmd":"subscribe","params":{"channels":["ticker"],"market_tickers":"x"}}', 11),
        ('{"id":-1,"cmd":"list_subscriptions"}', 11),
        ('{"id":1,"cmd":"unsubscribe","params":{}}', 4),
        ('{"id":1,"cmd":"unsubscribe","params":{"sids":[9]}}', 7),
        ('{"id":1,"cmd":"update_subscription","params":{"sids":[1,2]}}', 12),
        ('{"id":1,"cmd":"update_subscription","params":{"sid":1}}', 15),
        ('{"id":1,"cmd":"update_subscription","params":{"sid":1,"action":"fly"}}', 13),
        ('{"id":1,"cmd":"update_subscription","params":{"sid":1,"action":"get_snapshot"}}', 14),
        ('{"id":1,"cmd":"update_subscription","params":{"sid":[],"action":"get_snapshot"}}', 7),
        ("[" * 50_000, 1),
    ],
)
def test_bad_commands_are_answered_with_their_code(text: str, code: int) -> None:
    frames: list[Any] = []
    venue = bare_venue()

    def send(frame: bytes, _channel: str) -> bool:
        frames.append(json.loads(frame))
        validate_frame(frames[-1])
        return True

    session = FeedSession(venue, member(venue), send)
    first = {"id": 3, "cmd": "subscribe", "params": {"channels": ["orderbook_delta"], "market_ticker": _first(venue)}}
    session.on_text(json.dumps(first), NOW)
    session.on_text(text, NOW)
    assert (frames[-1]["type"], frames[-1]["msg"]["code"]) == ("error", code)


def _first(venue: Any) -> str:
    return str(next(iter(venue.markets)))


def test_an_empty_book_is_a_snapshot_without_ladders_at_clock_zero_and_id_zero_is_not_echoed() -> None:
    frames: list[Any] = []
    venue = bare_venue()
    session = FeedSession(venue, member(venue), lambda frame, _reply: frames.append(json.loads(frame)) or True)
    command = {"id": 0, "cmd": "subscribe", "params": {"channels": ["orderbook_delta"], "market_ticker": _first(venue)}}
    session.on_text(json.dumps(command), NOW)
    assert "id" not in frames[0]
    assert set(frames[1]["msg"]) == {"market_ticker", "market_id", "clock"} and frames[1]["msg"]["clock"] == 0


def test_a_full_buffer_ends_the_subscription_with_error_25() -> None:
    frames: list[Any] = []
    venue = bare_venue()
    ann, room = member(venue), 3

    def send(frame: bytes, channel: str) -> bool:
        if channel and len(frames) >= room:
            return False
        frames.append(json.loads(frame))
        validate_frame(frames[-1])
        return True

    session = FeedSession(venue, ann, send)
    command = {"id": 1, "cmd": "subscribe", "params": {"channels": ["orderbook_delta"], "market_ticker": _first(venue)}}
    session.on_text(json.dumps(command), NOW)
    for price in (1_000, 1_100, 1_200):
        venue.place(ann, wish(_first(venue), BookSide.BID, price, 100), NOW)
    for event in venue.take_events():
        session.on_fact(Fact(event), NOW)
    assert frames[-1]["msg"] == {"code": 25, "msg": "Subscription buffer overflow"}
    assert len([f for f in frames if f["type"] == "error"]) == 1


def test_an_own_change_carries_its_client_id_whatever_is_in_it() -> None:
    frames: list[Any] = []
    venue = bare_venue()
    ann = member(venue)

    def send(frame: bytes, _channel: str) -> bool:
        frames.append(json.loads(frame))
        return True

    session = FeedSession(venue, ann, send)
    command = {"id": 1, "cmd": "subscribe", "params": {"channels": ["orderbook_delta"], "market_ticker": _first(venue)}}
    session.on_text(json.dumps(command), NOW)
    for name in ('"}],\\ \u00fc\n', ""):
        venue.place(ann, wish(_first(venue), BookSide.BID, 1_000, 100, client_order_id=name), NOW)
    for event in venue.take_events():
        session.on_fact(Fact(event), NOW)
    deltas = [frame["msg"] for frame in frames if frame["type"] == "orderbook_delta"]
    assert [d.get("client_order_id") for d in deltas] == ['"}],\\ \u00fc\n', None]
    assert [d["subaccount"] for d in deltas] == [0, 0]


async def test_a_reader_that_never_reads_loses_its_subscription_and_hurts_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection_module, "QUEUE_LIMIT", 200)
    async with running() as (server, client), client.stream() as slow:
        tickers = best_markets(server)
        await slow.send("subscribe", channels=["orderbook_delta"], market_tickers=tickers)
        for _ in range(2_500):
            await slow.send("update_subscription", sid=1, action="get_snapshot", market_tickers=tickers)
        async with client.stream() as quick:
            await quick.send("subscribe", channels=["ticker"])
            await quick.until("ticker")
        errors = []
        async with asyncio.timeout(20):
            async for message in slow.socket:
                if message.type is aiohttp.WSMsgType.TEXT and '"error"' in message.data:
                    errors.append(json.loads(message.data)["msg"]["code"])
                    break
        assert errors == [25]


async def test_pings_carry_the_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "PING_EVERY_S", 0.05)
    async with running() as (_server, client), client.stream() as stream:
        async with asyncio.timeout(5):
            message = await stream.socket.receive()
        assert (message.type, bytes(message.data)) == (aiohttp.WSMsgType.PING, b"heartbeat")


async def test_a_plain_request_to_the_stream_path_is_refused() -> None:
    async with running() as (_server, client):
        headers = client.headers("GET", "/trade-api/ws/v2")
        url = client.endpoint.ws_url.replace("ws://", "http://")
        async with client.http.get(url, headers=headers) as reply:
            assert reply.status == 404 and (await reply.json())["error"]["code"] == "not_found"

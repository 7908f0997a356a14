"""The rest of the surface: candles, archive, fee changes, money in and out, subaccounts, scopes, keys, tiers, pages."""

import dataclasses
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from core.domain.amounts import Money
from core.domain.enums import BookSide
from core.sim.fees import FeeRule
from tests.facts import examples
from tests.sim.support import ApiError, Client, running, wish

S = 10**9
CANDLES = "/series/{series_ticker}/markets/{ticker}/candlesticks"


def busiest(server: Any) -> Any:
    return min(server.venue.markets.values(), key=lambda m: m.activity)


def window(server: Any, minutes: int = 1) -> str:
    now = server.venue.now_ns // S
    return f"start_ts={now - 7_200}&end_ts={now + 2 * 86_400}&period_interval={minutes}"


def like(name: str, body: Any) -> None:
    """The documents lack these; the example says what they look like."""

    def shape(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shape(item) for key, item in value.items()}
        if isinstance(value, list):
            return [shape(value[0])] if value else []
        return type(value).__name__

    wanted, found = shape(examples()["rest"][name]["body"]), shape(body)
    for key, value in wanted.items():
        assert found[key] == value or not found[key] or not value, (key, found[key], value)


@pytest.mark.parametrize("minutes", [1, 60, 1440])
async def test_candles_hold_what_traded(minutes: int) -> None:
    async with running(speed=0) as (server, client):
        market = busiest(server)
        path = f"/series/{market.event.series.ticker}/markets/{market.ticker}/candlesticks"
        body = await client.call("GET", f"{path}?{window(server, minutes)}", template=CANDLES)
        rows = body["candlesticks"]
        trades = server.venue.market_trades[market.ticker]
        assert sum(round(float(r["volume_fp"]) * 100) for r in rows) == sum(t.count for t in trades)
        assert all(r["end_period_ts"] % (60 * minutes) == 0 for r in rows)
        traded = [r["price"] for r in rows if r["price"]["open_dollars"]]
        assert traded[0]["open_dollars"] == f"{trades[0].price / 10_000:.4f}"
        assert traded[-1]["close_dollars"] == f"{trades[-1].price / 10_000:.4f}"
        for row in rows:
            for quote in (row["yes_bid"], row["yes_ask"]):
                assert quote["low_dollars"] <= quote["open_dollars"] <= quote["high_dollars"]


async def test_candles_of_several_markets_and_of_an_event() -> None:
    async with running() as (server, client):
        event = busiest(server).event
        tickers = ",".join(m.ticker for m in event.markets)
        many = await client.call("GET", f"/markets/candlesticks?market_tickers={tickers}&{window(server)}")
        assert [row["market_ticker"] for row in many["markets"]] == [m.ticker for m in event.markets]
        path = f"/series/{event.series.ticker}/events/{event.ticker}/candlesticks?{window(server)}"
        one = await client.call("GET", path, template="/series/{series_ticker}/events/{ticker}/candlesticks")
        assert one["market_tickers"] == [m.ticker for m in event.markets]


@pytest.mark.parametrize(
    "query",
    ["", "start_ts=1&end_ts=2", "start_ts=1&end_ts=2&period_interval=5", "start_ts=3&end_ts=2&period_interval=1"],
)
async def test_candles_need_their_window(query: str) -> None:
    async with running() as (server, client):
        market = busiest(server)
        path = f"/series/{market.event.series.ticker}/markets/{market.ticker}/candlesticks?{query}"
        with pytest.raises(ApiError) as caught:
            await client.call("GET", path, template=CANDLES)
        assert caught.value.status == 400 and "msg" in caught.value.body


async def test_what_is_old_moves_to_the_archive() -> None:
    async with running(markets=8, alive=4) as (server, client):
        venue, market = server.venue, busiest(server)
        await client.order(market.ticker, "bid", "0.9900", "2.00", time_in_force="immediate_or_cancel")
        venue.life.move_close(market.ticker, venue.now_ns, venue.now_ns)
        venue.life.determine(market.ticker, "yes", venue.now_ns)
        venue.life.settle(market.ticker, venue.now_ns)
        assert (await client.call("GET", "/historical/markets"))["markets"] == []
        server.pace.step(2 * S)
        server.catch_up()
        venue.live_ns = S
        one = f"/markets/{market.ticker}"
        with pytest.raises(ApiError):
            await client.call("GET", one, template="/markets/{ticker}")
        shown = await client.call("GET", "/historical" + one, template="/historical/markets/{ticker}")
        assert shown["market"]["status"] == "finalized"
        listed = await client.call("GET", "/historical/markets")
        assert [m["ticker"] for m in listed["markets"]] == [market.ticker]
        assert market.ticker not in {m["ticker"] for m in (await client.call("GET", "/markets"))["markets"]}
        for name in ("fills", "orders"):
            assert (await client.call("GET", f"/portfolio/{name}"))[name] == []
            assert (await client.call("GET", f"/historical/{name}"))[name] != []
        assert (await client.call("GET", "/historical/trades?ticker=" + market.ticker))["trades"]
        held = await client.call("GET", "/historical/positions")
        assert [p["ticker"] for p in held["market_positions"]] == [market.ticker]
        path = f"/historical/markets/{market.ticker}/candlesticks?{window(server)}"
        old = await client.call("GET", path, template="/historical/markets/{ticker}/candlesticks")
        assert set(old["candlesticks"][0]) >= {"volume", "open_interest"}
        cutoff = await client.call("GET", "/historical/cutoff")
        assert cutoff["market_settled_ts"] >= shown["market"]["settlement_ts"]


async def test_fee_changes_are_announced() -> None:
    async with running() as (server, client):
        event = busiest(server).event
        life, soon = server.venue.life, server.venue.now_ns + 3_600 * S
        life.change_series_fee(event.series.ticker, FeeRule("quadratic_with_maker_fees", 1_000), soon)
        life.override_event_fee(event.ticker, "quadratic", 500, soon)
        life.override_event_fee(event.ticker, None, None, soon + S)
        rows = (await client.call("GET", "/series/fee_changes"))["series_fee_change_arr"]
        assert [r["fee_type"] for r in rows] == ["quadratic_with_maker_fees"]
        page = await client.call("GET", "/events/fee_changes?limit=1")
        assert page["event_fee_changes"][0]["fee_multiplier_override"] == 0.5
        page = await client.call("GET", f"/events/fee_changes?limit=1&cursor={page['cursor']}")
        assert page["event_fee_changes"][0]["fee_type_override"] is None and page["cursor"] == ""
        server.pace.step(2 * 3_600 * S)
        server.catch_up()
        assert (await client.call("GET", "/series/fee_changes"))["series_fee_change_arr"] == []
        past = await client.call("GET", "/series/fee_changes?show_historical=true")
        assert len(past["series_fee_change_arr"]) == 1


async def test_money_in_and_out_is_listed() -> None:
    async with running() as (server, client):
        server.venue.transfer(server.account, Money(25_000_000), server.venue.now_ns)
        server.venue.transfer(server.account, Money(-5_000_000), server.venue.now_ns)
        status, body = await client.raw("GET", "/portfolio/deposits")
        assert status == 200 and [d["amount_cents"] for d in body["deposits"]] == [2_500]
        like("GET /portfolio/deposits", body)
        status, body = await client.raw("GET", "/portfolio/withdrawals")
        assert [d["amount_cents"] for d in body["withdrawals"]] == [500]
        assert (await client.call("GET", "/portfolio/balance"))["balance"] == 102_000
        assert (await client.raw("GET", "/portfolio/deposits?limit=501"))[0] == 400


async def test_subaccounts_can_be_read_and_not_be_made() -> None:
    async with running() as (_server, client):
        _status, body = await client.raw("GET", "/portfolio/subaccounts/balances")
        like("GET /portfolio/subaccounts/balances", body)
        assert [r["subaccount_number"] for r in body["subaccount_balances"]] == [0]
        assert (await client.raw("GET", "/portfolio/subaccounts/transfers"))[0] == 200
        assert (await client.raw("GET", "/portfolio/subaccounts/netting"))[0] == 200
        for method, path in (("POST", ""), ("POST", "/transfer"), ("PUT", "/netting")):
            status, body = await client.raw(method, "/portfolio/subaccounts" + path, data=b"{}")
            assert (status, body["error"]["code"]) == (403, "forbidden")


async def test_an_account_climbs_from_basic_to_advanced() -> None:
    path = "/account/api_usage_level/upgrade"
    async with running(tier="basic") as (server, client):
        assert (await client.raw("POST", path, data=b""))[0] == 403
        await client.order(busiest(server).ticker, "bid", "0.0200", "1.00")
        assert (await client.call("GET", "/account/limits"))["usage_tier"] == "basic"
        assert (await client.raw("POST", path, data=b""))[0] == 201
        limits = await client.call("GET", "/account/limits")
        assert (limits["usage_tier"], limits["write"]["bucket_capacity"]) == ("advanced", 600)
        assert limits["grants"][0]["level"] == "advanced"
        await client.call("GET", "/account/api_usage_level/volume_progress")
    async with running() as (_server, client):
        assert (await client.call("GET", "/account/limits"))["usage_tier"] == "prestige"
        for _ in range(30):
            await client.call("GET", "/portfolio/balance")


# keys


def _pem(key: Any, form: Any) -> bytes:
    pem: bytes = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return pem


KEYS = {
    "rsa-pkcs1": lambda: _pem(rsa.generate_private_key(65537, 2048), serialization.PrivateFormat.TraditionalOpenSSL),
    "rsa-pkcs8": lambda: _pem(rsa.generate_private_key(65537, 2048), serialization.PrivateFormat.PKCS8),
    "ed25519-pkcs8": lambda: _pem(ed25519.Ed25519PrivateKey.generate(), serialization.PrivateFormat.PKCS8),
}


def _as(client: Client, key_id: str, pem: bytes) -> Client:
    return Client(dataclasses.replace(client.endpoint, key_id=key_id, private_key_pem=pem), client.http)


@pytest.mark.parametrize("kind", KEYS)
async def test_every_kind_of_key_trades_and_listens(kind: str) -> None:
    async with running() as (server, client):
        pem = KEYS[kind]()
        server.add_account("second", pem, Money(10**9))
        other = _as(client, "second", pem)
        order = await other.order(busiest(server).ticker, "bid", "0.0200", "1.00")
        async with other.stream() as stream:
            await stream.send("list_subscriptions")
            assert (await stream.next())["type"] == "ok"
        with pytest.raises(ApiError) as caught:
            await client.cancel(order["order_id"])
        assert caught.value.status == 404, "an order of another account does not exist for this one"
        await other.cancel(order["order_id"])


@pytest.mark.parametrize(
    ("scopes", "reads", "writes", "balances"),
    [
        (("read",), 200, 403, 200),
        (("read", "write::trade"), 200, 201, 200),
        (("read", "write::transfer"), 200, 403, 200),
        (("read::portfolio_balance",), 403, 403, 200),
    ],
)
async def test_a_key_may_do_what_its_scopes_say(scopes: Any, reads: int, writes: int, balances: int) -> None:
    async with running() as (server, client):
        server.add_key("narrow", client.endpoint.private_key_pem, server.account, scopes=scopes)
        narrow = _as(client, "narrow", client.endpoint.private_key_pem)
        body = (
            f'{{"ticker":"{busiest(server).ticker}","side":"bid","price":"0.0200","count":"1.00",'
            '"time_in_force":"good_till_canceled","self_trade_prevention_type":"maker"}'
        )
        assert (await narrow.raw("GET", "/portfolio/orders"))[0] == reads
        assert (await narrow.raw("POST", "/portfolio/events/orders", data=body.encode()))[0] == writes
        assert (await narrow.raw("GET", "/portfolio/balance"))[0] == balances
        with pytest.raises(ValueError, match="write needs read"):
            server.add_key("bad", client.endpoint.private_key_pem, server.account, scopes=("write",))


# pages


async def test_pages_do_not_shift_while_rows_are_added() -> None:
    async with running(alive=0) as (server, client):
        venue, ticker = server.venue, busiest(server).ticker
        for number in range(7):
            venue.place(
                server.account, wish(ticker, BookSide.BID, 100, 100, client_order_id=f"o{number}"), venue.now_ns
            )
        seen, cursor = [], ""
        while True:
            page = await client.call("GET", f"/portfolio/orders?limit=3&cursor={cursor}")
            seen += [o["client_order_id"] for o in page["orders"]]
            cursor = page["cursor"]
            if not cursor:
                break
            venue.place(server.account, wish(ticker, BookSide.BID, 100, 100), venue.now_ns)
        assert seen == [f"o{number}" for number in reversed(range(7))], "newest first, each once"


async def test_texts_of_the_world_arrive_as_they_are() -> None:
    async with running(markets=28, alive=0) as (_server, client):
        events = (await client.call("GET", "/events?with_nested_markets=true"))["events"]
        titles = " ".join(e["title"] + m["title"] + m["yes_sub_title"] for e in events for m in e["markets"])
        for wanted in ("Málaga", "⚽", "\x1b]0;owned\x07", "\u202e", "👩‍👩‍👧‍👦", "\x00", "[link="):
            assert wanted in titles

"""What can be done to an exchange by hand: trades taken back, accounts wiped, orders hit, terms changed."""

from typing import Any

import pytest

from core.domain.amounts import dollars
from core.domain.enums import BookSide, MarketStatus, OrderStatus
from core.sim.errors import Refused
from core.sim.model import MAKER
from core.sim.scenarios import Happening
from tests.sim.support import ApiError, running, wish
from tests.sim.test_faults import first, place
from tests.sim.test_scenarios import Played


def act(server: Any, name: str, **more: Any) -> None:
    server.play(Happening(after=0, act=name, **more))


def buy(played: Played, count: int = 500) -> Any:
    market, venue = played.ranked[0], played.venue
    done = venue.place(played.server.account, wish(market.ticker, BookSide.BID, 9_900, count), venue.now_ns)
    assert done.filled == count
    return market


def quiet() -> Played:
    played = Played(seed=4)
    played.until(1)
    return played


def test_a_trade_is_taken_back_with_its_money_and_its_fee() -> None:
    played = quiet()
    account = played.server.account
    before = account.available
    market = buy(played)
    fills = len(account.fills)
    for _ in range(fills):
        act(played.server, "bust")
    assert (account.available, account.quantity(market.ticker), account.fees) == (before, 0, 0)
    assert len(account.fills) == fills, "what was printed stays listed"
    act(played.server, "bust")
    assert account.available == before, "nothing is taken back twice"
    played.server.check_conservation()


def test_the_trade_before_the_last_can_be_taken_back_too() -> None:
    played = quiet()
    account = played.server.account
    market = buy(played, 100)
    buy(played, 100)
    first_fill = account.fills[0]
    act(played.server, "bust", rank=1)
    assert account.quantity(market.ticker) == 100
    assert account.position(market).fees == account.fills[-1].fee != first_fill.fee + account.fills[-1].fee
    played.server.check_conservation()


async def test_a_wiped_environment_is_as_on_the_first_day() -> None:
    async with running(alive=0) as (server, client):
        market = server.venue.markets[first(server)]
        await place(server, client, "mine")
        house = server._flow.crowd.maker
        server.venue.place(house, wish(market.ticker, BookSide.ASK, 5_000, 300), server.venue.now_ns)
        await place(server, client, "filled", price="0.5000")
        async with client.stream() as stream:
            act(server, "wipe")
            with pytest.raises(AssertionError):
                await stream.next()
        balance = await client.call("GET", "/portfolio/balance")
        assert balance["balance_dollars"] == "1000.0000"
        for path, name in (("orders", "orders"), ("fills", "fills"), ("positions", "market_positions")):
            assert (await client.call("GET", f"/portfolio/{path}"))[name] == []
        assert (await place(server, client, "mine"))[0] == 201, "no client id is remembered"
        assert await client.call("GET", "/exchange/status")


def test_somebody_hits_what_rests() -> None:
    played = quiet()
    account, market = played.server.account, played.ranked[0]
    bid = market.book.bids.best
    assert bid is not None
    order = played.venue.place(account, wish(market.ticker, BookSide.BID, bid, 400), played.venue.now_ns).order
    act(played.server, "hit", by=25)
    assert (order.filled, order.status) == (100, OrderStatus.RESTING)
    act(played.server, "hit")
    assert order.status is OrderStatus.EXECUTED
    played.server.check_conservation()


def test_an_own_order_gives_way_to_the_owner() -> None:
    played = quiet()
    account, market = played.server.account, played.ranked[0]
    ask = market.book.asks.best
    assert ask is not None and ask > 100
    order = played.venue.place(account, wish(market.ticker, BookSide.BID, ask - 100, 100), played.venue.now_ns).order
    if order.status is OrderStatus.RESTING:
        act(played.server, "self-trade")
        assert (order.status, order.reason, order.filled) == (OrderStatus.CANCELED, "SelfTradeCancel", 0)
    assert list(account.orders.values())[-1].self_trade == MAKER
    played.server.check_conservation()


async def test_terms_change_and_are_told() -> None:
    async with running(alive=0) as (server, client), client.stream() as stream:
        await stream.send("subscribe", channels=["market_lifecycle_v2"])
        await stream.until("subscribed")
        market = server.venue.markets[first(server)]
        for grid in ("tapered_deci_cent", "linear_cent"):
            act(server, "grid")
            told = (await stream.until("market_lifecycle_v2"))["msg"]
            assert told["event_type"] == "price_level_structure_updated" and market.structure in told.values()
            assert (await client.call("GET", f"/markets/{market.ticker}", template="/markets/{ticker}"))["market"][
                "price_ranges"
            ] == told["price_ranges"]
            assert {"tapered_deci_cent", "linear_cent"} >= {market.structure, grid}
        act(server, "words")
        told = (await stream.until("market_lifecycle_v2"))["msg"]
        assert (told["event_type"], told["yes_sub_title"]) == ("metadata_updated", market.outcome)


async def test_the_weekly_window_is_kept_where_it_is_asked_for() -> None:
    async with running(alive=0) as (_server, client):
        assert (await client.call("GET", "/exchange/schedule"))["schedule"]["maintenance_windows"] == []
    async with running(alive=0, maintenance=True) as (server, client):
        window = server.venue.life.maintenance
        told = (await client.call("GET", "/exchange/schedule"))["schedule"]["maintenance_windows"]
        assert window is not None and len(told) == 1
        server.pace.step(window[0] - server.pace.now_ns())
        server.catch_up()
        assert not (await client.call("GET", "/exchange/status"))["trading_active"]
        with pytest.raises(ApiError) as refused:
            await client.order(first(server), "bid", "0.0200", "1.00")
        assert refused.value.body["error"]["code"] == "trading_is_paused"
        server.pace.step(window[1] - server.pace.now_ns())
        server.catch_up()
        assert (await client.call("GET", "/exchange/status"))["trading_active"]


def test_acts_that_have_nothing_to_act_on_are_left_out() -> None:
    played = quiet()
    for name in ("hit", "self-trade", "bust", "settle", "determine", "dispute", "amend"):
        act(played.server, name)
    with pytest.raises(Refused):
        played.venue.cancel(played.server.account, "none", played.venue.now_ns)
    played.server.check_conservation()


def test_markets_halt_and_the_exchange_pauses_for_as_long_as_said() -> None:
    played = quiet()
    market = played.ranked[0]
    act(played.server, "halt", lasts=2)
    assert market.status is MarketStatus.INACTIVE
    act(played.server, "pause-exchange", lasts=2)
    assert not (played.venue.exchange_active or played.venue.trading_active)
    played.until(4)
    assert market.status is MarketStatus.ACTIVE and played.venue.exchange_active and played.venue.trading_active
    act(played.server, "pause-trading")
    assert played.venue.exchange_active and not played.venue.trading_active


def test_a_book_is_emptied_of_the_house_and_fees_are_waived() -> None:
    played = quiet()
    market, account = played.ranked[0], played.server.account
    order = played.venue.place(account, wish(market.ticker, BookSide.BID, 100, 100), played.venue.now_ns).order
    act(played.server, "free-fees")
    buy(played)
    assert account.fees == 0
    act(played.server, "empty")
    assert played.venue.resting_in(market) == [order]


def test_money_comes_and_goes_in_cents_and_never_more_than_there_is() -> None:
    played = quiet()
    account = played.server.account
    act(played.server, "deposit", by=2_550)
    act(played.server, "deposit", by=-50)
    act(played.server, "deposit", by=-10_000_000)
    assert account.available == dollars(1_025)
    played.server.check_conservation()

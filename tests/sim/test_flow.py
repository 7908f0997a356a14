"""The living markets: lively, two-sided, conservative, repeatable, and good to a member who quotes."""

from typing import Any

import pytest

from core.domain.amounts import Count, dollars
from core.domain.enums import BookSide, OrderStatus
from core.sim.audit import check_conservation
from core.sim.catalog import build_catalog
from core.sim.errors import Refused
from core.sim.flow import Flow
from core.sim.server import ExchangeServer, ExchangeSettings
from core.sim.venue import Venue
from tests.sim.support import KEY_PEM, NOW, FastClock, wish

S = 10**9
TENTH = S // 10


class World:
    def __init__(self, seed: int, markets: int = 12) -> None:
        catalog = build_catalog(seed, markets, NOW)
        self.venue = Venue(catalog.series, catalog.events, seed=seed)
        self.flow = Flow(self.venue, seed=seed, start_ns=NOW)
        self.member = self.venue.open_account(dollars(1000))

    def busiest(self) -> list[Any]:
        return sorted(self.venue.markets.values(), key=lambda m: m.activity)


def test_the_default_exchange_lists_twelve_markets_in_three_events_with_two_grids() -> None:
    world = World(7)
    assert (len(world.venue.markets), len(world.venue.events)) == (12, 3)
    assert {"linear_cent", "tapered_deci_cent"} <= {m.structure for m in world.venue.markets.values()}
    assert len({m.ticker for m in World(7, 300).venue.markets.values()}) == 300


@pytest.mark.parametrize("seed", [1, 7, 99])
def test_every_market_is_two_sided_and_trades_within_twenty_seconds(seed: int) -> None:
    world = World(seed)
    two_sided: dict[str, int] = dict.fromkeys(world.venue.markets, 0)
    last = dict.fromkeys(world.venue.markets, NOW)
    longest = dict.fromkeys(world.venue.markets, 0)
    spreads, depths = [], []
    steps = 1_200
    for step in range(steps):
        world.flow.advance(NOW + step * TENTH)
        for ticker, market in world.venue.markets.items():
            bids, asks = market.book.bids, market.book.asks
            if len(bids) and len(asks):
                two_sided[ticker] += 1
                assert bids.best is not None and asks.best is not None
                spreads.append(asks.best - bids.best)
                depths += [len(bids), len(asks)]
            trades = world.venue.market_trades[ticker]
            if trades:
                longest[ticker] = max(longest[ticker], trades[-1].at_ns - last[ticker])
                last[ticker] = trades[-1].at_ns
    assert min(two_sided.values()) >= steps * 95 // 100
    assert max(longest.values()) <= 20 * S
    assert sum(100 <= s <= 400 for s in spreads) > len(spreads) * 6 // 10
    assert sum(5 <= d <= 12 for d in depths) > len(depths) * 8 // 10
    check_conservation(world.venue)


def test_activity_follows_the_shown_volume() -> None:
    world = World(7)
    world.flow.advance(NOW + 120 * S)
    ranked = world.busiest()
    assert [m.ticker for m in sorted(ranked, key=lambda m: -m.base_volume_24h)] == [m.ticker for m in ranked]
    counts = [len(world.venue.market_trades[m.ticker]) for m in ranked]
    assert counts[0] > 3 * counts[-1] > 0
    assert len({t.count for t in world.venue.trades}) > 15


def test_fair_values_drift_both_ways() -> None:
    world = World(7)
    moves = []
    for minute in range(5):
        before = {m.ticker: m.last_price for m in world.busiest()}
        world.flow.advance(NOW + (minute + 1) * 60 * S)
        moves += [m.last_price - before[m.ticker] for m in world.busiest()]
    assert min(moves) < 0 < max(moves)


@pytest.mark.parametrize("seed", [1, 7, 23])
@pytest.mark.parametrize("inside", [0, 100])
def test_a_post_only_quoter_on_the_busiest_four_is_filled_on_both_sides(seed: int, inside: int) -> None:
    world = World(seed)
    quotes: dict[Any, Any] = {}
    for step in range(300):
        now = NOW + step * TENTH
        world.flow.advance(now)
        for market in world.busiest()[:4] if step % 10 == 0 else []:
            for side in BookSide:
                _requote(world, market, side, inside, quotes, now)
    sides = [fill.order.side for fill in world.member.fills]
    assert sides.count(BookSide.BID) >= 3 and sides.count(BookSide.ASK) >= 3
    assert 10 <= len(sides) <= 150
    check_conservation(world.venue)


def _requote(world: World, market: Any, side: BookSide, inside: int, quotes: Any, now: int) -> None:
    best, other = market.book.side(side).best, market.book.against(side).best
    order = quotes.get((market.ticker, side))
    if best is None or other is None or (order and order.status is OrderStatus.RESTING and order.price == best):
        return
    if order and order.status is OrderStatus.RESTING:
        world.venue.cancel(world.member, order.order_id, now)
    price = best + side.sign * inside
    price = best if price == other else price
    try:
        order = wish(market.ticker, side, price, Count(600), post_only=True)
        quotes[market.ticker, side] = world.venue.place(world.member, order, now).order
    except Refused as refused:
        assert refused.body["error"].get("details") == "post only cross" or price % 100


def _tape(seed: int) -> list[str]:
    world = World(seed)
    ticker = world.busiest()[0].ticker
    tape = []
    for step in range(100):
        now = NOW + step * TENTH
        world.flow.advance(now)
        if step % 7 == 0:
            world.venue.place(world.member, wish(ticker, list(BookSide)[step % 2], 5_000, 200), now)
        for event in world.venue.take_events():
            names = getattr(event, "__struct_fields__", ())
            told = [getattr(event, n) for n in names if isinstance(getattr(event, n), int | str)]
            trade = getattr(event, "trade", None)
            told += [trade.trade_id, trade.price, trade.count, trade.at_ns] if trade else []
            tape.append(f"{type(event).__name__} {event.market.ticker if 'market' in names else ''} {told}")
    return tape


def test_same_seed_and_commands_give_the_same_tape() -> None:
    first = _tape(7)
    assert first == _tape(7)
    assert len(first) > 500
    assert first != _tape(8)


def test_slices_of_work_add_up_to_the_same_tape() -> None:
    whole, sliced = World(7), World(7)
    whole.flow.advance(NOW + 5 * S)
    ticks = iter(range(10**9))
    while not sliced.flow.advance(NOW + 5 * S, lambda: next(ticks) % 3 != 2):
        pass
    assert [t.trade_id for t in whole.venue.trades] == [t.trade_id for t in sliced.venue.trades]
    assert whole.venue.clock == sliced.venue.clock


async def test_the_server_lives_on_a_virtual_clock() -> None:
    clock = FastClock()
    server = ExchangeServer(ExchangeSettings(), clock, private_key_pem=KEY_PEM)
    await server.start()
    while clock.wall_ns() < NOW + 20 * S:
        await clock.sleep(0)
    await server.stop()
    assert all(server.venue.market_trades[ticker] for ticker in server.venue.markets)
    server.check_conservation()

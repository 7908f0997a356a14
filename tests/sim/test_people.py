"""The characters of the markets, prices that add up, and the proof that a seed and a list of commands are the tape."""

import hashlib
from typing import Any

import pytest

from core.domain.enums import BookSide, TimeInForce
from core.sim.catalog import THEMES
from core.sim.facts import Fact
from core.sim.feed import FeedSession
from core.sim.people import EDGE, Style
from core.sim.server import ExchangeServer, ExchangeSettings
from core.sim.virtual_clock import VirtualClock, run_virtual
from tests.sim.support import KEY_PEM, NOW, FastClock, wish

S = 10**9


class Town:
    """A server driven by hand."""

    def __init__(self, seed: int = 7, **settings: Any) -> None:
        self.clock = FastClock(NOW)
        self.server = ExchangeServer(ExchangeSettings(seed=seed, **settings), self.clock, private_key_pem=KEY_PEM)
        self.venue, self.flow = self.server.venue, self.server._flow
        self.crowd = self.flow.crowd
        self.run(0.2)

    def run(self, seconds: float) -> None:
        end = self.clock.wall_ns() + int(seconds * S)
        while self.clock.wall_ns() < end:
            self.clock._now += S // 10
            self.server.catch_up()

    def busiest(self) -> Any:
        return min(self.venue.markets.values(), key=lambda m: m.activity)


def test_every_character_trades() -> None:
    town = Town()
    town.run(240)
    crowd = town.crowd
    for name in ("maker", "informed", "momentum", "sweeper"):
        account = getattr(crowd, name)
        assert sum(p.volume for p in account.positions.values()) > 0, name
    assert all(any(p.volume for p in taker.positions.values()) for taker in crowd.takers)


def test_a_maker_leans_against_what_it_holds() -> None:
    middles = []
    for held in (-400_000, 400_000):
        town = Town(alive=1)
        market = town.busiest()
        town.crowd.maker.position(market).quantity = held
        pulse = town.flow.pulses[market.ticker]
        pulse.fair = 5_000
        middle = []
        for _ in range(20):
            town.run(0.5)
            middle.append(((market.book.bids.best or 0) + (market.book.asks.best or 10_000)) // 2 - pulse.fair)
        middles.append(sum(middle) // len(middle))
    assert middles[0] > middles[1] + 100, "short makers quote higher than long ones"


def test_the_informed_take_our_mispriced_order() -> None:
    town = Town()
    market = town.busiest()
    pulse = town.flow.pulses[market.ticker]
    town.venue.life  # noqa: B018 - the venue is alive
    price = (pulse.fair + 6 * EDGE) // 100 * 100
    order = wish(market.ticker, BookSide.BID, price, 50_000)
    town.venue.place(town.server.account, order, town.venue.now_ns)
    before = town.crowd.informed.quantity(market.ticker)
    town.run(8)
    assert town.crowd.informed.quantity(market.ticker) < before


def test_momentum_follows_prints_that_we_make() -> None:
    volumes = []
    for push in (False, True):
        town = Town(alive=1)
        market = town.busiest()
        for step in range(60):
            town.run(0.5)
            if push and step % 2 == 0:
                best = market.book.asks.best
                take = wish(market.ticker, BookSide.BID, best, 100, time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL)
                town.venue.place(town.server.account, take, town.venue.now_ns)
        held = town.crowd.momentum.positions.get(market.ticker)
        volumes.append(held.volume if held else 0)
    assert volumes[0] != volumes[1]


@pytest.mark.parametrize("seed", [1, 7])
def test_prices_of_mutually_exclusive_markets_add_up(seed: int) -> None:
    town = Town(seed)
    event = next(e for e in town.venue.events.values() if e.mutually_exclusive)
    for _ in range(60):
        town.run(1)
        fair = sum(town.flow.pulses[m.ticker].fair for m in event.markets)
        assert 9_700 <= fair <= 10_300
        shown = sum(((m.book.bids.best or 0) + (m.book.asks.best or 10_000)) // 2 for m in event.markets)
        assert 9_200 <= shown <= 10_800


def test_series_differ_in_fees_and_grids_and_themes_add_up() -> None:
    assert len({theme.structure for theme in THEMES}) >= 5
    assert len({(theme.fee.fee_type, theme.fee.multiplier) for theme in THEMES}) >= 4
    for theme in THEMES:
        if theme.exclusive:
            assert sum(outcome.anchor for outcome in theme.outcomes) == 10_000


def test_a_bias_makes_more_buyers_than_sellers() -> None:
    town = Town()
    town.crowd.style = Style(bias=80)
    sides = [town.crowd.side() for _ in range(500)]
    assert sides.count(BookSide.BID) > 400


def test_a_maker_that_renews_more_quotes_changes_its_book_more_often() -> None:
    moved = []
    for renewed in (0, 6):
        town = Town(alive=1)
        town.crowd.style = Style(renewed=renewed, noise=0, informed=0)
        town.venue.take_events()
        before = town.venue.clock
        town.run(20)
        moved.append(town.venue.clock - before)
    assert moved[1] > 2 * moved[0]


# the tape

COMMANDS = [(1.3, "bid", 300), (2.1, "ask", -200), (4.0, "bid", -500), (7.7, "ask", 0), (9.2, "bid", 0)]


def tape(seed: int, commands: list[Any]) -> tuple[bytes, list[str]]:
    """Every frame of every channel and every reply, as bytes, on virtual time; and who printed what."""

    async def play(clock: VirtualClock) -> tuple[bytes, list[str]]:
        server = ExchangeServer(ExchangeSettings(seed=seed), clock, private_key_pem=KEY_PEM)
        frames: list[bytes] = []
        session = FeedSession(server.venue, server.account, lambda frame, _channel: frames.append(frame) is None)
        channels = ["ticker", "trade", "fill", "user_orders", "market_positions", "market_lifecycle_v2"]
        session.on_text(
            b'{"id":1,"cmd":"subscribe","params":{"channels":%s}}' % str(channels).replace("'", '"').encode(), 0
        )
        tickers = str(list(server.venue.markets)).replace("'", '"').encode()
        session.on_text(
            b'{"id":2,"cmd":"subscribe","params":{"channels":["orderbook_delta"],"market_tickers":%s}}' % tickers, 0
        )
        begun, due = clock.wall_ns(), list(commands)
        ticker = min(server.venue.markets.values(), key=lambda m: m.activity).ticker
        while clock.wall_ns() < begun + 20 * S:
            await clock.sleep(0.1)
            now = clock.wall_ns()
            server._flow.advance(now)
            server.venue.advance(now)
            while due and begun + int(due[0][0] * S) <= now:
                _at, side, off = due.pop(0)
                market = server.venue.markets[ticker]
                price = min(max(market.last_price // 100 * 100 + off, 100), 9_900)
                done = server.venue.place(server.account, wish(ticker, BookSide(side), price, 3_000), now)
                frames.append(f"{done.order.order_id} {done.filled} {done.fees}".encode())
            for event in server.venue.take_events():
                session.on_fact(Fact(event), now)
        server.check_conservation()
        mine = server.account
        others = [t.trade_id for t in server.venue.trades if all(f.trade is not t for f in mine.fills)]
        return b"\n".join(frames), others

    return run_virtual(play)


def test_a_seed_and_a_list_of_commands_are_the_tape_byte_for_byte() -> None:
    first, second = tape(7, COMMANDS), tape(7, COMMANDS)
    assert hashlib.sha256(first[0]).digest() == hashlib.sha256(second[0]).digest() and first == second
    assert len(first[0]) > 1_000_000
    assert tape(8, COMMANDS)[0] != first[0]


def test_participants_react_to_our_orders() -> None:
    with_us, without_us = tape(7, COMMANDS), tape(7, [])
    assert with_us[1] != without_us[1], "the others trade differently when we are there"

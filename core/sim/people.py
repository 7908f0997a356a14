"""The characters of the living markets: what each of them does when its turn comes.

A maker quotes both sides and leans against what it holds, noise trades for no reason, the informed take what is wrongly
priced, momentum follows prints, a sweeper empties several levels at once. They use the same commands as any member, see
the same book, and so react to whatever others do in it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from functools import cache
from itertools import islice
from random import Random

import msgspec

from core.domain.amounts import Count, Price
from core.domain.enums import BookSide, OrderStatus, TimeInForce
from core.sim.accounts import Account
from core.sim.chance import below, between, pick
from core.sim.errors import Refused
from core.sim.grid import GRID, VALID, tick_above, tick_below
from core.sim.model import MAKER, Market, NewOrder, Order
from core.sim.venue import Venue

BUSY_RANKS = 11  # beyond this rank all markets are alike
TAKER_SIZES = (1, 1, 2, 2, 3, 4, 5, 5, 7, 8, 10, 10, 12, 15, 20, 25, 40, 75)
PARTS = (0, 0, 0, 0, 0, 0, 0, 13, 50)
SIDES = BID, ASK = BookSide.BID, BookSide.ASK
RESTING = OrderStatus.RESTING
LEAN_PER = 4_000  # contracts in hundredths that move a maker's middle by one step
LEAN_MOST = 150
EDGE = 60  # how wrong a price must be before the informed take it
TREND = 4  # prints in a row that make a trend


class Style(msgspec.Struct, kw_only=True, frozen=True):
    """How lively the markets are, in percent of the usual; `bias` is how many more buyers than sellers there are, and
    `renewed` how many of a side's best quotes the maker takes back and posts anew at every third turn.
    """

    volatility: int = 100
    jumps: int = 100
    spread: int = 100
    depth: int = 100
    pace: int = 100
    bias: int = 0
    renewed: int = 2
    maker: int = 1
    noise: int = 3
    informed: int = 1
    momentum: int = 1
    sweeper: int = 1


class Pulse:
    """The participants' view of one market: its fair value, and what the maker has in the book."""

    def __init__(self, market: Market, chance: Random) -> None:
        self.market = market
        self.rank = min(market.activity, BUSY_RANKS)
        self.fair = int(market.anchor)
        self.levels = between(chance, 6, 10)
        self.width = 100 if self.rank < 4 else pick(chance, (100, 150, 200))
        self.quotes: dict[BookSide, dict[int, Order]] = {side: {} for side in SIDES}
        self.one_sided: BookSide | None = None  # the only side the maker still quotes


class Crowd:
    """The accounts behind the characters, and the hands they trade with."""

    def __init__(self, venue: Venue, chance: Random, style: Style, open_account: Callable[[], Account]) -> None:
        self.venue = venue
        self.chance = chance
        self.style = style
        self.maker = open_account()
        self.takers = [open_account() for _ in range(max(1, style.noise))]
        self.informed, self.momentum, self.sweeper = open_account(), open_account(), open_account()

    def order(self, account: Account, pulse: Pulse, side: BookSide, price: Price, count: int) -> None:
        """Take what is there at a price or better; the rest is canceled."""
        wish = NewOrder(
            ticker=pulse.market.ticker,
            side=side,
            price=price,
            count=Count(count),
            time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
        )
        try:
            self.venue.place(account, wish, self.venue.now_ns)
        except Refused:
            return  # the market stopped trading in between

    def side(self) -> BookSide:
        return SIDES[0] if below(self.chance, 200) < 100 + self.style.bias else SIDES[1]


def quote(crowd: Crowd, pulse: Pulse) -> None:
    """The maker renews its ladder around the fair value, shifted against its inventory."""
    held = crowd.maker.quantity(pulse.market.ticker)
    lean = max(-LEAN_MOST, min(LEAN_MOST, held // LEAN_PER))
    middle, half = pulse.fair - lean, _half_spread(crowd, pulse)
    bands, valid = pulse.market.bands, VALID[pulse.market.structure]
    low, high = Price(middle - half), Price(middle + half)
    tops = low if low in valid else tick_below(bands, low), high if high in valid else tick_above(bands, high)
    ladders = [(side, pulse.quotes[side], _wanted(pulse, side, top)) for side, top in zip(SIDES, tops, strict=True)]
    for _side, quotes, wanted in ladders:
        for price in [p for p, order in quotes.items() if order.status is not RESTING]:
            del quotes[price]
        _withdraw(crowd, quotes, wanted)
    for side, quotes, wanted in ladders:
        for depth, price in enumerate(wanted):
            if price not in quotes:
                _post(crowd, pulse, side, price, depth)


def _half_spread(crowd: Crowd, pulse: Pulse) -> int:
    narrow = not 1_000 <= pulse.fair <= 9_000 and pulse.market.structure != "linear_cent"
    usual = 15 + between(crowd.chance, 0, 12) if narrow else pulse.width // 2 + between(crowd.chance, 0, 15)
    return usual * crowd.style.spread // 100


def _wanted(pulse: Pulse, side: BookSide, top: Price | None) -> list[Price]:
    """Ladder prices, best first, with a few gaps that stay where they are."""
    if top is None or pulse.one_sided not in (None, side):
        return []
    places, more = _places(pulse.market.structure, pulse.market.index), pulse.levels - 1
    at = bisect_left(places, top)
    if side is BID:
        return [top, *reversed(places[max(at - more, 0) : at])]
    at += at < len(places) and places[at] == top
    return [top, *places[at : at + more]]


@cache
def _places(structure: str, index: int) -> tuple[Price, ...]:
    """Prices of a grid without the gaps of the market with this index, lowest first."""
    return tuple(price for price in GRID[structure] if (price // 10 * 7 + index) % 6)


def _withdraw(crowd: Crowd, quotes: dict[int, Order], wanted: list[Price]) -> None:
    """Take back quotes that are no longer wanted and, at times, renew the best ones."""
    keep = set(wanted)
    renewed = set(wanted[: crowd.style.renewed]) if not below(crowd.chance, 3) else set()
    for price in [p for p in quotes if p not in keep or p in renewed]:
        crowd.venue.withdraw(quotes.pop(price), crowd.venue.now_ns)


def _post(crowd: Crowd, pulse: Pulse, side: BookSide, price: Price, depth: int) -> None:
    chance = crowd.chance
    whole = (between(chance, 8, 30) + depth * between(chance, 5, 45)) * crowd.style.depth // 100 or 1
    part = pick(chance, (0, 0, 0, 0, 0, 0, 25, 50, 87))
    wish = NewOrder(
        ticker=pulse.market.ticker, side=side, price=price, count=Count(whole * 100 + part), self_trade=MAKER
    )
    try:
        pulse.quotes[side][price] = crowd.venue.place(crowd.maker, wish, crowd.venue.now_ns).order
    except Refused:
        return  # the market stopped trading in between


def trade_at_random(crowd: Crowd, pulse: Pulse) -> None:
    """Noise hits whatever is best, now and then a level or two beyond."""
    chance, side = crowd.chance, crowd.side()
    best = pulse.market.book.against(side).best
    if best is None:
        return
    away = tick_above if side is BID else tick_below
    limit = best
    for _ in range(pick(chance, (0, 0, 0, 1, 1, 2))):
        limit = away(pulse.market.bands, limit) or limit
    count = pick(chance, TAKER_SIZES) * 100 + pick(chance, PARTS)
    crowd.order(pick(chance, crowd.takers), pulse, side, limit, count)


def take_mispriced(crowd: Crowd, pulse: Pulse) -> None:
    """The informed know the fair value and take an order that is clearly on the wrong side of it, whoever's it is."""
    book = pulse.market.book
    ask, bid = book.asks.best, book.bids.best
    if ask is not None and ask < pulse.fair - EDGE:
        crowd.order(crowd.informed, pulse, BID, ask, book.asks.best_size // 2 + 100)
    elif bid is not None and bid > pulse.fair + EDGE:
        crowd.order(crowd.informed, pulse, ASK, bid, book.bids.best_size // 2 + 100)


def follow_prints(crowd: Crowd, pulse: Pulse) -> None:
    """Momentum buys after rising prints and sells after falling ones."""
    latest = islice(reversed(crowd.venue.market_trades[pulse.market.ticker]), TREND)
    prices = [trade.price for trade in latest][::-1]
    if len(prices) < TREND or prices[0] == prices[-1]:
        return
    side = BID if prices == sorted(prices) else ASK
    if side is ASK and prices != sorted(prices, reverse=True):
        return
    best = pulse.market.book.against(side).best
    if best is not None:
        crowd.order(crowd.momentum, pulse, side, best, between(crowd.chance, 3, 12) * 100)


def sweep(crowd: Crowd, pulse: Pulse, levels: int = 3) -> None:
    """Take several levels at once."""
    side = crowd.side()
    shown = pulse.market.book.against(side).levels()[:levels]
    if len(shown) == levels:
        crowd.order(crowd.sweeper, pulse, side, shown[-1][0], sum(size for _price, size in shown[:-1]) + 100)


class Character(msgspec.Struct, frozen=True):
    """When a turn comes, in milliseconds at rank 0 and more per rank, and what is done then."""

    act: Callable[[Crowd, Pulse], None]
    low: int
    high: int
    low_per_rank: int
    high_per_rank: int


CHARACTERS: dict[str, Character] = {
    "maker": Character(quote, 220, 480, 45, 110),
    "noise": Character(trade_at_random, 500, 1_800, 300, 950),
    "informed": Character(take_mispriced, 700, 2_500, 200, 500),
    "momentum": Character(follow_prints, 2_000, 9_000, 500, 1_500),
    "sweeper": Character(sweep, 25_000, 90_000, 2_000, 5_000),
}
# Fewer turns for training, where a second's price is what limits: somebody trades in each, and the ladder is renewed in
# every other. The fair value moves with the maker's turn, so it has to move further.
LIGHT: dict[str, Character] = CHARACTERS | {
    "maker": Character(quote, 1_900, 2_100, 0, 0),
    "noise": Character(trade_at_random, 850, 990, 0, 0),
}
LIGHT_VOLATILITY = 240


def light(style: Style) -> Style:
    """The style whose fair values move as far a second when the light crowd trades."""
    return msgspec.structs.replace(style, volatility=style.volatility * LIGHT_VOLATILITY // 100)

"""A furnished account: positions it already holds and orders that already rest when the doors open.

Everything comes from real trades with a house account, before anybody quotes; the deposit is then set so that the
balance is what was asked for, to the millionth of a dollar.
"""

from __future__ import annotations

from random import Random

from core.domain.amounts import Count, Money, dollars
from core.domain.enums import BookSide, TimeInForce
from core.sim.accounts import Account
from core.sim.grid import at_or_above, at_or_below
from core.sim.model import MAKER, Market, NewOrder
from core.sim.scenarios import Furniture
from core.sim.venue import Venue

PREFIX = "kt-"  # the orders look like the trader's own
AWAY = 1_500  # resting orders are this far from the anchor
AMPLE = dollars(10_000_000)


def furnish(venue: Venue, account: Account, wanted: Furniture, seed: int, now_ns: int) -> None:
    """Give a fresh account its positions, orders and balance; needs as many markets as positions."""
    chance = Random(f"furnish:{seed}")
    markets = list(venue.markets.values())
    assert len(markets) >= max(wanted.positions, wanted.orders), "more markets are needed"
    other = venue.open_account(AMPLE, house=True)
    account.cash = account.deposits = AMPLE
    for number, market in enumerate(markets[: wanted.positions]):
        _hold(venue, account, other, market, list(BookSide)[number % 2], Count(chance.randint(1, 12) * 100), now_ns)
    for number, market in enumerate(markets[: wanted.orders]):
        _rest(venue, account, market, number, Count(chance.randint(1, 5) * 100), now_ns)
    surplus = account.available - wanted.balance
    account.cash, account.deposits = Money(account.cash - surplus), Money(account.deposits - surplus)
    venue.take_events()


def _hold(
    venue: Venue, account: Account, other: Account, market: Market, side: BookSide, count: Count, now_ns: int
) -> None:
    price = at_or_below(market.bands, market.anchor)
    assert price is not None
    wish = NewOrder(ticker=market.ticker, side=side.opposite, price=price, count=count, self_trade=MAKER)
    venue.place(other, wish, now_ns)
    take = NewOrder(
        ticker=market.ticker, side=side, price=price, count=count, time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL
    )
    venue.place(account, take, now_ns)


def _rest(venue: Venue, account: Account, market: Market, number: int, count: Count, now_ns: int) -> None:
    """An order that reduces what is held, far enough away to rest for a while."""
    side = BookSide.ASK if account.quantity(market.ticker) > 0 else BookSide.BID
    if side is BookSide.BID:
        price = at_or_below(market.bands, max(market.anchor - AWAY, 100))
    else:
        price = at_or_above(market.bands, min(market.anchor + AWAY, 9_900))
    assert price is not None
    wish = NewOrder(
        ticker=market.ticker, side=side, price=price, count=count, client_order_id=f"{PREFIX}furnished-{number:05d}"
    )
    venue.place(account, wish, now_ns)

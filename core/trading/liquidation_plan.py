"""LiquidationPlan: what closing every position now would do, position by position, from the books as they stand.

Never past flat and never below the floor: levels worse than the best one by more than the slippage cap are left alone,
and what they would have closed is the residue. Long YES sells into bids, long NO buys from asks.
"""

from __future__ import annotations

from core.domain.amounts import PRICE_SCALE, Count, Money, Price, div_half_up
from core.domain.enums import BookSide
from core.domain.ids import Ticker
from core.domain.market import FeeSchedule
from core.market.view import Market, Markets
from core.trading.positions import Position, PositionTracker
from core.trading.snapshot import LiquidationLine

SLIPPAGE_CAP = Price(1_000)
RATE_SCALE = 10_000
DEFAULT_TAKER_RATE = 700
TENTH_CENT_CENT = 100


def liquidation_plan(positions: PositionTracker, markets: Markets) -> tuple[LiquidationLine, ...]:
    """A line for each open position, in order of tickers."""
    return tuple(plan_line(position, markets.get(position.ticker)) for position in positions.open())


def plan_line(position: Position, market: Market | None) -> LiquidationLine:
    """The plan for one position; closable 0 and a note when nothing can be done now."""
    side = BookSide.ASK if position.count > 0 else BookSide.BID
    if market is None or not market.tradable:
        why = "market not known" if market is None else market.why_not_tradable()
        return _line(position, side, 0, 0, None, 0, why)
    wanted = abs(position.count)
    levels = market.book.levels(side.opposite)
    if not levels:
        return _line(position, side, 0, 0, None, 0, f"no {side.opposite} to close against")
    best = levels[0][0]
    closed = value = fee = 0
    steps: list[tuple[Price, Count]] = []
    limit: Price | None = None
    for price, count in levels:
        if closed >= wanted or abs(price - best) > SLIPPAGE_CAP:
            break
        taken = min(count, wanted - closed)
        closed += taken
        steps.append((price, Count(taken)))
        value += price * taken
        limit = price
        fee += fee_estimate(market, price, taken)
    note = "" if closed == wanted else "not enough depth within the slippage cap"
    return _line(position, side, closed, value, limit, fee, note, best, tuple(steps))


def fee_estimate(market: Market, price: int, count: int, *, maker: bool = False) -> int:
    """Trade fee in Money units, rounded up to $0.0001: "trade fee rounded up to $0.0001"; an estimate."""
    return trade_fee(market.info.fees, price, count, maker=maker)


def trade_fee(fees: FeeSchedule | None, price: int, count: int, *, maker: bool = False) -> int:
    """The same of a schedule; None where the exchange has told none: a taker pays the usual rate then."""
    if maker:
        rate = fees.maker_rate if fees else 0
    else:
        rate = fees.taker_rate if fees else DEFAULT_TAKER_RATE
    # rate/1e4 * count/1e2 * p/1e4 * (1-p)/1e4 dollars, in 1/1,000,000 $: divide by 1e14 / 1e6.
    exact = rate * count * price * (PRICE_SCALE - price)
    unit = 10**8 * TENTH_CENT_CENT
    return -(-exact // unit) * TENTH_CENT_CENT


def _line(
    position: Position,
    side: BookSide,
    closed: int,
    value: int,
    limit: Price | None,
    fee: int,
    note: str,
    best: int = 0,
    levels: tuple[tuple[Price, Count], ...] = (),
) -> LiquidationLine:
    own_value = value if side is BookSide.ASK else PRICE_SCALE * closed - value
    at_best = (best if side is BookSide.ASK else PRICE_SCALE - best) * closed
    return LiquidationLine(
        ticker=Ticker(position.ticker),
        position=Count(position.count),
        side=side,
        closable=Count(closed),
        residue=Count(abs(position.count) - closed),
        average_price=Price(div_half_up(value, closed)) if closed else None,
        limit_price=limit,
        proceeds=Money(own_value),
        fees_estimate=Money(fee),
        slippage=Money(at_best - own_value if closed else 0),
        note=note,
        levels=levels,
    )

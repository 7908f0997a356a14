"""Matching: an incoming order against one book, price then time, at the resting order's price.

Two buyers (YES and NO) mint a pair, two sellers redeem one, buyer and seller transfer: all three are the same motion of
two signed positions. Money moves here and nowhere else while trading.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from core.domain.amounts import PRICE_SCALE, Count, Money
from core.domain.enums import BookSide, OrderStatus, TimeInForce
from core.sim.book import Ladder
from core.sim.events import Batch, Traded
from core.sim.fees import REBATE, settle, trade_fee
from core.sim.model import MAKER, Fill, Market, Order, Trade
from core.sim.text import Ids

if TYPE_CHECKING:
    from core.sim.groups import OrderGroup

# A member of an enum costs several comparisons when it is looked up on its class.
BID = BookSide.BID
EXECUTED, CANCELED = OrderStatus.EXECUTED, OrderStatus.CANCELED
GOOD_TILL_CANCELED, FILL_OR_KILL = TimeInForce.GOOD_TILL_CANCELED, TimeInForce.FILL_OR_KILL


@dataclass(slots=True)
class Counters:
    """Numbers that only go up; cursors and sorting hang on them."""

    order: int = 0
    trade: int = 0
    fill: int = 0


class Matcher:
    """Runs incoming orders; owns trade ids and the money taken in fees."""

    def __init__(self, chance: Random, counters: Counters) -> None:
        self._ids = Ids(chance)
        self._counters = counters
        self._matched: list[tuple[OrderGroup, int]] = []
        self.fees = 0

    def fillable(self, market: Market, order: Order) -> int:
        """How much of a new order could fill at once, for fill-or-kill."""
        total = 0
        for other in market.book.against(order.side).crossing(order.price):
            if other.account is order.account:
                if order.self_trade == MAKER:
                    continue
                break
            total += other.remaining
            if total >= order.remaining:
                break
        return min(total, order.remaining)

    def run(self, order: Order, batch: Batch) -> None:
        """Match as far as it goes, then rest or cancel what is left."""
        book = order.market.book
        own, ladder = (book.bids, book.asks) if order.side is BID else (book.asks, book.bids)
        reason = ""
        while order.remaining and (maker := ladder.head(order.price)) is not None:
            if maker.account is not order.account:
                self._execute(order, maker, ladder, batch)
            elif order.self_trade == MAKER:
                take_off(maker, "SelfTradeCancel", batch)
            else:
                # taker_at_cross: the taker stops at the first own order; earlier fills stand.
                reason = "SelfTradeCancel"
                break
            if order.group is not None and order.group.triggered:
                break
        if self._matched:
            matched, self._matched = self._matched, []
            for group, count in matched:
                group.record(count, batch.now_ns, batch)
        batch.order(order)
        if order.group is not None and order.group.triggered:
            # Its own fills have stopped the group it belongs to: what is left ends like the other members.
            reason = reason or "Decrease"
        if not order.remaining:
            order.status = EXECUTED
        elif reason or order.time_in_force is not GOOD_TILL_CANCELED:
            end(order, reason or "Decrease", batch)
        else:
            own.add(order)
            order.account.rest(order)
            batch.level(order, order.remaining)

    def _execute(self, taker: Order, maker: Order, ladder: Ladder, batch: Batch) -> None:
        market, count = maker.market, maker.remaining
        if taker.remaining >= count:
            batch.level(maker, -count)
            ladder.remove(maker)
            maker.account.unrest(maker)
            maker.remaining = 0
            maker.status = EXECUTED
        else:
            count = taker.remaining
            batch.level(maker, -count)
            ladder.shrink(maker, count)
            maker.account.lessened(maker, count)
        taker.remaining -= count
        trade = self._print(taker, maker, Count(count), batch)
        rule = market.fee(batch.now_ns)
        self._book(taker, trade, trade_fee(rule, is_taker=True, price=maker.price, count=count), True, batch)
        self._book(maker, trade, trade_fee(rule, is_taker=False, price=maker.price, count=count), False, batch)
        batch.order(maker)
        if maker.group is None and taker.group is None:
            return
        for group in (maker.group, taker.group):
            if group is None:
                continue
            if taker.time_in_force is FILL_OR_KILL:
                # All or nothing comes first: members it still counts on stay until it is done.
                self._matched.append((group, count))
            else:
                group.record(count, batch.now_ns, batch)

    def _print(self, taker: Order, maker: Order, count: Count, batch: Batch) -> Trade:
        market, price = maker.market, maker.price
        self._counters.trade += 1
        trade = Trade(
            number=self._counters.trade,
            ids=self._ids,
            market=market,
            price=price,
            count=count,
            taker_side=taker.side,
            at_ns=batch.now_ns,
            taker=taker.account,
            maker=maker.account,
        )
        market.last_price, market.last_size = price, count
        market.volume += count
        market.dollar_volume += price * count
        batch.trades.append(Traded(trade))
        return trade

    def _book(self, order: Order, trade: Trade, fee: int, is_taker: bool, batch: Batch) -> None:
        """One party's money, position, fee and fill."""
        account, market, count = order.account, trade.market, trade.count
        held = account.position(market)
        before = held.quantity
        revenue = held.trade(order.side, trade.price, count)
        after = held.quantity
        grown = (after if after > 0 else 0) - (before if before > 0 else 0)
        market.open_interest += grown
        if (revenue - fee) % account.precision or order.paid_rounding > REBATE:
            charged = settle(revenue, fee, order.paid_rounding, account.precision)
            fee, order.paid_rounding = charged.net, charged.paid_rounding
        held.charge(fee, trade.at_ns)
        account.cash += revenue - fee
        account.fees += fee
        self.fees += fee
        _tally(order, trade, fee, is_taker)
        if account.house:
            return
        account.collateral.moved(market.ticker)
        self._counters.fill += 1
        fill = Fill(
            number=self._counters.fill,
            trade=trade,
            order=order,
            is_taker=is_taker,
            fee=fee,
            closes=before < 0 if order.side is BID else before > 0,
            position_after=after,
        )
        account.fills.append(fill)
        batch.filled(account, fill, held)


def _tally(order: Order, trade: Trade, fee: int, is_taker: bool) -> None:
    count = trade.count
    spent = (trade.price if order.side is BID else PRICE_SCALE - trade.price) * count
    order.filled += count
    if is_taker:
        order.taker_cost += spent
        order.taker_fees += fee
    else:
        order.maker_cost += spent
        order.maker_fees += fee
    order.updated_ns, order.reason = trade.at_ns, "Trade"


def bust(matcher: Matcher, fill: Fill, batch: Batch) -> None:
    """Take a trade back: both positions, the money and the members' fees return; the prints and fills stay listed."""
    trade = fill.trade
    market = trade.market
    parties = ((trade.taker, trade.taker_side), (trade.maker, trade.taker_side.opposite))
    longs = sum(max(account.quantity(market.ticker), 0) for account, _side in parties)
    for account, side in parties:
        held = account.position(market)
        back = held.trade(side.opposite, trade.price, trade.count)
        fee = sum(own.fee for own in reversed(account.fills) if own.trade is trade)
        held.charge(Money(-fee), batch.now_ns)
        account.cash, account.fees = Money(account.cash + back + fee), Money(account.fees - fee)
        matcher.fees = Money(matcher.fees - fee)
        account.refresh(market.ticker)
        batch.position(account, market)
    now = sum(max(account.quantity(market.ticker), 0) for account, _side in parties)
    market.open_interest += now - longs
    batch.touched(market)


def end(order: Order, reason: str, batch: Batch) -> None:
    """An order that is not in the book ends here; after a cancel nothing remains."""
    order.remaining = 0
    order.status = CANCELED
    order.reason, order.updated_ns = reason, batch.now_ns
    batch.order(order)


def take_off(order: Order, reason: str, batch: Batch) -> Count:
    """Cancel a resting order and return what it still held."""
    held = order.remaining
    order.market.book.side(order.side).remove(order)
    order.account.unrest(order)
    batch.level(order, -held)
    end(order, reason, batch)
    return Count(held)

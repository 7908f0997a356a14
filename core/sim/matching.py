"""Matching: an incoming order against one book, price then time, at the resting order's price.

Two buyers (YES and NO) mint a pair, two sellers redeem one, buyer and seller transfer: all three are the same motion of
two signed positions. Money moves here and nowhere else while trading.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from core.domain.amounts import Count, Money, Price, cost
from core.domain.enums import BookSide, OrderStatus, TimeInForce
from core.sim.accounts import Position, closable
from core.sim.events import Batch, Traded
from core.sim.fees import settle, trade_fee
from core.sim.model import MAKER, Fill, Market, Order, Trade
from core.sim.text import uuid_text

if TYPE_CHECKING:
    from core.sim.groups import OrderGroup


@dataclass(slots=True)
class Counters:
    """Numbers that only go up; cursors and sorting hang on them."""

    order: int = 0
    trade: int = 0
    fill: int = 0


@dataclass(slots=True)
class Outcome:
    """What an incoming order did at once."""

    filled: int = 0
    value: int = 0
    fees: int = 0


class Matcher:
    """Runs incoming orders; owns trade ids and the money taken in fees."""

    def __init__(self, chance: Random, counters: Counters) -> None:
        self._chance = chance
        self._counters = counters
        self._matched: list[tuple[OrderGroup, int]] = []
        self.fees = Money(0)

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

    def run(self, order: Order, batch: Batch) -> Outcome:
        """Match as far as it goes, then rest or cancel what is left."""
        outcome = Outcome()
        ladder = order.market.book.against(order.side)
        reason = ""
        while order.remaining and ladder.within(order.price):
            maker = ladder.head()
            assert maker is not None
            if maker.account is not order.account:
                self._execute(order, maker, outcome, batch)
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
        self._conclude(order, reason, batch)
        return outcome

    def _conclude(self, order: Order, reason: str, batch: Batch) -> None:
        batch.order(order)
        if order.group is not None and order.group.triggered:
            # Its own fills have stopped the group it belongs to: what is left ends like the other members.
            reason = reason or "Decrease"
        if not order.remaining:
            order.status = OrderStatus.EXECUTED
        elif reason or order.time_in_force is not TimeInForce.GOOD_TILL_CANCELED:
            end(order, reason or "Decrease", batch)
        else:
            order.market.book.side(order.side).add(order)
            order.account.rest(order)
            batch.level(order, order.remaining)

    def _execute(self, taker: Order, maker: Order, outcome: Outcome, batch: Batch) -> None:
        count = Count(min(taker.remaining, maker.remaining))
        market, price = taker.market, maker.price
        ladder = market.book.side(maker.side)
        batch.level(maker, -count)
        if count == maker.remaining:
            ladder.remove(maker)
            maker.account.unrest(maker)
            maker.remaining = Count(0)
            maker.status = OrderStatus.EXECUTED
        else:
            ladder.shrink(maker, count)
            maker.account.lessened(maker, count)
        taker.remaining = Count(taker.remaining - count)
        trade = self._print(taker, maker, count, batch)
        ours, theirs = taker.account.position(market), maker.account.position(market)
        longs = max(ours.quantity, 0) + max(theirs.quantity, 0)
        outcome.fees += self._book(taker, ours, trade, is_taker=True, batch=batch)
        self._book(maker, theirs, trade, is_taker=False, batch=batch)
        market.open_interest = Count(market.open_interest + max(ours.quantity, 0) + max(theirs.quantity, 0) - longs)
        outcome.filled += count
        outcome.value += cost(price, count)
        batch.order(maker)
        if maker.group is None and taker.group is None:
            return
        for group in (maker.group, taker.group):
            if group is None:
                continue
            if taker.time_in_force is TimeInForce.FILL_OR_KILL:
                # All or nothing comes first: members it still counts on stay until it is done.
                self._matched.append((group, count))
            else:
                group.record(count, batch.now_ns, batch)

    def _print(self, taker: Order, maker: Order, count: Count, batch: Batch) -> Trade:
        market, price = maker.market, maker.price
        self._counters.trade += 1
        trade = Trade(
            number=self._counters.trade,
            trade_id=uuid_text(self._chance),
            market=market,
            price=Price(price),
            count=count,
            taker_side=taker.side,
            at_ns=batch.now_ns,
            taker=taker.account,
            maker=maker.account,
        )
        market.last_price, market.last_size = trade.price, count
        market.volume = Count(market.volume + count)
        market.dollar_volume = Money(market.dollar_volume + price * count)
        batch.trades.append(Traded(trade))
        return trade

    def _book(self, order: Order, held: Position, trade: Trade, *, is_taker: bool, batch: Batch) -> Money:
        """One party's money, position, fee and fill."""
        account, count, price = order.account, trade.count, trade.price
        closes = closable(held.quantity, order.side, count) > 0
        revenue = held.trade(order.side, price, count)
        rule = order.market.fee(trade.at_ns)
        fee = trade_fee(rule, is_taker=is_taker, price=price, count=count)
        charged = settle(revenue, fee, order.paid_rounding, account.precision)
        net, order.paid_rounding = charged.net, charged.paid_rounding
        held.charge(net, trade.at_ns)
        account.cash = Money(account.cash + revenue - net)
        account.fees = Money(account.fees + net)
        self.fees = Money(self.fees + net)
        self._tally(order, price, count, net, is_taker, trade.at_ns)
        if not account.house:
            account.refresh(order.market.ticker)
            self._counters.fill += 1
            fill = Fill(
                number=self._counters.fill,
                trade=trade,
                order=order,
                is_taker=is_taker,
                fee=net,
                closes=closes,
                position_after=held.quantity,
            )
            account.fills.append(fill)
            batch.filled(fill)
        return net

    @staticmethod
    def _tally(order: Order, price: int, count: int, fee: Money, is_taker: bool, now_ns: int) -> None:
        spent = (price if order.side is BookSide.BID else 10_000 - price) * count
        order.filled = Count(order.filled + count)
        if is_taker:
            order.taker_cost = Money(order.taker_cost + spent)
            order.taker_fees = Money(order.taker_fees + fee)
        else:
            order.maker_cost = Money(order.maker_cost + spent)
            order.maker_fees = Money(order.maker_fees + fee)
        order.updated_ns, order.reason = now_ns, "Trade"


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
    market.open_interest = Count(market.open_interest + now - longs)
    batch.touched(market)


def end(order: Order, reason: str, batch: Batch) -> None:
    """An order that is not in the book ends here; after a cancel nothing remains."""
    order.remaining = Count(0)
    order.status = OrderStatus.CANCELED
    order.reason, order.updated_ns = reason, batch.now_ns
    batch.order(order)


def take_off(order: Order, reason: str, batch: Batch) -> Count:
    """Cancel a resting order and return what it still held."""
    held = order.remaining
    order.market.book.side(order.side).remove(order)
    order.account.unrest(order)
    batch.level(order, -held)
    end(order, reason, batch)
    return held

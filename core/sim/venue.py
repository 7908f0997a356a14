"""The venue: accounts, markets and orders of one simulated exchange. Pure and synchronous: commands in, facts out.

`now_ns` is an argument of every command and never goes back. A command either happens whole or raises `Refused` and
changes nothing but the clock of expiries. Facts wait in `take_events`. Same seed and commands, same tape.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from random import Random

import msgspec

from core.domain.amounts import ONE_DOLLAR, Count, Money
from core.domain.enums import BookSide, MarketStatus, OrderStatus, TimeInForce
from core.sim.accounts import Account
from core.sim.audit import Conservation, check_conservation
from core.sim.errors import refusal
from core.sim.events import Batch, MarketMoved, VenueEvent
from core.sim.fees import trade_fee
from core.sim.grid import on_grid
from core.sim.matching import Counters, Matcher, Outcome, end, take_off
from core.sim.model import Amendment, Event, Execution, Market, NewOrder, Order, Series, Trade
from core.sim.text import uuid_text

TRADES_KEPT = 20_000
TRADES_KEPT_PER_MARKET = 2_000
CLIENT_ID_LENGTH = 64


class Venue:
    """Exchange truth. The attributes may be read by anyone and changed by nobody else."""

    def __init__(self, series: Iterable[Series], events: Iterable[Event], *, seed: int) -> None:
        self._chance = Random(f"venue:{seed}")
        self.counters = Counters()
        self.matcher = Matcher(self._chance, self.counters)
        self.series = {one.ticker: one for one in series}
        self.events = {one.ticker: one for one in events}
        self.markets = {market.ticker: market for event in self.events.values() for market in event.markets}
        self.accounts: dict[str, Account] = {}
        self.trades: deque[Trade] = deque(maxlen=TRADES_KEPT)
        self.market_trades: dict[str, deque[Trade]] = {
            ticker: deque(maxlen=TRADES_KEPT_PER_MARKET) for ticker in self.markets
        }
        self.clock = 0
        self.now_ns = 0
        self.trading_active = True
        self._expiries: list[tuple[int, int, Order]] = []
        self._closes = sorted((m.close_ns, m.index, m.ticker) for m in self.markets.values())
        self._out: list[VenueEvent] = []

    # accounts

    def open_account(self, deposit: Money, *, house: bool = False) -> Account:
        account = Account(uuid_text(self._chance), deposit, house=house)
        self.accounts[account.user_id] = account
        return account

    # commands

    def advance(self, now_ns: int) -> None:
        """Let time pass: orders whose expiration has come are canceled, then markets whose time has come close."""
        self.now_ns = max(self.now_ns, now_ns)
        self._expire()
        while self._closes and self._closes[0][0] <= self.now_ns:
            self.set_market_status(heapq.heappop(self._closes)[2], MarketStatus.CLOSED, self.now_ns)

    def _expire(self) -> None:
        while self._expiries and self._expiries[0][0] <= self.now_ns:
            due_ns, _number, order = heapq.heappop(self._expiries)
            if order.status is OrderStatus.RESTING and order.expiration_ns == due_ns:
                batch = self._begin()
                take_off(order, "ExpiryCancel", batch)
                self._publish(batch)

    def place(self, account: Account, wish: NewOrder, now_ns: int) -> Execution:
        """Take an order in, match it, rest or cancel what is left."""
        self.advance(now_ns)
        market = self._trading(wish.ticker)
        self._check_wish(account, market, wish)
        order = self._new_order(account, market, wish)
        batch = self._begin()
        if wish.reduce_only:
            order.remaining = Count(account.position(market).closable(wish.side, wish.count))
        if wish.post_only and market.book.against(wish.side).within(wish.price):
            raise refusal("invalid_order", "post only cross")
        self._check_funds(order)
        if wish.client_order_id:
            # Burnt for ever per account, also by a fill-or-kill that is killed.
            account.client_ids.add(wish.client_order_id)
        if wish.time_in_force is TimeInForce.FILL_OR_KILL and self._short(market, order):
            raise refusal("fill_or_kill_insufficient_resting_volume")
        self._enter(order)
        if wish.reduce_only and not order.remaining:
            end(order, "ReduceOnlyCancel", batch)
            outcome = Outcome()
        else:
            outcome = self.matcher.run(order, batch)
        if wish.reduce_only and order.filled < order.count and order.status is OrderStatus.EXECUTED:
            end(order, "ReduceOnlyCancel", batch)
        self._publish(batch)
        return Execution(
            order=order, filled=Count(outcome.filled), fill_value=Money(outcome.value), fees=Money(outcome.fees)
        )

    def cancel(self, account: Account, order_id: str, now_ns: int) -> tuple[Order, Count]:
        """Cancel one order; what is already final is not found."""
        self.advance(now_ns)
        order = self._live_order(account, order_id)
        self._cancelable(order.market)
        batch = self._begin()
        reduced = take_off(order, "Decrease", batch)
        self._publish(batch)
        return order, reduced

    def withdraw(self, order: Order, now_ns: int) -> None:
        """A house participant takes back an order if it still rests."""
        self.advance(now_ns)
        if order.status is OrderStatus.RESTING:
            batch = self._begin()
            take_off(order, "Decrease", batch)
            self._publish(batch)

    def cancel_all(self, account: Account, now_ns: int) -> int:
        """Cancel every resting order of the account and say how many."""
        self.advance(now_ns)
        orders = [order for order in account.all_resting() if order.market.status is MarketStatus.ACTIVE]
        batch = self._begin()
        for order in orders:
            take_off(order, "Decrease", batch)
        self._publish(batch)
        return len(orders)

    def decrease(self, account: Account, order_id: str, by: int | None, to: int | None, now_ns: int) -> Order:
        """Lessen a resting order; its place in the queue stays."""
        self.advance(now_ns)
        order = self._live_order(account, order_id)
        self._cancelable(order.market)
        target = order.remaining - by if by is not None else (to or 0)
        if target < 0 or target > order.remaining:
            raise refusal("invalid_order_size", "cannot decrease to more than rests or below zero")
        batch = self._begin()
        if target == 0:
            take_off(order, "Decrease", batch)
        elif target < order.remaining:
            self._shrink(order, order.remaining - target, "Decrease", batch)
        self._publish(batch)
        return order

    def amend(self, account: Account, order_id: str, wish: Amendment, now_ns: int) -> Execution:
        """Change price, size or expiry; a lower size at the same price keeps the place in the queue."""
        self.advance(now_ns)
        order = self._live_order(account, order_id)
        self._trading(order.market.ticker)
        self._check_amendment(account, order, wish)
        remaining = wish.count - order.filled
        moves = wish.price != order.price or remaining > order.remaining
        resized = remaining != order.remaining
        if moves and remaining:
            self._check_amended_cross(order, wish.price)
            amended = msgspec.structs.replace(order, price=wish.price, remaining=Count(remaining))
            self._check_funds(amended, instead_of=order)
        batch = self._begin()
        self._rename(account, order, wish)
        outcome = Outcome()
        if not remaining:
            take_off(order, "Amend", batch)
        elif moves:
            outcome = self._requeue(order, wish, remaining, batch)
        else:
            self._shrink(order, order.remaining - remaining, "Amend", batch)
        order.count = wish.count
        if order.reason != "Trade" or not outcome.filled:
            order.reason, order.updated_ns = "Amend", self.now_ns
        self._publish(batch)
        return Execution(
            order=order,
            filled=Count(outcome.filled),
            fill_value=Money(outcome.value),
            fees=Money(outcome.fees),
            resized=resized or outcome.filled > 0,
        )

    def set_market_status(self, ticker: str, status: MarketStatus, now_ns: int) -> None:
        """Pause, resume or close a market. Resuming and closing cancel its resting orders, pausing keeps them."""
        self.advance(now_ns)
        market = self.markets[ticker]
        if market.status is status:
            return
        batch = self._begin()
        resumed = market.status is MarketStatus.INACTIVE and status is MarketStatus.ACTIVE
        if resumed or status is MarketStatus.CLOSED:
            self._sweep(market, "CloseCancel" if status is MarketStatus.CLOSED else "HaltCancel", batch)
        elif status is MarketStatus.INACTIVE:
            for order in [o for o in self._resting_in(market) if o.cancel_on_pause]:
                take_off(order, "HaltCancel", batch)
        market.status, market.updated_ns = status, self.now_ns
        batch.touched(market)
        if status in (MarketStatus.ACTIVE, MarketStatus.INACTIVE):
            paused = status is MarketStatus.INACTIVE
            event_type = "deactivated" if paused else "activated"
            batch.lives.append(MarketMoved(market, event_type, {"is_deactivated": paused}))
        self._publish(batch)

    def set_trading(self, active: bool, now_ns: int) -> None:
        """A trading pause: no placing or amending, cancels work, resting orders stay unless they asked otherwise."""
        self.advance(now_ns)
        self.trading_active = active
        batch = self._begin()
        if not active:
            for market in self.markets.values():
                for order in [o for o in self._resting_in(market) if o.cancel_on_pause]:
                    take_off(order, "HaltCancel", batch)
        self._publish(batch)

    def take_events(self) -> list[VenueEvent]:
        """Everything that happened since the last call, in order."""
        out, self._out = self._out, []
        return out

    def check_conservation(self) -> Conservation:
        """Where all money is; AssertionError if any of it was made or lost."""
        return check_conservation(self)

    # checks

    def _trading(self, ticker: str) -> Market:
        market = self.markets.get(ticker)
        if market is None:
            raise refusal("not_found", "market not found")
        if not self.trading_active:
            raise refusal("trading_is_paused")
        if market.status is not MarketStatus.ACTIVE or self.now_ns >= market.close_ns:
            raise refusal("market_inactive")
        return market

    def _cancelable(self, market: Market) -> None:
        """During a pause cancels work; after the close all operations are rejected, cancels too."""
        if market.status not in (MarketStatus.ACTIVE, MarketStatus.INACTIVE) or self.now_ns >= market.close_ns:
            raise refusal("market_inactive")

    def _check_wish(self, account: Account, market: Market, wish: NewOrder) -> None:
        if not on_grid(market.bands, wish.price):
            raise refusal("invalid_price")
        if wish.count <= 0:
            raise refusal("invalid_order_size")
        if wish.expiration_ns and wish.expiration_ns <= self.now_ns:
            raise refusal("invalid_order", "Expiration timestamp must be in the future")
        if wish.expiration_ns and wish.time_in_force is not TimeInForce.GOOD_TILL_CANCELED:
            raise refusal("invalid_order", f"Cannot specify both {wish.time_in_force.value} and expiration_ts")
        if wish.post_only and wish.time_in_force is not TimeInForce.GOOD_TILL_CANCELED:
            raise refusal("invalid_order", f"Cannot specify both {wish.time_in_force.value} and post_only")
        if wish.reduce_only and wish.time_in_force is not TimeInForce.IMMEDIATE_OR_CANCEL:
            raise refusal("invalid_order", "reduce_only requires immediate_or_cancel")
        if len(wish.client_order_id) > CLIENT_ID_LENGTH:
            raise refusal("invalid_order", "client_order_id is too long")
        if wish.client_order_id in account.client_ids:
            raise refusal("order_already_exists")

    def _check_funds(self, order: Order, instead_of: Order | None = None) -> None:
        """The worst this order could cost must be there: collateral beyond what it closes, and its fee."""
        account, market = order.account, order.market
        if account.house:
            return
        row = (order.price, order.unit_cost, int(order.remaining))
        needed = account.reserve_with(market.ticker, order.side, row, instead_of)
        if order.time_in_force is not TimeInForce.GOOD_TILL_CANCELED:
            closing = account.position(market).closable(order.side, order.remaining)
            needed -= (ONE_DOLLAR - order.unit_cost) * closing
        takes = market.book.against(order.side).within(order.price)
        fee = trade_fee(market.event.series.fee, is_taker=takes, price=order.price, count=order.remaining)
        if needed > 0 and needed + fee > account.available:
            raise refusal("insufficient_balance")

    def _short(self, market: Market, order: Order) -> bool:
        return self.matcher.fillable(market, order) < order.remaining

    def _live_order(self, account: Account, order_id: str) -> Order:
        order = account.orders.get(order_id)
        if order is None or order.status is not OrderStatus.RESTING:
            raise refusal("not_found")
        return order

    def _check_amendment(self, account: Account, order: Order, wish: Amendment) -> None:
        if wish.ticker != order.market.ticker:
            raise refusal("order_ticker_mismatch")
        if wish.side is not order.side:
            raise refusal("order_side_mismatch")
        if wish.client_order_id and wish.client_order_id != order.client_order_id:
            raise refusal("order_id_and_client_order_id_mismatch")
        if not on_grid(order.market.bands, wish.price):
            raise refusal("invalid_price")
        if wish.count <= 0 or wish.count < order.filled:
            raise refusal("invalid_order_size", "INVALID_AMEND_QTY_FOR_ORDER")
        if wish.expiration_ns and wish.expiration_ns <= self.now_ns:
            raise refusal("invalid_order", "Expiration timestamp must be in the future")
        if len(wish.updated_client_order_id) > CLIENT_ID_LENGTH:
            raise refusal("invalid_order", "updated_client_order_id is too long")
        renamed = wish.updated_client_order_id
        if renamed and renamed != order.client_order_id and renamed in account.client_ids:
            raise refusal("order_already_exists")

    def _check_amended_cross(self, order: Order, price: int) -> None:
        for other in order.market.book.against(order.side).crossing(price):
            if order.post_only:
                raise refusal("invalid_order", "post only cross")
            if other.account is order.account:
                raise refusal("invalid_order", "SELF_CROSS_ATTEMPT")

    # how

    def _begin(self) -> Batch:
        return Batch(self.clock + 1, self.now_ns)

    def _publish(self, batch: Batch) -> None:
        if batch.books:
            self.clock = batch.clock
        for printed in batch.trades:
            self.trades.append(printed.trade)
            self.market_trades[printed.trade.market.ticker].append(printed.trade)
        self._out += batch.facts()

    def _new_order(self, account: Account, market: Market, wish: NewOrder) -> Order:
        self.counters.order += 1
        number = self.counters.order
        return Order(
            order_id=f"house-{number}" if account.house else uuid_text(self._chance),
            number=number,
            account=account,
            market=market,
            side=wish.side,
            price=wish.price,
            count=wish.count,
            remaining=wish.count,
            time_in_force=wish.time_in_force,
            self_trade=wish.self_trade,
            created_ns=self.now_ns,
            updated_ns=self.now_ns,
            client_order_id=wish.client_order_id,
            post_only=wish.post_only,
            cancel_on_pause=wish.cancel_on_pause,
            expiration_ns=wish.expiration_ns,
        )

    def _enter(self, order: Order) -> None:
        if not order.account.house:
            order.account.orders[order.order_id] = order
        if order.expiration_ns:
            heapq.heappush(self._expiries, (order.expiration_ns, order.number, order))

    def _shrink(self, order: Order, by: int, reason: str, batch: Batch) -> None:
        if by:
            order.market.book.side(order.side).shrink(order, by)
            batch.level(order, -by)
            order.account.refresh(order.market.ticker)
        order.reason, order.updated_ns = reason, self.now_ns
        batch.order(order)

    def _requeue(self, order: Order, wish: Amendment, remaining: int, batch: Batch) -> Outcome:
        """A new price or a larger size goes to the end of its queue, and may take liquidity on the way."""
        order.market.book.side(order.side).remove(order)
        order.account.unrest(order)
        batch.level(order, -order.remaining)
        order.price, order.remaining = wish.price, Count(remaining)
        return self.matcher.run(order, batch)

    def _rename(self, account: Account, order: Order, wish: Amendment) -> None:
        if wish.updated_client_order_id:
            account.client_ids.add(wish.updated_client_order_id)
            order.client_order_id = wish.updated_client_order_id
        if wish.expiration_ns is not None:
            order.expiration_ns = wish.expiration_ns
            if wish.expiration_ns:
                heapq.heappush(self._expiries, (wish.expiration_ns, order.number, order))

    def _resting_in(self, market: Market) -> list[Order]:
        found = [
            order
            for account in self.accounts.values()
            for side in BookSide
            for order in account.resting(market.ticker, side)
        ]
        return sorted(found, key=lambda order: order.number)

    def _sweep(self, market: Market, reason: str, batch: Batch) -> None:
        for order in self._resting_in(market):
            take_off(order, reason, batch)

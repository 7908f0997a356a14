"""The venue: accounts, markets and orders of one simulated exchange. Pure and synchronous: commands in, facts out.

`now_ns` is an argument of every command and never goes back. A command either happens whole or raises `Refused` and
changes nothing but what was due anyway. Facts wait in `take_events`. Same seed and commands, same tape.
"""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from functools import partial
from random import Random

import msgspec

from core.domain.amounts import PRICE_SCALE, Count, Money
from core.domain.enums import BookSide, MarketStatus, OrderStatus, TimeInForce
from core.sim import checks
from core.sim.accounts import Account
from core.sim.audit import Conservation, check_conservation
from core.sim.candles import Candles
from core.sim.errors import refusal
from core.sim.events import Batch, VenueEvent
from core.sim.fees import DIRECT_PRECISION
from core.sim.groups import Groups
from core.sim.lifecycle import Lifecycle
from core.sim.matching import Counters, Matcher, end, take_off
from core.sim.model import Amendment, Event, Execution, Market, NewOrder, Order, Series, Trade, Transfer
from core.sim.text import NS, Ids, uuid_text

BID = BookSide.BID
RESTING, FILL_OR_KILL = OrderStatus.RESTING, TimeInForce.FILL_OR_KILL
LIVE_NS = 90 * 86_400 * NS  # what is older has moved to the archive
TRADES_KEPT = 20_000
TRADES_KEPT_PER_MARKET = 2_000


class Venue:
    """Exchange truth. The attributes may be read by anyone and changed by nobody but this room's venue files."""

    def __init__(self, series: Iterable[Series], events: Iterable[Event], *, seed: int, quiet: bool = False) -> None:
        # Nobody asks for candles, tickers or a member's own facts: only books, trades and markets' steps are told.
        self.quiet = quiet
        self.chance = Random(f"venue:{seed}")
        self.counters = Counters()
        self.matcher = Matcher(self.chance, self.counters)
        self._order_ids = Ids(self.chance)
        self.series = {one.ticker: one for one in series}
        self.events = {one.ticker: one for one in events}
        self.markets = {market.ticker: market for event in self.events.values() for market in event.markets}
        self.accounts: dict[str, Account] = {}
        self.trades: deque[Trade] = deque(maxlen=TRADES_KEPT)
        self.market_trades: defaultdict[str, deque[Trade]] = defaultdict(lambda: deque(maxlen=TRADES_KEPT_PER_MARKET))
        self.candles = Candles()
        self.clock = 0
        self.now_ns = 0
        self.live_ns = LIVE_NS
        self.exchange_active = True
        self.trading_active = True
        # A repeated client id is refused for ever; the other reading, that a final order frees it, is a fault.
        self.client_ids_burn = True
        self.read_lag_ns = 0  # how far private reads are behind, where that is played
        # Given the time since a cancel-all, how soon a new order is caught by it too; 0: not at all.
        self.late_cancel: Callable[[int], int] = lambda since_ns: 0
        self._timers: list[tuple[int, int, Callable[[], None]]] = []
        self._timer_number = 0
        self._out: list[VenueEvent] = []
        self.groups = Groups(self)
        self.life = Lifecycle(self)
        for market in self.markets.values():
            self.life.schedule(market)

    # accounts

    def open_account(self, deposit: Money, *, house: bool = False, precision: int = DIRECT_PRECISION) -> Account:
        account = Account(uuid_text(self.chance), deposit, house=house, precision=precision)
        self.accounts[account.user_id] = account
        return account

    def transfer(self, account: Account, amount: Money, now_ns: int) -> Transfer:
        """Money from or to the world outside: positive is a deposit, negative a withdrawal of what is available."""
        self.advance(now_ns)
        if amount == 0 or account.available + amount < 0:
            raise refusal("insufficient_balance")
        moved = Transfer(
            number=len(account.transfers) + 1, transfer_id=uuid_text(self.chance), amount=amount, at_ns=self.now_ns
        )
        account.transfers.append(moved)
        account.deposits = Money(account.deposits + amount)
        account.cash = Money(account.cash + amount)
        return moved

    def repeats(self, account: Account, client_order_id: str) -> bool:
        """Whether a burnt client id may be used again: only while that fault is on, and not while its order rests."""
        if self.client_ids_burn:
            return False
        return all(order.client_order_id != client_order_id for order in account.all_resting())

    # time

    def at(self, due_ns: int, act: Callable[[], None]) -> None:
        """Do something at its time; what is due at one time happens in the order it was asked for."""
        self._timer_number += 1
        heapq.heappush(self._timers, (due_ns, self._timer_number, act))

    def advance(self, now_ns: int) -> None:
        """Let time pass: expirations, openings, closes, settlements and pauses happen, each at its own time."""
        while self._timers and self._timers[0][0] <= now_ns:
            due_ns, _number, act = heapq.heappop(self._timers)
            self.now_ns = max(self.now_ns, due_ns)
            act()
        if now_ns > self.now_ns:
            self.now_ns = now_ns

    @property
    def archive_ns(self) -> int:
        """What happened before this time is found in the archive only."""
        return self.now_ns - self.live_ns

    def archived(self, market: Market) -> bool:
        return market.status is MarketStatus.FINALIZED and market.settled_ns < self.archive_ns

    def _expire(self, order: Order, due_ns: int) -> None:
        if order.status is OrderStatus.RESTING and order.expiration_ns == due_ns:
            batch = self.begin()
            take_off(order, "ExpiryCancel", batch)
            self.publish(batch)

    # commands

    def place(self, account: Account, wish: NewOrder, now_ns: int) -> Execution:
        """Take an order in, match it, rest or cancel what is left."""
        self.advance(now_ns)
        market = checks.trading(self, wish.ticker)
        checks.wish(self, account, market, wish)
        group = self.groups.joinable(account, wish.group_id) if wish.group_id else None
        order = self._new_order(account, market, wish)
        order.group = group
        batch = self.begin()
        if wish.reduce_only:
            order.remaining = Count(account.position(market).closable(wish.side, wish.count))
        if wish.post_only and market.book.against(wish.side).within(wish.price):
            raise refusal("invalid_order", "post only cross")
        checks.funds(self, order)
        if wish.client_order_id:
            # Burnt for ever per account, also by a fill-or-kill that is killed.
            account.client_ids.add(wish.client_order_id)
        if wish.time_in_force is FILL_OR_KILL and self.matcher.fillable(market, order) < order.remaining:
            raise refusal("fill_or_kill_insufficient_resting_volume")
        if not account.house:
            account.orders[order.order_id] = order
        if order.expiration_ns:
            self.at(order.expiration_ns, partial(self._expire, order, order.expiration_ns))
        if wish.reduce_only and not order.remaining:
            end(order, "ReduceOnlyCancel", batch)
        else:
            self.matcher.run(order, batch)
        if wish.reduce_only and order.filled < order.count and order.status is OrderStatus.EXECUTED:
            end(order, "ReduceOnlyCancel", batch)
        self.publish(batch)
        if account.swept_ns and order.status is RESTING:
            self._catch(order, self.late_cancel(self.now_ns - account.swept_ns))
        value = _value(order.side, order.filled, order.taker_cost) if order.filled else 0
        return Execution(order=order, filled=order.filled, fill_value=value, fees=order.taker_fees)

    def cancel(self, account: Account, order_id: str, now_ns: int) -> tuple[Order, Count]:
        """Cancel one order; what is already final is not found."""
        self.advance(now_ns)
        order = checks.live_order(account, order_id)
        checks.cancelable(self, order.market)
        batch = self.begin()
        reduced = take_off(order, "Decrease", batch)
        self.publish(batch)
        return order, reduced

    def withdraw(self, order: Order, now_ns: int) -> None:
        """A house participant takes back an order if it still rests."""
        self.advance(now_ns)
        if order.status is RESTING:
            batch = self.begin()
            take_off(order, "Decrease", batch)
            self.publish(batch)

    def cancel_all(self, account: Account, now_ns: int) -> int:
        """Cancel every resting order of the account that may be canceled now and say how many."""
        self.advance(now_ns)
        if not self.exchange_active:
            raise refusal("exchange_is_paused")
        open_now = (MarketStatus.ACTIVE, MarketStatus.INACTIVE)
        orders = [order for order in account.all_resting() if order.market.status in open_now]
        batch = self.begin()
        for order in orders:
            take_off(order, "Decrease", batch)
        self.publish(batch)
        account.swept_ns = self.now_ns
        return len(orders)

    def decrease(self, account: Account, order_id: str, by: int | None, to: int | None, now_ns: int) -> Order:
        """Lessen a resting order; its place in the queue stays."""
        self.advance(now_ns)
        order = checks.live_order(account, order_id)
        checks.cancelable(self, order.market)
        target = order.remaining - by if by is not None else (to or 0)
        if target < 0 or target > order.remaining:
            raise refusal("invalid_order_size", "cannot decrease to more than rests or below zero")
        batch = self.begin()
        if target == 0:
            take_off(order, "Decrease", batch)
        elif target < order.remaining:
            self._shrink(order, order.remaining - target, "Decrease", batch)
        self.publish(batch)
        return order

    def amend(self, account: Account, order_id: str, wish: Amendment, now_ns: int) -> Execution:
        """Change price, size or expiry; a lower size at the same price keeps the place in the queue."""
        self.advance(now_ns)
        order = checks.live_order(account, order_id)
        checks.trading(self, order.market.ticker)
        checks.amendment(self, account, order, wish)
        remaining = wish.count - order.filled
        moves = wish.price != order.price or remaining > order.remaining
        resized = remaining != order.remaining
        if moves and remaining:
            checks.amended_cross(order, wish.price)
            amended = msgspec.structs.replace(order, price=wish.price, remaining=Count(remaining))
            checks.funds(self, amended, instead_of=order)
        batch = self.begin()
        self._rename(account, order, wish)
        filled, taken, fees = order.filled, order.taker_cost, order.taker_fees
        order.count = wish.count
        if not remaining:
            take_off(order, "Amend", batch)
        elif moves:
            self._requeue(order, wish, remaining, batch)
        else:
            self._shrink(order, order.remaining - remaining, "Amend", batch)
        filled = order.filled - filled
        if order.reason != "Trade" or not filled:
            order.reason, order.updated_ns = "Amend", self.now_ns
        self.publish(batch)
        return Execution(
            order=order,
            filled=filled,
            fill_value=_value(order.side, filled, order.taker_cost - taken),
            fees=order.taker_fees - fees,
            resized=resized or filled > 0,
        )

    def take_events(self) -> list[VenueEvent]:
        """Everything that happened since the last call, in order."""
        out, self._out = self._out, []
        return out

    def check_conservation(self) -> Conservation:
        """Where all money is; AssertionError if any of it was made or lost."""
        return check_conservation(self)

    # for this room's other venue files

    def begin(self) -> Batch:
        """A batch for one command's facts, under the next number of the exchange's clock."""
        return Batch(self.clock + 1, self.now_ns)

    def publish(self, batch: Batch) -> None:
        """The command is done: its facts go out together."""
        if batch.books:
            self.clock = batch.clock
        for printed in batch.trades:
            trade = printed.trade
            self.trades.append(trade)
            self.market_trades[trade.market.ticker].append(trade)
            if not self.quiet:
                self.candles.traded(trade)
        if self.quiet:
            batch.hand_out_public(self._out)
            return
        for market in batch.markets.values():
            self.candles.quoted(market, self.now_ns)
        batch.hand_out(self._out)

    def resting_in(self, market: Market) -> list[Order]:
        """Every resting order of a market, oldest first."""
        found = [*market.book.bids.orders(), *market.book.asks.orders()]
        return sorted(found, key=lambda order: order.number)

    # how

    def _new_order(self, account: Account, market: Market, wish: NewOrder) -> Order:
        self.counters.order += 1
        number = self.counters.order
        order_id = f"house-{number}" if account.house else self._order_ids.of(number)
        # By place: sixteen names cost three times as much as the order itself.
        return Order(
            order_id, number, account, market, wish.side, wish.price, wish.count, wish.count, wish.time_in_force,
            wish.self_trade, self.now_ns, self.now_ns, wish.client_order_id, wish.post_only, wish.cancel_on_pause,
            wish.expiration_ns,
        )  # fmt: skip

    def _catch(self, order: Order, delay_ns: int) -> None:
        """A cancel-all may also catch orders placed within the next minute."""
        if delay_ns:
            self.at(self.now_ns + delay_ns, partial(self._end_late, order))

    def _end_late(self, order: Order) -> None:
        if order.status is OrderStatus.RESTING:
            batch = self.begin()
            take_off(order, "Decrease", batch)
            self.publish(batch)

    def _shrink(self, order: Order, by: int, reason: str, batch: Batch) -> None:
        if by:
            order.market.book.side(order.side).shrink(order, by)
            order.account.lessened(order, by)
            batch.level(order, -by)
            order.account.refresh(order.market.ticker)
        order.reason, order.updated_ns = reason, self.now_ns
        batch.order(order)

    def _requeue(self, order: Order, wish: Amendment, remaining: int, batch: Batch) -> None:
        """A new price or a larger size goes to the end of its queue, and may take liquidity on the way."""
        order.market.book.side(order.side).remove(order)
        order.account.unrest(order)
        batch.level(order, -order.remaining)
        order.price, order.remaining = wish.price, Count(remaining)
        self.matcher.run(order, batch)

    def _rename(self, account: Account, order: Order, wish: Amendment) -> None:
        if wish.updated_client_order_id:
            account.client_ids.add(wish.updated_client_order_id)
            order.client_order_id = wish.updated_client_order_id
        if wish.expiration_ns is not None:
            order.expiration_ns = wish.expiration_ns
            if wish.expiration_ns:
                self.at(wish.expiration_ns, partial(self._expire, order, wish.expiration_ns))


def _value(side: BookSide, filled: int, paid: int) -> int:
    """What has been filled is worth at YES prices; a sale pays NO prices."""
    return paid if side is BID else PRICE_SCALE * filled - paid

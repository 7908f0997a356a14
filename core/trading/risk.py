"""RiskController and CircuitBreaker: checks before every send, and the latch that stops new risk.

Nothing here can block a cancel or a read. A check is a pure look at the books: it either denies, naming the gate, the
value and the limit, or says nothing. The breaker trips by counted errors and is closed only by hand, with a reason.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from core.domain.amounts import (
    NO_MONEY,
    PRICE_SCALE,
    Count,
    Money,
    Price,
    contracts,
    count_text,
    dollars,
    money_text,
    price_text,
    worst_loss,
)
from core.domain.commands import AmendOrder, PlaceOrder
from core.domain.enums import BookSide, OrderState, Permission, TimeInForce
from core.domain.ids import ClientOrderId, EventTicker, Ticker
from core.market.view import Market, Markets
from core.trading.order import Order
from core.trading.orders import OrderService
from core.trading.positions import PositionTracker

NS = 1_000_000_000
EVENTS_KEPT = 20
N = TypeVar("N", bound=int)


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLimits:
    """Limits in force. Sizes and positions in contracts (Count), exposure and losses in Money. 0 losses: no limit."""

    order_size: Count = contracts(100)
    position: Count = contracts(100)
    open_orders: int = 10
    exposure: Money = dollars(1000)
    event_position: Count = contracts(300)
    lowest_price: Price = Price(200)
    highest_price: Price = Price(9_800)
    orders_per_second: int = 5
    daily_loss: Money = dollars(100)
    drawdown: Money = dollars(200)
    # (errors, window): any of them trips the breaker; a long window sees what stays just under a short one.
    breaker_windows: tuple[tuple[int, int], ...] = ((5, 60 * NS), (15, 600 * NS))


@dataclass(frozen=True, slots=True)
class Denial:
    """Our own no: the gate with value and limit as text."""

    gate: str
    value: str
    limit: str
    text: str


@dataclass(frozen=True, slots=True)
class Gate:
    """One check of the chain: what it looked at beside what it allows, and its no if it says no."""

    name: str
    value: str
    limit: str
    denial: Denial | None = None


class RiskController:
    """Pre-trade checks over orders, positions and the market; keeps the order rate."""

    def __init__(self, limits: RiskLimits, orders: OrderService, positions: PositionTracker, markets: Markets) -> None:
        self.limits = limits
        self.minimum_cash = NO_MONEY  # below it cash recovery begins
        self._markets = markets
        self._orders = orders
        self._positions = positions
        self._sent_ns: deque[int] = deque()
        # Until then the exchange lets nothing new in.
        self.hold_until_ns = 0
        self._reserved = NO_MONEY
        self._reserved_version = (-1, -1)
        self._others = NO_MONEY
        self._others_version = (-1, -1)
        self._event = 0
        self._event_version = (-1, -1)
        self._worst = 0
        self._worst_version = (-1, -1)

    def exposure(self) -> Money:
        """Loss if every position settles against us plus the worst case of orders not yet final.

        An order that only reduces what is held adds nothing, as far as all such orders together stay within it.
        """
        return Money(self._positions.cost_at_risk() + self.reserved() + self._unheld())

    def _unheld(self) -> int:
        """What fills cost that the exchange tells of and we do not hold yet, as far as they do not close anything."""
        opening = (o for o in self._orders.missing_fills() if self._positions.net(o.ticker) * o.side.sign >= 0)
        return sum(worst_loss(o.price, Count(o.missing), buys_yes=o.side is BookSide.BID) for o in opening)

    def over_limit(self) -> bool:
        """True when what is there already passes a limit: more exposure or more open orders than are allowed."""
        open_orders = len(self._orders.get_open_orders())
        return self.exposure() > self.limits.exposure or open_orders > self.limits.open_orders

    def reserved(self) -> Money:
        """Worst case of open orders; the exchange reserves the same: "Resting orders reserve their worst-case cost",
        and "selling what you hold needs no new collateral up to the position size".
        """
        version = (self._orders.version, self._positions.version)
        if version != self._reserved_version:
            tickers = self._orders.open_tickers()
            total = sum(self._side_worst(ticker, side) for ticker in tickers for side in BookSide)
            self._reserved, self._reserved_version = Money(total), version
        return self._reserved

    def reserved_without(
        self, orders: Collection[ClientOrderId], listed: Mapping[ClientOrderId, tuple[Price, int]] | None = None
    ) -> Money:
        """As `reserved`, as if these orders were not there, and as if others were what a list says of them: price and
        contracts that rest.
        """
        sides = ((ticker, side) for ticker in self._orders.open_tickers() for side in BookSide)
        return Money(sum(self._side_worst(*one, without=orders, listed=listed) for one in sides))

    def reserved_by_others(self) -> Money:
        """What of it foreign orders hold: theirs to free, not ours."""
        version = (self._orders.version, self._positions.version)
        if version != self._others_version:
            foreign = {order.client_order_id for order in self._orders.foreign_orders()}
            held = self.reserved() - self.reserved_without(foreign) if foreign else 0
            self._others, self._others_version = Money(held), version
        return self._others

    def _side_worst(
        self,
        ticker: Ticker,
        side: BookSide,
        *,
        without: Collection[ClientOrderId] = (),
        listed: Mapping[ClientOrderId, tuple[Price, int]] | None = None,
    ) -> int:
        held = self._positions.net(ticker)
        cover = abs(held) if held * side.sign < 0 else 0
        worst = 0
        open_here = (o for o in self._orders.open_in(ticker) if o.side is side and o.client_order_id not in without)
        told = listed or {}
        counted = [told.get(o.client_order_id, (o.worst_price, o.remaining)) for o in open_here]
        for price, remaining in sorted(counted, key=lambda row: -row[0] * side.sign):
            covered = min(cover, remaining)
            cover -= covered
            worst += worst_loss(price, Count(remaining - covered), buys_yes=side is BookSide.BID)
        return worst

    def worst_position(self, ticker: Ticker) -> int:
        """The largest absolute position that could come of what is held and all open orders of one side."""
        held = self._positions.net(ticker)
        up = held + self._orders.resting_worst(ticker, BookSide.BID)
        down = held - self._orders.resting_worst(ticker, BookSide.ASK)
        return max(abs(up), abs(down), abs(held))

    def largest_worst_position(self) -> int:
        """The largest `worst_position` of any market; worked out anew only when a position or an order moved."""
        version = (self._orders.version, self._positions.version)
        if version != self._worst_version:
            tickers = {p.ticker for p in self._positions.all()}.union(self._orders.open_tickers())
            self._worst = max((self.worst_position(ticker) for ticker in tickers), default=0)
            self._worst_version = version
        return self._worst

    def largest_worst_event(self) -> int:
        """The most worst-case contracts over the markets of any one event."""
        version = (self._orders.version, self._positions.version)
        if version != self._event_version:
            tickers = {p.ticker for p in self._positions.all()}.union(self._orders.open_tickers())
            totals: dict[EventTicker | None, int] = {}
            for ticker in tickers:
                market = self._markets.get(ticker)
                event = market.info.event_ticker if market else None
                totals[event] = totals.get(event, 0) + self.worst_position(ticker)
            totals.pop(None, None)
            self._event, self._event_version = max(totals.values(), default=0), version
        return self._event

    def reducible(self, ticker: Ticker, side: BookSide) -> int:
        """Contracts that an order of `side` may take off the position beyond what open exits already do."""
        held = self._positions.net(ticker)
        if held * side.sign >= 0:
            return 0
        return max(0, abs(held) - self._orders.resting_worst(ticker, side))

    def check_order(
        self, wish: PlaceOrder, market: Market | None, permission: Permission, why: str, now_ns: int
    ) -> Denial | None:
        """None when the order may be sent; else the first gate that denies it."""
        chain = self.gates(wish, market, permission, why, now_ns)
        return next((gate.denial for gate in chain if gate.denial), None)

    def gates(
        self, wish: PlaceOrder, market: Market | None, permission: Permission, why: str, now_ns: int
    ) -> Iterator[Gate]:
        """Every check the order meets, in order, each with its value and limit. Changes nothing."""
        yield self._market_gate(wish, market)
        yield self._doubt_gate(wish)
        yield self._size_gate(wish)
        yield self._price_gate(wish, market)
        reducing = 0 < wish.count <= self.reducible(wish.ticker, wish.side)
        yield self._permission_gate(permission, why, reducing=reducing)
        if not reducing:
            yield self._band_gate(wish)
            yield from self._limit_gates(wish)
        elif wish.time_in_force is TimeInForce.GOOD_TILL_CANCELED:
            # A reducing order that may rest counts too: over this limit every own order would be canceled.
            yield self._open_orders_gate()
        yield self._rate_gate(now_ns)

    def check_amend(
        self, order: Order, wish: AmendOrder, market: Market | None, permission: Permission, why: str, now_ns: int
    ) -> Denial | None:
        """None when the change may be sent; else the first gate that denies it."""
        chain = self.amend_gates(order, wish, market, permission, why, now_ns)
        return next((gate.denial for gate in chain if gate.denial), None)

    def amend_gates(
        self, order: Order, wish: AmendOrder, market: Market | None, permission: Permission, why: str, now_ns: int
    ) -> list[Gate]:
        """Like a new order of the wished size in place of the old one, which counts for nothing meanwhile."""
        resting = order.state is OrderState.RESTING and order.order_id is not None
        text = f"Order is not resting: {order.state}"
        denial = None if resting else Denial("order", order.state.value, "RESTING", text)
        first = Gate("order", order.state.value, "RESTING", denial)
        if not resting:
            return [first]
        replaced = PlaceOrder(ticker=order.ticker, side=order.side, price=wish.price, count=wish.count)
        count = order.count
        order.count = order.done
        self._reserved_version = (-1, -1)
        try:
            chain = list(self.gates(replaced, market, permission, why, now_ns))
        finally:
            order.count = count
            self._reserved_version = (-1, -1)
        # One order stays one order.
        return [first, *(gate for gate in chain if gate.name != "open orders")]

    def note_sent(self, now_ns: int) -> None:
        """Count an order towards the rate limit."""
        self._sent_ns.append(now_ns)

    @staticmethod
    def _permission_gate(permission: Permission, why: str, *, reducing: bool) -> Gate:
        value, limit = permission.name.lower(), "reduce_only" if reducing else "trade"
        if permission is Permission.TRADE or (reducing and permission is Permission.REDUCE_ONLY):
            return Gate("permission", value, limit)
        words = {Permission.REDUCE_ONLY: "Only reducing orders", Permission.CANCEL_ONLY: "Only cancels"}
        text = f"{words.get(permission, 'Nothing is permitted')}: {why}"
        return Gate("permission", value, limit, Denial("permission", value, "trade", text))

    @staticmethod
    def _market_gate(wish: PlaceOrder, market: Market | None) -> Gate:
        if market is None:
            return _refuse("market", wish.ticker, "known", f"Unknown market: {wish.ticker}")
        if not market.tradable:
            why = market.why_not_tradable()
            return _refuse("market", why, "tradable", f"Market closed to us: {wish.ticker}: {why}")
        return Gate("market", f"{market.info.status}, book trusted", "tradable")

    def _doubt_gate(self, wish: PlaceOrder) -> Gate:
        """While an order's outcome is not known, its market is closed."""
        doubtful = next((o for o in self._orders.in_doubt() if o.ticker == wish.ticker), None)
        if doubtful is None:
            return Gate("in doubt", "none", "none")
        name = doubtful.client_order_id
        text = f"Market closed to us: {wish.ticker}: {name} is in doubt"
        return Gate("in doubt", name, "none", Denial("market", f"{name} in doubt", "known", text))

    @staticmethod
    def _size_gate(wish: PlaceOrder) -> Gate:
        if wish.count <= 0:
            return _refuse("contracts", count_text(wish.count), "> 0", "Size is not above zero")
        return Gate("contracts", count_text(wish.count), "> 0")

    @staticmethod
    def _price_gate(wish: PlaceOrder, market: Market | None) -> Gate:
        shown = price_text(wish.price) if 0 < wish.price < PRICE_SCALE else str(wish.price)
        if market is not None and not market.grid.is_valid(wish.price):
            fine = price_text(wish.price, fine=True) if 0 < wish.price < PRICE_SCALE else shown
            return _refuse("price", fine, "on the grid", f"Price off the market's grid: {fine}")
        return Gate("price", shown, "on the grid")

    def _band_gate(self, wish: PlaceOrder) -> Gate:
        """New risk near 0 or 1 dollar wins cents and loses dollars: it stays inside the band."""
        low, high = self.limits.lowest_price, self.limits.highest_price
        shown, band = price_text(wish.price), f"{price_text(low)}-{price_text(high)}"
        if low <= wish.price <= high:
            return Gate("price band", shown, band)
        return _refuse("price band", shown, band, f"Price outside the band: {shown} not in {band}")

    def event_worst(self, event: EventTicker, ticker: Ticker, worst: int) -> int:
        """Worst-case contracts over all markets of an event, with `worst` in place of one market's own."""
        total = worst
        for market in self._markets.of_event(event):
            if market.info.ticker != ticker:
                total += self.worst_position(market.info.ticker)
        return total

    def _limit_gates(self, wish: PlaceOrder) -> Iterator[Gate]:
        limits = self.limits
        yield _most("Order size", wish.count, limits.order_size, count_text)
        held = self._positions.net(wish.ticker)
        side_worst = self._orders.resting_worst(wish.ticker, wish.side) + wish.count
        worst = abs(held + wish.side.sign * side_worst)
        yield _most("Position", Count(worst), limits.position, count_text)
        market = self._markets.get(wish.ticker)
        if market is not None:
            both = max(worst, self.worst_position(wish.ticker))
            event = self.event_worst(market.info.event_ticker, wish.ticker, both)
            yield _most("Event position", Count(event), limits.event_position, count_text)
        yield self._open_orders_gate()
        new = worst_loss(wish.price, wish.count, buys_yes=wish.side is BookSide.BID)
        yield _most("Exposure", Money(self.exposure() + new), limits.exposure, money_text)
        if self.minimum_cash and self._positions.cash_known:
            yield self._cash_gate(new)

    def _cash_gate(self, new: int) -> Gate:
        """What cash recovery has just freed is not spent again: new risk leaves the threshold in cash, were every open
        order to fill at its worst.
        """
        left = Money(self._positions.cash - self.reserved() - new)
        value, least = money_text(left), money_text(self.minimum_cash)
        if left >= self.minimum_cash:
            return Gate("minimum cash", value, f"at least {least}")
        return _refuse(
            "minimum cash", value, f"at least {least}", f"Cash would fall below its threshold: {value} < {least}"
        )

    def _open_orders_gate(self) -> Gate:
        return _most("Open orders", len(self._orders.get_open_orders()) + 1, self.limits.open_orders, str)

    def rate_room(self, now_ns: int) -> int:
        """Orders that may still leave within this second."""
        while self._sent_ns and now_ns - self._sent_ns[0] >= NS:
            self._sent_ns.popleft()
        if now_ns < self.hold_until_ns:
            return 0
        return self.limits.orders_per_second - len(self._sent_ns)

    def _rate_gate(self, now_ns: int) -> Gate:
        if now_ns < self.hold_until_ns:
            wait = f"{-(-(self.hold_until_ns - now_ns) // NS)} s"
            text = f"Order rate: the exchange takes none, next try in {wait}"
            return _refuse("order rate", "held back", wait, text)
        limit = self.limits.orders_per_second
        used = limit - self.rate_room(now_ns)
        return _most("Order rate", used + 1, limit, lambda count: f"{count}/s")


def _refuse(gate: str, value: str, limit: str, text: str) -> Gate:
    return Gate(gate, value, limit, Denial(gate, value, limit, text))


def _most(name: str, value: N, limit: N, shown: Callable[[N], str]) -> Gate:
    """A gate that lets through what is not above its limit."""
    over = value > limit
    words, most = shown(value), shown(limit)
    if not over:
        return Gate(name.lower(), words, most)
    return _refuse(name.lower(), words, most, f"{name} exceeds limit: {words} > {most}")


class CircuitBreaker:
    """Latches after too many errors in any window, a loss, or drift; while tripped only reducing orders pass."""

    def __init__(self, limits: RiskLimits) -> None:
        self._windows = limits.breaker_windows
        self._errors: deque[int] = deque()
        self.tripped = False
        self.reason = ""
        self.value = ""
        self.limit = ""
        self.tripped_at: int | None = None
        # What was counted, tripped and reset, newest last: (wall time, words).
        self.events: deque[tuple[int, str]] = deque(maxlen=EVENTS_KEPT)

    @property
    def errors_limit(self) -> int:
        """Errors that trip the shortest window."""
        return self._windows[0][0]

    def errors(self, now_ns: int) -> int:
        """Errors that still count in the shortest window."""
        return self.count(now_ns, self._windows[0][1])

    def count(self, now_ns: int, window_ns: int) -> int:
        """Errors of the last `window_ns`."""
        longest = max(window for _, window in self._windows)
        while self._errors and now_ns - self._errors[0] > longest:
            self._errors.popleft()
        return sum(1 for at in self._errors if now_ns - at <= window_ns)

    def record_error(self, what: str, now_ns: int, wall_ns: int) -> bool:
        """Count an error; True when this one tripped the breaker."""
        self._errors.append(now_ns)
        self.events.append((wall_ns, f"error counted: {what}"))
        if self.tripped:
            return False
        for limit, window_ns in self._windows:
            count = self.count(now_ns, window_ns)
            if count >= limit:
                reason = f"{count} errors in {window_ns // NS} s, last: {what}"
                self.trip(reason, str(count), str(limit), wall_ns)
                return True
        return False

    def trip(self, reason: str, value: str, limit: str, wall_ns: int) -> None:
        self.tripped, self.reason, self.value, self.limit = True, reason, value, limit
        self.tripped_at = wall_ns
        self.events.append((wall_ns, f"tripped: {reason}"))

    def why_not_reset(self, now_ns: int, cause_lasts: str) -> str:
        """Why a reset by hand is refused now; "" when it is not. `cause_lasts` names a cause that is still there."""
        if not self.tripped:
            return "the breaker is not tripped"
        return f"its cause lasts: {cause_lasts}" if cause_lasts else ""

    def reset(self, reason: str, wall_ns: int) -> None:
        """Close it; the error count starts anew."""
        self._errors.clear()
        self.events.append((wall_ns, f"reset: {reason}"))
        self.tripped, self.reason, self.value, self.limit = False, "", "", ""

"""Desk: everything the trader holds, in one place with one owner: the engine.

Procedures and handlers read it and act through its few verbs. Time is set at the start of each step and nowhere else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec

from core.domain.amounts import NO_MONEY, NO_PRICE, Count, Money, Price, money_text, worst_loss
from core.domain.commands import AmendOrder, PlaceOrder
from core.domain.enums import BookSide, Ownership, PauseKind, Permission, TraderState
from core.domain.events import Fact
from core.domain.ids import ClientOrderId, Ticker
from core.domain.records import BreakerMoved, DayOpened, PeakReached, StateMoved
from core.market.view import Markets
from core.trading.day import DayLedger
from core.trading.equity import EquityTracker
from core.trading.fills import FillProcessor
from core.trading.freshness import Freshness
from core.trading.order import Order
from core.trading.order_group import SessionGroup
from core.trading.orders import OrderService
from core.trading.outbox import Outbox
from core.trading.permission import Standing, permission
from core.trading.positions import PositionTracker
from core.trading.pricing import price_by_rule
from core.trading.refusals import Refusals
from core.trading.risk import CircuitBreaker, Denial, RiskController, RiskLimits
from core.trading.snapshot import StatusEntry
from core.trading.state_machine import TraderStateMachine
from core.trading.status import StatusLogger

NS = 1_000_000_000
MS = 1_000_000
EQUITY_EVERY_NS = 100 * MS
FAILURES_KEPT = 1_000
FILLS_READ_BACK_MS = 3_600_000
BASE_CONTESTED_NS = 5 * NS
ANSWERS_KEPT = 64
LOST_READS = 3  # one after the other: nobody answers there
MARKS_WITHIN_NS = 10 * NS


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskSettings:
    """What the pure parts need to know of the settings."""

    limits: RiskLimits
    prefix: str = "kt"
    session: str = "session"
    enable_trading_client: bool = True
    armed: bool = True
    minimum_cash: Money = NO_MONEY
    lease_s: int = 120
    quote_markets: int = 4
    sync_ns: int = 60 * NS
    group_limit: int = 0
    started_at: int = 0
    day_base: Money | None = None
    day_base_at: int = 0
    peak: Money | None = None
    status_interval_ns: int = 30 * NS
    health_check_ns: int = 30 * NS


@dataclass(slots=True)
class Links:
    """How the roads to the exchange stand."""

    stream_up: bool = False
    stream_epoch: int = 0
    subscribed: frozenset[str] = frozenset()
    client_up: bool = False
    exchange_active: bool = False
    trading_active: bool = False
    journal_ok: bool = True
    last_message_ns: int | None = None
    last_reply_ns: int | None = None
    rest_latency_ns: int | None = None
    failed_reads: int = 0
    doubted: bool = False  # a write had no reply: whether anybody answers is asked at once
    lag_p99_us: int | None = None
    read_tokens: int | None = None
    write_tokens: int | None = None
    gaps: int = 0
    resyncs: int = 0
    reconnects: int = 0
    refused_frames: int = 0
    overflowed_ns: int = -NS
    failed_writes_ns: deque[int] = field(default_factory=lambda: deque(maxlen=FAILURES_KEPT))

    written_ns: int = 0  # the last write that was answered

    def writes_failed(self, since_ns: int) -> tuple[int, int | None]:
        """Orders, changes and cancels since then that no answer came for or that could not be done, and the last."""
        times = [at_ns for at_ns in self.failed_writes_ns if at_ns > since_ns]
        return len(times), times[-1] if times else None


class Desk:
    """The trader's whole state. Only the engine's step changes it."""

    def __init__(self, settings: DeskSettings, known_ids: frozenset[str], journal_position: int) -> None:
        self.settings = settings
        self.out = Outbox(journal_position)
        self.markets = Markets()
        self.orders = OrderService(settings.prefix, settings.session, known_ids)
        self.positions = PositionTracker()
        self.fills = FillProcessor()
        self.risk = RiskController(settings.limits, self.orders, self.positions, self.markets)
        self.risk.minimum_cash = settings.minimum_cash
        self.breaker = CircuitBreaker(settings.limits)
        self.status = StatusLogger()
        self.group = SessionGroup(settings.group_limit)
        self.links = Links()
        self.now_ns = 0
        self.wall_ns = settings.started_at
        self.machine = TraderStateMachine(0, settings.started_at)
        self.armed = settings.armed
        self.reducing = False
        self._stands: tuple[TraderState | bool, ...] = ()
        self._permitted = (Permission.NOTHING, "")
        self.answers: dict[int, Fact] = {}
        self.day = DayLedger()
        self.recalled = False
        self.fills_since_ms = settings.started_at // MS
        self.equity = EquityTracker(settings.day_base, settings.day_base_at, settings.peak)
        self._equity_ns = -EQUITY_EVERY_NS
        self._marked = False
        self.base_ns: int | None = None
        self.base_orders: frozenset[ClientOrderId] = frozenset()
        self.contested: set[Ticker] = set()  # traded about when the base was read
        # Orders in doubt that the base's reading did not list, with what they would reserve.
        self.unseen_at_base: dict[ClientOrderId, int] = {}
        self.synced_at = 0
        self.fills_at_sync = 0
        self.foreign_tickers: set[Ticker] = set()
        self.refusals = Refusals()
        self.freshness = Freshness()
        self.terms_stale = False
        self.suspicion = ""  # why our books must be compared at once
        self.drift_cash = NO_MONEY
        self.drift_positions = 0

    # ---- time and state ----------------------------------------------------------------------------------------

    @property
    def state(self) -> TraderState:
        return self.machine.state

    def move(self, target: TraderState, reason: str, pause: PauseKind | None = None, *, quiet: bool = False) -> None:
        """Move the state machine; journaled and told. `quiet` for READY/ACTING pairs, which are only counted."""
        source = self.machine.state
        self.machine.move(target, reason, self.now_ns, self.wall_ns, pause)
        if quiet:
            return
        self.out.record(StateMoved(at=self.wall_ns, source=source, target=target, reason=reason))
        self.status.log_state_transition(self.wall_ns, source, target, reason)
        self.log_status()

    def log_status(self) -> None:
        """Add the present moment to the status history."""
        machine, positions, orders = self.machine, self.positions, self.orders
        self.status.log_status(
            StatusEntry(
                at=self.wall_ns,
                state=machine.state,
                label=machine.label(self.armed),
                seconds_in_state=max(0, self.now_ns - machine.entered_ns) // NS,
                reason=machine.reason,
                permission=self.permission()[0].name.lower(),
                health="",
                breaker_tripped=self.breaker.tripped,
                portfolio=None,
                day=None,
                realized=positions.realized,
                fees=positions.fees,
                exposure=self.risk.exposure(),
                positions=len(positions.open()),
                orders=len(orders.get_open_orders()),
                in_doubt=len(orders.in_doubt()),
                placed=orders.counts.placed,
                fills=self.fills.applied,
                errors=len(self.status.errors),
            )
        )

    @property
    def rest_up(self) -> bool:
        """Whether requests are answered. Who only watches connects no trading client: there the readings tell."""
        links = self.links
        reads = links.last_reply_ns is not None and links.failed_reads < LOST_READS
        return links.client_up if self.settings.enable_trading_client else reads

    def permission(self) -> tuple[Permission, str]:
        """What is permitted, and why not more; worked out anew when anything it depends on moved."""
        links, over_limit = self.links, self.risk.over_limit()
        connected, tripped = links.stream_up and links.client_up, self.breaker.tripped
        stands = (self.machine.state, connected, links.journal_ok, tripped, self.armed, self.reducing, over_limit)
        if stands != self._stands:
            self._stands = stands
            self._permitted = permission(
                Standing(
                    state=self.machine.state,
                    client_on=self.settings.enable_trading_client,
                    connected=connected,
                    journal_ok=links.journal_ok,
                    breaker_tripped=tripped,
                    armed=self.armed,
                    reducing=self.reducing,
                    over_limit=over_limit,
                )
            )
        return self._permitted

    # ---- orders ------------------------------------------------------------------------------------------------

    def check(self, wish: PlaceOrder) -> Denial | None:
        """What would deny this order now; None when it would be sent. Changes nothing."""
        permitted, why = self.permission()
        return self.risk.check_order(wish, self.markets.get(wish.ticker), permitted, why, self.now_ns)

    def check_together(self, wishes: Sequence[PlaceOrder]) -> Denial | None:
        """What would deny any of several orders of one event were those before it sent; None when all may leave."""
        risk, limits, cash = self.risk, self.risk.limits, self.risk.minimum_cash
        spent = contracts = 0
        try:
            for sent, wish in enumerate(wishes):
                risk.limits = replace(
                    limits,
                    open_orders=limits.open_orders - sent,
                    orders_per_second=limits.orders_per_second - sent,
                    exposure=Money(limits.exposure - spent),
                    event_position=Count(limits.event_position - contracts),
                )
                risk.minimum_cash = Money(cash + spent) if cash else cash
                denial = self.check(wish)
                if denial is not None:
                    return denial
                spent += worst_loss(wish.price, wish.count, buys_yes=wish.side is BookSide.BID)
                contracts += wish.count
        finally:
            risk.limits, risk.minimum_cash = limits, cash
        return None

    def priced(self, wish: PlaceOrder) -> PlaceOrder:
        """The wish with the price its rule names; unchanged without a rule, price 0 when the book gives none."""
        market = self.markets.get(wish.ticker)
        if wish.rule is None or market is None:
            return wish
        price = price_by_rule(market, wish.side, wish.count, wish.rule) if market.tradable else None
        return msgspec.structs.replace(wish, price=price or NO_PRICE)

    def place(self, wish: PlaceOrder) -> Order | Denial:
        """Check and, if permitted, journal and send. Check and send are one step: nobody else can run between."""
        wish = self.priced(wish)
        denial = self.check(wish)
        if denial is not None:
            self.orders.counts.denied += 1
            return denial
        self.risk.note_sent(self.now_ns)
        self.day.order_placed(self.wall_ns)
        expires = self.wall_ns // NS + self.settings.lease_s
        return self.orders.place_order(wish, self.out, self.now_ns, self.wall_ns, expires, self.group.member_id)

    def amend(self, wish: AmendOrder) -> Order | Denial:
        """Check and, if permitted, journal and send a change of a resting order."""
        order = self.orders.get(wish.client_order_id)
        if order is None or order.ownership is Ownership.FOREIGN:
            return Denial("order", "unknown", "own", "No such order of ours")
        permitted, why = self.permission()
        market = self.markets.get(order.ticker)
        denial = self.risk.check_amend(order, wish, market, permitted, why, self.now_ns)
        if denial is not None:
            self.orders.counts.denied += 1
            return denial
        self.risk.note_sent(self.now_ns)
        self.orders.amend_order(order, wish.price, wish.count, self.out, self.wall_ns, wish.origin)
        return order

    def cancel(self, order: Order) -> None:
        self.orders.cancel_order(order, self.out, self.now_ns)

    def cancel_own(self) -> tuple[Order, ...]:
        """Ask for the end of every open order that is ours; returns those still open."""
        open_orders = self.orders.get_open_orders()
        for order in open_orders:
            self.cancel(order)
        return open_orders

    def foreign_count(self) -> int:
        return sum(1 for o in self.orders.foreign_orders() if o.ownership is Ownership.FOREIGN)

    # ---- money -------------------------------------------------------------------------------------------------

    def portfolio(self) -> Money:
        """Cash plus positions at mark; a position without a mark counts at its cost."""
        total = self.positions.cash
        for position in self.positions.open():
            mark, _ = self.markets.mark(position.ticker, position.count)
            total += position.cost if mark is None else position.value_at(Price(mark))
        return Money(total)

    def note_equity(self) -> None:
        """Follow the portfolio once cash is known, some times a second; the base of a new day is journaled."""
        if self.now_ns - self._equity_ns < EQUITY_EVERY_NS:
            return
        self._equity_ns = self.now_ns
        if self._valued() and self.equity.note(self.portfolio(), self.wall_ns):
            self.out.record(DayOpened(at=self.wall_ns, portfolio=self.equity.portfolio))
        peak = self.equity.peak_to_keep()
        if peak is not None:
            self.out.record(PeakReached(at=self.wall_ns, portfolio=peak))

    def _valued(self) -> bool:
        """Whether a portfolio is worth noting: cash is known, and at the start the books of what is held have come. The
        step from last prices to bids is no result, and no base to count one from.
        """
        if not self._marked and self.base_ns is not None:
            books = [self.markets.get(position.ticker) for position in self.positions.open()]
            come = all(market is not None and market.book.trusted for market in books)
            self._marked = come or self.now_ns - self.base_ns >= MARKS_WITHIN_NS
        return self._marked and self.positions.cash_known

    def loss_over_limit(self) -> tuple[str, Money, Money] | None:
        """The loss limit that is passed now, with value and limit; None when none is."""
        limits = self.settings.limits
        rows = (
            ("daily loss", Money(-self.equity.day_result), limits.daily_loss),
            ("drawdown", self.equity.drawdown, limits.drawdown),
        )
        return next(((name, value, limit) for name, value, limit in rows if limit and value >= limit), None)

    def check_losses(self) -> None:
        """A loss over its limit trips the breaker, and lasts as its cause until it is over."""
        passed = self.loss_over_limit()
        if passed is not None and not self.breaker.tripped:
            name, value, limit = passed
            self.breaker.trip(
                f"{name} {money_text(value)} reached {money_text(limit)}",
                money_text(value),
                money_text(limit),
                self.wall_ns,
            )
            self.breaker_moved()

    # ---- trouble -----------------------------------------------------------------------------------------------

    def error(self, what: str, context: str = "", *, counts: bool = True) -> None:
        """Log an error; with `counts` it also feeds the breaker."""
        self.status.log_error(self.wall_ns, what, context)
        if counts and self.breaker.record_error(what, self.now_ns, self.wall_ns):
            self.breaker_moved()

    def warn(self, what: str, context: str = "") -> None:
        self.status.log_error(self.wall_ns, what, context, severity="warning")

    def breaker_moved(self) -> None:
        """Journal and tell that the breaker tripped or was reset."""
        b = self.breaker
        self.out.record(BreakerMoved(at=self.wall_ns, tripped=b.tripped, reason=b.reason, value=b.value, limit=b.limit))
        if b.tripped:
            self.status.log_error(self.wall_ns, f"circuit breaker tripped: {b.reason}", "press b")
        else:
            self.status.log_action_result(self.wall_ns, "breaker", "reset by hand")

    def compared(self, cash_drift: Money) -> None:
        """A comparison with the exchange has just ended; what it found is told until the next one."""
        self.synced_at, self.drift_cash = self.wall_ns, cash_drift
        self.fills_at_sync = self.fills.applied
        self.foreign_tickers.clear()
        self.contested.clear()
        # What is compared is not read back for ever, and what is not read back need not be remembered.
        self.fills_since_ms = max(self.fills_since_ms, self.wall_ns // MS - FILLS_READ_BACK_MS)
        self.fills.forget_before(self.fills_since_ms - FILLS_READ_BACK_MS)
        if not cash_drift:
            self.positions.awaiting.clear()
        if not self.orders.in_doubt():
            self.unseen_at_base.clear()
        if not cash_drift and not self.drift_positions:
            self.orders.nothing_missing(self.now_ns)

    def base_taken(self) -> None:
        """Our books have just begun with a reading."""
        self.base_ns = self.now_ns
        met = self.orders.get_open_orders() + self.orders.foreign_orders()
        self.base_orders = frozenset(order.client_order_id for order in met)

    def may_be_in_base(self, order: Order | None) -> bool:
        """Whether a fill told now, of this order or of an unknown one, may have been part of the reading our books
        began with.
        """
        if self.base_ns is None or self.now_ns - self.base_ns >= BASE_CONTESTED_NS:
            return False
        return order is None or order.client_order_id in self.base_orders

    # ---- answers to reads --------------------------------------------------------------------------------------

    def answer(self, request_id: int) -> Fact | None:
        """The reply to a read of ours, once; None while it is under way."""
        return self.answers.pop(request_id, None)

    def keep_answer(self, request_id: int, fact: Fact) -> None:
        """Keep a reply for who asked; one whose asker is gone makes room in time."""
        self.answers[request_id] = fact
        if len(self.answers) > ANSWERS_KEPT:
            del self.answers[next(iter(self.answers))]

"""OrderService: the life of every order: place, cancel, fills, in doubt.

It knows all orders of the account: our own, adopted ones and foreign ones, told apart. Every change of state goes
through the table in `order_states.py`. An outcome that is not known is IN_DOUBT, counted at its worst, and settled by
look-up after a wait, never by sending again. Filled amounts come from fills; what a reply or report claims beyond the
fills we hold is `missing` until the fill itself is read.
"""

from __future__ import annotations

import contextlib
from collections import deque

from core.domain.amounts import Count, Price
from core.domain.commands import PlaceOrder
from core.domain.effects import ReadKind, SendAmend, SendCancel, SendDecrease
from core.domain.enums import BookSide, OrderState, OrderStatus, Origin, Ownership, TimeInForce
from core.domain.events import FillReported, OrderReport
from core.domain.ids import ClientOrderId, OrderId, Ticker
from core.domain.records import AmendIntended, Corrected, OrderMoved
from core.trading.order import O, Order, OrderCounts
from core.trading.order_states import Happened, next_state
from core.trading.outbox import Outbox

MS = 1_000_000
NS = 1_000_000_000
CANCEL_RETRY_NS = NS // 2
CANCEL_RETRY_LONGEST_NS = 4 * NS
SETTLE_NS = 10 * NS
LOOKUP_AGAIN_NS = 2 * NS
LOOKUPS_BEFORE_ABSENT = 2
FINISHED_KEPT = 2000
ORPHANS_KEPT = 1000


class OrderService:
    """All orders by client id; own and adopted ones are ours to cancel, foreign ones are only counted."""

    def __init__(self, prefix: str, session: str, known_ids: frozenset[str] = frozenset()) -> None:
        self._prefix = prefix
        self._session = session
        self._known_ids = known_ids
        self._sequence = 0
        self._open: dict[ClientOrderId, Order] = {}
        self._open_in: dict[Ticker, dict[ClientOrderId, Order]] = {}
        self._all: dict[ClientOrderId, Order] = {}
        self._by_order_id: dict[OrderId, Order] = {}
        self._orphans: dict[OrderId, int] = {}
        self.finished: deque[Order] = deque(maxlen=FINISHED_KEPT)
        self._claimed: dict[ClientOrderId, Order] = {}
        self.counts = OrderCounts()
        self.version = 0

    # ---- questions ---------------------------------------------------------------------------------------------

    def get(self, client_order_id: ClientOrderId) -> Order | None:
        return self._all.get(client_order_id)

    def find(self, order_id: OrderId, client_order_id: ClientOrderId | None) -> Order | None:
        order = self._by_order_id.get(order_id)
        return order if order or client_order_id is None else self._all.get(client_order_id)

    def get_open_orders(self) -> tuple[Order, ...]:
        """Open orders that are ours to manage, oldest first."""
        return tuple([o for o in self._open.values() if o.ownership is not Ownership.FOREIGN])

    def foreign_orders(self) -> tuple[Order, ...]:
        return tuple([o for o in self._open.values() if o.ownership is Ownership.FOREIGN])

    def open_in(self, ticker: Ticker) -> tuple[Order, ...]:
        return tuple(self._open_in.get(ticker, {}).values())

    def open_tickers(self) -> tuple[Ticker, ...]:
        """Markets in which any order is open, in order."""
        return tuple(sorted(self._open_in))

    def in_doubt(self) -> tuple[Order, ...]:
        return tuple(o for o in self._open.values() if o.state is O.IN_DOUBT)

    def action_in_flight(self) -> str:
        """What the oldest request of ours on its way does: buy, sell, amend or cancel; "" when there is none."""
        flying = (o for o in self._open.values() if o.in_flight and o.ownership is not Ownership.FOREIGN)
        return next((o.action for o in flying), "")

    def longest_unanswered_ns(self, now_ns: int) -> int:
        """How long the oldest order on its way has had no reply; 0 without one."""
        return max((now_ns - o.created_ns for o in self._open.values() if o.state is O.SENT), default=0)

    def missing_fills(self) -> tuple[Order, ...]:
        self._claimed = {key: order for key, order in self._claimed.items() if order.missing}
        return tuple(self._claimed.values())

    def nothing_missing(self, now_ns: int) -> None:
        """Books and exchange agree: what an order was claimed to have filled beyond its fills was never true."""
        for order in self.missing_fills():
            if now_ns - order.claimed_ns > SETTLE_NS:
                order.claimed, self.version = order.filled, self.version + 1

    def open_or_just_ended(self) -> bool:
        """True while an order is open; one that could have traded must not be taken for a transfer."""
        return bool(self._open)

    def resting_worst(self, ticker: Ticker, side: BookSide) -> int:
        """Contracts that may still come to the position: of open orders, and of fills told of that we do not hold."""
        may_fill = sum(o.remaining for o in self._open_in.get(ticker, {}).values() if o.side is side)
        return may_fill + sum(o.missing for o in self._claimed.values() if o.ticker == ticker and o.side is side)

    # ---- wishes ------------------------------------------------------------------------------------------------

    def place_order(
        self,
        wish: PlaceOrder,
        out: Outbox,
        now_ns: int,
        wall_ns: int,
        expiration_s: int | None,
        group_id: str | None = None,
    ) -> Order:
        """Journal and send a permitted order. The effect carries the record's position: no position, no order."""
        self._sequence += 1
        client_order_id = ClientOrderId(f"{self._prefix}-{self._session}-{self._sequence:06d}")
        order = Order(
            client_order_id=client_order_id,
            ticker=wish.ticker,
            side=wish.side,
            price=wish.price,
            count=wish.count,
            time_in_force=wish.time_in_force,
            ownership=Ownership.OWN,
            origin=wish.origin,
            created_ns=now_ns,
            created_at=wall_ns,
            updated_at=wall_ns,
            post_only=wish.post_only,
            reduce_only=wish.reduce_only,
            expiration_s=expiration_s if wish.time_in_force is TimeInForce.GOOD_TILL_CANCELED else None,
        )
        position = out.record(order.intent(wall_ns))
        self._insert(order)
        order.state = next_state(order.state, Happened.SENT)
        self.counts.placed += 1
        out.do(order.request(position, group_id))
        return order

    def amend_order(
        self,
        order: Order,
        price: Price,
        count: int,
        out: Outbox,
        wall_ns: int,
        origin: Origin = Origin.STRATEGY,
    ) -> None:
        """Journal and send a permitted change. "Amend count = already filled + wanted resting size". A smaller size at
        the same price goes as a decrease: that can never trade. What a person moves is the person's from then on.
        """
        assert order.order_id is not None
        total = Count(order.done + count)
        position = out.record(
            AmendIntended(
                at=wall_ns,
                client_order_id=order.client_order_id,
                price=price,
                count=total,
                origin=None if origin is Origin.STRATEGY else origin,
            )
        )
        if origin is not Origin.STRATEGY:
            order.origin = origin
        order.asked = (price, total)
        order.state = next_state(order.state, Happened.AMEND_SENT)
        self.version += 1
        if order.shrinks_to(price, count):
            out.do(
                SendDecrease(
                    client_order_id=order.client_order_id,
                    order_id=order.order_id,
                    ticker=order.ticker,
                    price=price,
                    count=total,
                    reduce_by=Count(order.count - total),
                    journal_position=position,
                )
            )
            return
        out.do(
            SendAmend(
                client_order_id=order.client_order_id,
                order_id=order.order_id,
                ticker=order.ticker,
                side=order.side,
                price=price,
                count=total,
                expiration_s=None,
                journal_position=position,
            )
        )

    def renew_order(self, order: Order, out: Outbox, wall_ns: int) -> None:
        """Journal and send a new expiry, all else as it is."""
        assert order.order_id is not None
        position = out.record(
            AmendIntended(
                at=wall_ns,
                client_order_id=order.client_order_id,
                price=order.price,
                count=Count(order.count),
                expiration_s=order.expiration_s,
            )
        )
        order.asked = (order.price, order.count)
        order.state = next_state(order.state, Happened.AMEND_SENT)
        self.version += 1
        out.do(
            SendAmend(
                client_order_id=order.client_order_id,
                order_id=order.order_id,
                ticker=order.ticker,
                side=order.side,
                price=order.price,
                count=Count(order.count),
                expiration_s=order.expiration_s,
                journal_position=position,
            )
        )

    def cancel_order(self, order: Order, out: Outbox, now_ns: int) -> None:
        """Cancel now, or as soon as the exchange's id is known. Asking twice is harmless."""
        if not order.is_open:
            return
        order.cancel_wanted = True
        if order.state in (O.RESTING, O.AMENDING) and order.order_id is not None and now_ns >= order.due_ns:
            self._send_cancel(order, out)

    def _send_cancel(self, order: Order, out: Outbox) -> None:
        assert order.order_id is not None
        order.state = next_state(order.state, Happened.CANCEL_SENT)
        self.version += 1
        out.do(
            SendCancel(
                client_order_id=order.client_order_id,
                order_id=order.order_id,
                ticker=order.ticker,
                alone=order.cancel_failures > 0,
            )
        )

    # ---- facts -------------------------------------------------------------------------------------------------

    def move(self, order: Order, happened: Happened, reason: str, out: Outbox, wall_ns: int) -> None:
        """Take `happened` by the table; a changed state is journaled and counted."""
        before = order.state
        order.state = next_state(before, happened)
        order.updated_at = wall_ns
        self.version += 1
        if order.state is before:
            return
        if before is O.IN_DOUBT:
            # The settle wait was for a look-up, no cancel waits for it; and absences before it was seen prove nothing.
            order.due_ns = order.lookups = 0
        order.reason = reason or order.reason
        if before in (O.SENT, O.IN_DOUBT, O.VOID) and order.state not in (O.IN_DOUBT, O.REJECTED, O.VOID):
            self.counts.accepted += 1
        out.record(
            OrderMoved(
                at=wall_ns,
                client_order_id=order.client_order_id,
                order_id=order.order_id,
                state=order.state,
                filled=Count(order.done),
                reason=order.reason,
            )
        )
        if not order.is_open:
            self._finish(order)

    def learn_id(self, order: Order, order_id: OrderId) -> None:
        """The docs allow a changed id after an amend: "always store the returned id"."""
        order.order_id = order_id
        self._by_order_id[order_id] = order
        order.filled += self._orphans.pop(order_id, 0)

    def claim(self, order: Order, filled: int, now_ns: int) -> None:
        """The exchange says that `filled` contracts of this order traded, all in all."""
        if filled > order.claimed:
            order.claimed, order.claimed_ns = filled, now_ns
            self._claimed[order.client_order_id] = order
            self.version += 1

    def handle_report(self, report: OrderReport, out: Outbox, now_ns: int, wall_ns: int, *, is_read: bool) -> Order:
        """Take a report from stream or reading; an order never seen is adopted or foreign by its client id."""
        order = self.find(report.order_id, report.client_order_id)
        if order is None:
            order = self._meet(report, now_ns, wall_ns)
        if order.order_id is None:
            self.learn_id(order, report.order_id)
        self.claim(order, report.filled, now_ns)
        reason = order.settle_change(report, now_ns)
        if reason is None and report.status is OrderStatus.RESTING:
            return order
        if not order.is_open and order.state is O.VOID and report.status is OrderStatus.RESTING and not is_read:
            # We had given it up as never made, and here it is.
            self.reopen(order, report, out, wall_ns)
        if is_read and not order.is_open:
            return order
        happened = {
            OrderStatus.RESTING: Happened.SEEN_RESTING,
            OrderStatus.EXECUTED: Happened.FILLED,
            OrderStatus.CANCELED: Happened.EXPIRED if "Expiry" in report.reason else Happened.ENDED,
        }.get(report.status)
        if happened is not None:
            self.move(order, happened, reason or report.reason, out, wall_ns)
        if order.is_open and order.cancel_wanted:
            self.cancel_order(order, out, now_ns)
        return order

    def handle_fill_event(self, fill: FillReported, out: Outbox, wall_ns: int) -> Order | None:
        """Add a new fill to its order; None when the order is not known (a foreign trade)."""
        order = self.find(fill.order_id, fill.client_order_id)
        if order is None:
            self._orphans[fill.order_id] = self._orphans.pop(fill.order_id, 0) + fill.count
            if len(self._orphans) > ORPHANS_KEPT:
                del self._orphans[next(iter(self._orphans))]
            return None
        if order.order_id is None:
            self.learn_id(order, fill.order_id)
        order.filled += fill.count
        order.updated_at = wall_ns
        self.version += 1
        # That it traded does not say whether it was changed.
        doubted = order.state in (O.SENT, O.IN_DOUBT) and order.asked is None
        if order.done >= order.most:
            self.move(order, Happened.FILLED, "filled", out, wall_ns)
        elif doubted and order.time_in_force is TimeInForce.GOOD_TILL_CANCELED:
            self.move(order, Happened.SEEN_RESTING, "partly filled", out, wall_ns)
        return order

    def reopen(self, order: Order, report: OrderReport, out: Outbox, wall_ns: int) -> None:
        """The declared correction: an order we hold for ended rests on the exchange, which is right. Call it only on
        proof: a final order is not reopened by a reading that may be late.
        """
        ended = order.state
        with contextlib.suppress(ValueError):  # it may have made room for younger ones
            self.finished.remove(order)
        self._count_end(order, -1)
        order.price, order.count, order.asked = report.price, report.total, None
        order.filled = order.claimed = report.filled
        self._insert(order)
        self.move(order, Happened.REOPENED, "rests after all", out, wall_ns)
        what = f"order {order.client_order_id}"
        out.record(Corrected(at=wall_ns, what=what, ours=ended.value, theirs=report.status.value))

    def work(self, out: Outbox, now_ns: int) -> None:
        """Send due cancels and look-ups; called at every beat."""
        for order in list(self._open.values()):
            if now_ns < order.due_ns or order.ownership is Ownership.FOREIGN:
                continue
            if order.cancel_wanted and order.state in (O.RESTING, O.AMENDING) and order.order_id is not None:
                self._send_cancel(order, out)
            elif order.state is O.IN_DOUBT and not order.lookup_request:
                self.look_up(order, out)

    def look_up(self, order: Order, out: Outbox) -> None:
        order.lookup_request = out.read(
            ReadKind.ORDER, client_order_id=order.client_order_id, order_id=order.order_id, ticker=order.ticker
        )

    # ---- inside ------------------------------------------------------------------------------------------------

    def _meet(self, report: OrderReport, now_ns: int, wall_ns: int) -> Order:
        if report.client_order_id in self._known_ids:
            ownership = Ownership.OWN
        elif report.client_order_id.startswith(self._prefix + "-"):
            ownership = Ownership.ADOPTED
        else:
            ownership = Ownership.FOREIGN
        order = Order(
            client_order_id=report.client_order_id or ClientOrderId(f"?{report.order_id}"),
            ticker=report.ticker,
            side=report.side,
            price=report.price,
            count=report.total,
            time_in_force=TimeInForce.GOOD_TILL_CANCELED,
            ownership=ownership,
            # Whoever wished for it is gone: the strategy takes it over or cancels it.
            origin=Origin.STRATEGY,
            created_ns=now_ns,
            created_at=(report.created_ms or wall_ns // MS) * MS,
            updated_at=wall_ns,
            state=O.RESTING,
            order_id=report.order_id,
            # What filled before we met it is part of the positions we read, not a fill we lack.
            filled=report.filled,
            claimed=report.filled,
            reason=f"{ownership} order met",
        )
        self._insert(order)
        self._by_order_id[report.order_id] = order
        return order

    def restore(self, order: Order) -> None:
        """Take over an open order of an earlier session as its journal left it."""
        self._insert(order)
        if order.order_id is not None:
            self._by_order_id[order.order_id] = order

    def remember_fill(self, order_id: OrderId, count: int) -> None:
        """What an earlier session booked of an order whose id it did not journal: credited when the id is learned."""
        self._orphans[order_id] = self._orphans.get(order_id, 0) + count

    def _insert(self, order: Order) -> None:
        self._all[order.client_order_id] = order
        self._open[order.client_order_id] = order
        self._open_in.setdefault(order.ticker, {})[order.client_order_id] = order
        self.version += 1

    def _finish(self, order: Order) -> None:
        if self._open.pop(order.client_order_id, None) is None:
            return
        in_market = self._open_in[order.ticker]
        del in_market[order.client_order_id]
        if not in_market:
            del self._open_in[order.ticker]
        if len(self.finished) == FINISHED_KEPT:
            self._forget(self.finished[0])
        self.finished.append(order)
        self._count_end(order, 1)

    def _count_end(self, order: Order, step: int) -> None:
        if order.ownership is Ownership.FOREIGN:
            return
        match order.state:
            case OrderState.FILLED:
                self.counts.filled += step
            case OrderState.CANCELED | OrderState.EXPIRED:
                self.counts.canceled += step
            case OrderState.REJECTED:
                self.counts.rejected += step
            case _:
                pass

    def _forget(self, order: Order) -> None:
        """An order long final makes room, unless a fill of it is still on its way."""
        if order.missing:
            return
        self._all.pop(order.client_order_id, None)
        if order.order_id is not None:
            self._by_order_id.pop(order.order_id, None)

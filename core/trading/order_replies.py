"""What the replies to our writes mean for an order: one function a fact, all through the table of order states."""

from __future__ import annotations

from core.domain.enums import FINAL_ORDER_STATES, OrderState, OrderStatus
from core.domain.events import (
    AmendConfirmed,
    AmendOutcomeUnknown,
    AmendRejected,
    CancelConfirmed,
    CancelFailed,
    CancelNotFound,
    OrderAccepted,
    OrderLookedUp,
    OrderNotSent,
    OrderOutcomeUnknown,
    OrderRejected,
)
from core.trading.order import AMENDED, Order
from core.trading.order_states import Happened
from core.trading.orders import (
    CANCEL_RETRY_LONGEST_NS,
    CANCEL_RETRY_NS,
    LOOKUP_AGAIN_NS,
    LOOKUPS_BEFORE_ABSENT,
    SETTLE_NS,
    OrderService,
)
from core.trading.outbox import Outbox

Reply = (
    OrderAccepted
    | OrderRejected
    | OrderOutcomeUnknown
    | OrderNotSent
    | CancelConfirmed
    | CancelNotFound
    | CancelFailed
    | AmendConfirmed
    | AmendRejected
    | AmendOutcomeUnknown
    | OrderLookedUp
)


def take_reply(service: OrderService, reply: Reply, out: Outbox, now_ns: int, wall_ns: int) -> Order | None:
    """Apply one reply; returns its order, None when we do not know it."""
    order = service.get(reply.client_order_id)
    if order is None:
        return None
    match reply:
        case OrderAccepted():
            _accepted(service, order, reply, out, now_ns, wall_ns)
        case OrderRejected(duplicate=True):
            # 409: "proof that an earlier attempt landed": look it up, do not believe in a rejection.
            _doubt(service, order, "the exchange knows this client id already", out, now_ns, wall_ns)
        case OrderRejected():
            reason = f"{reply.code} {reply.detail}".strip()
            service.move(order, Happened.REJECTED, reason, out, wall_ns)
        case OrderOutcomeUnknown():
            _doubt(service, order, reply.reason, out, now_ns, wall_ns)
        case OrderNotSent():
            if order.is_open:
                service.counts.placed -= 1
            service.move(order, Happened.NOT_SENT, reply.reason, out, wall_ns)
        case CancelConfirmed():
            _canceled(service, order, reply, out, now_ns, wall_ns)
        case CancelNotFound():
            # 404 is "already canceled, executed or unknown": a read decides which.
            if order.is_open:
                service.look_up(order, out)
        case CancelFailed():
            order.due_ns = now_ns + min(CANCEL_RETRY_LONGEST_NS, CANCEL_RETRY_NS << min(order.cancel_failures, 8))
            order.cancel_failures += 1
            service.move(order, Happened.CANCEL_FAILED, "", out, wall_ns)
        case OrderLookedUp():
            _looked_up(service, order, reply, out, now_ns, wall_ns)
        case AmendConfirmed():
            service.learn_id(order, reply.order_id)
            order.price, order.count, order.asked = reply.price, reply.count, None
            _changed(service, order, AMENDED, out, wall_ns)
        case AmendRejected():
            order.asked = None
            _changed(service, order, f"amend refused: {reply.code}", out, wall_ns)
        case AmendOutcomeUnknown():
            order.due_ns = now_ns + SETTLE_NS
            service.move(order, Happened.AMEND_UNKNOWN, reply.reason, out, wall_ns)
    return order


def ended_long_ago(order: Order, wall_ns: int) -> bool:
    """True for an order that ended so long ago that no reading lags behind its end any more."""
    return not order.is_open and wall_ns - order.updated_at > SETTLE_NS


def _accepted(
    service: OrderService, order: Order, reply: OrderAccepted, out: Outbox, now_ns: int, wall_ns: int
) -> None:
    service.learn_id(order, reply.order_id)
    service.claim(order, reply.filled, now_ns)
    if reply.remaining == 0:
        # "remaining 0 and fill > 0: executed; remaining 0 and fill 0: canceled"; a cut IOC keeps its filled part.
        full = reply.filled >= order.count
        service.move(order, Happened.FILLED if full else Happened.ENDED, "ended at once", out, wall_ns)
    else:
        service.move(order, Happened.ACCEPTED, "accepted", out, wall_ns)
    if order.is_open and order.cancel_wanted:
        service.cancel_order(order, out, now_ns)


def _changed(service: OrderService, order: Order, reason: str, out: Outbox, wall_ns: int) -> None:
    """How large the order is, is known again; it may have traded to the full before that."""
    service.move(order, Happened.AMEND_DONE, reason, out, wall_ns)
    if order.is_open and order.done >= order.count:
        service.move(order, Happened.FILLED, "filled", out, wall_ns)


def _doubt(service: OrderService, order: Order, reason: str, out: Outbox, now_ns: int, wall_ns: int) -> None:
    if order.state is OrderState.SENT:
        order.due_ns = now_ns + SETTLE_NS
        order.lookups = order.lookup_request = 0
    service.move(order, Happened.OUTCOME_UNKNOWN, reason, out, wall_ns)


def _canceled(
    service: OrderService, order: Order, reply: CancelConfirmed, out: Outbox, now_ns: int, wall_ns: int
) -> None:
    # What the cancel did not take off had traded before: the fills may still be on their way.
    # While a change is not known to be made, the smaller size is sure.
    least = min(order.count, order.asked[1]) if order.asked else order.count
    service.claim(order, least - reply.reduced_by, now_ns)
    full = order.claimed >= order.most
    service.move(order, Happened.FILLED if full else Happened.ENDED, "canceled", out, wall_ns)


def _looked_up(
    service: OrderService, order: Order, reply: OrderLookedUp, out: Outbox, now_ns: int, wall_ns: int
) -> None:
    order.lookup_request = 0
    if reply.report is not None:
        if order.state is OrderState.CANCELING and reply.report.status is OrderStatus.RESTING:
            # The cancel said 404 and the order rests: that answer was stale, cancel again.
            order.due_ns = now_ns + CANCEL_RETRY_NS
            service.move(order, Happened.CANCEL_FAILED, "", out, wall_ns)
        if ended_long_ago(order, wall_ns) and reply.report.status is OrderStatus.RESTING:
            service.reopen(order, reply.report, out, wall_ns)
        service.handle_report(reply.report, out, now_ns, wall_ns, is_read=False)
        return
    if order.state in FINAL_ORDER_STATES:
        return
    # "Reads lag writes by 0.3-1 s": one absence is no proof.
    order.lookups += 1
    if order.lookups >= LOOKUPS_BEFORE_ABSENT:
        service.move(order, Happened.NEVER_EXISTED, "the exchange lists no such order", out, wall_ns)
    elif order.state is OrderState.CANCELING:
        order.due_ns = now_ns + LOOKUP_AGAIN_NS
        service.move(order, Happened.CANCEL_FAILED, "", out, wall_ns)
    else:
        order.due_ns = now_ns + LOOKUP_AGAIN_NS

"""Recall: what an earlier session on the same journal left, folded from its records; and how the desk goes on from it.

The journal says what we meant and booked; the exchange says what is. Positions therefore come back with their cost and
P&L and are then compared with the exchange's; an order whose end we never learned comes back open and is looked up;
fills made while nobody listened are read from `fills_since_ms` on and booked like any other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from core.domain.enums import FINAL_ORDER_STATES, OrderState, Ownership, TraderState
from core.domain.ids import ClientOrderId, OrderId, Ticker
from core.domain.records import (
    AmendIntended,
    BreakerMoved,
    DayOpened,
    FillBooked,
    OrderIntended,
    OrderMoved,
    PeakReached,
    PositionTaken,
    Record,
    StateMoved,
)
from core.trading.day import DayLedger
from core.trading.desk import MS, NS, Desk
from core.trading.fills import FillKey
from core.trading.order import AMENDED, Order
from core.trading.orders import ORPHANS_KEPT, SETTLE_NS
from core.trading.positions import Position

HOUR_NS = 3_600 * NS
# Booked fills are remembered for longer than fills are read back, so that none is booked twice.
FILLS_REMEMBERED_NS = 2 * HOUR_NS
FILLS_READ_BACK_NS = HOUR_NS
# An order whose lease ended this long ago rests nowhere, whether we learned its end or not.
LEASE_OVER_NS = 60 * NS


@dataclass(slots=True)
class Unresolved:
    """An order whose end the journal does not tell."""

    intent: OrderIntended
    order_id: OrderId | None = None
    state: OrderState = OrderState.SENT
    claimed: int = 0
    reason: str = ""
    # A change that had left and whose answer the journal does not tell.
    asked: AmendIntended | None = None


@dataclass(slots=True)
class Recall:
    """What is known at the start. `fills_since_ms` None: no session of this journal ever compared its books."""

    known_ids: set[ClientOrderId] = field(default_factory=set)
    unresolved: dict[ClientOrderId, Unresolved] = field(default_factory=dict)
    positions: dict[Ticker, Position] = field(default_factory=dict)
    filled: dict[OrderId, int] = field(default_factory=dict)
    fills: list[FillBooked] = field(default_factory=list)
    day: DayLedger = field(default_factory=DayLedger)
    day_base: DayOpened | None = None
    peak: PeakReached | None = None
    breaker: BreakerMoved | None = None
    fills_since_ms: int | None = None


def recall(records: Iterable[Record]) -> Recall:
    """Fold a journal, oldest record first."""
    found = Recall()
    compared_at = last_at = 0
    for record in records:
        last_at = max(last_at, record.at)
        match record:
            case OrderIntended():
                found.known_ids.add(record.client_order_id)
                found.unresolved[record.client_order_id] = Unresolved(record)
                found.day.order_placed(record.at)
            case AmendIntended():
                _amend_intended(found, record)
            case OrderMoved():
                _order_moved(found, record)
            case FillBooked():
                _fill_booked(found, record)
            case PositionTaken():
                _position_taken(found, record)
            case DayOpened():
                found.day_base = record
            case PeakReached():
                found.peak = record
            case BreakerMoved():
                found.breaker = record
            case StateMoved(source=TraderState.CALIBRATING, target=TraderState.READY | TraderState.PAUSED):
                compared_at = compared_at or record.at
            case _:
                pass
    found.fills = [f for f in found.fills if f.at >= last_at - FILLS_REMEMBERED_NS]
    if compared_at:
        found.fills_since_ms = max(compared_at, last_at - FILLS_READ_BACK_NS) // MS
    return found


def _amend_intended(found: Recall, record: AmendIntended) -> None:
    order = found.unresolved.get(record.client_order_id)
    if order is None:
        return
    order.asked = record
    # Whichever of the two ends later: an order must not be believed gone too soon.
    expires = (order.intent.expiration_s, record.expiration_s)
    order.intent = msgspec.structs.replace(
        order.intent,
        origin=record.origin or order.intent.origin,
        expiration_s=max((at for at in expires if at is not None), default=None),
    )


def _order_moved(found: Recall, record: OrderMoved) -> None:
    order = found.unresolved.get(record.client_order_id)
    if order is None:
        return
    if record.state in FINAL_ORDER_STATES:
        del found.unresolved[record.client_order_id]
        return
    if order.asked is not None and record.state is OrderState.RESTING:
        if record.reason == AMENDED:
            order.intent = msgspec.structs.replace(order.intent, price=order.asked.price, count=order.asked.count)
        order.asked = None
    order.state, order.claimed, order.reason = record.state, record.filled, record.reason
    order.order_id = record.order_id or order.order_id


def _fill_booked(found: Recall, record: FillBooked) -> None:
    position = found.positions.setdefault(record.ticker, Position(record.ticker))
    position.realized += record.realized
    position.fees += record.fee
    position.count, position.cost, position.updated_at = record.position, record.cost, record.at
    found.filled[record.order_id] = found.filled.get(record.order_id, 0) + record.count
    found.fills.append(record)
    found.day.fill_booked(record.traded_ms * MS or record.at, record.count, record.realized, record.fee)


def _position_taken(found: Recall, record: PositionTaken) -> None:
    position = found.positions.setdefault(record.ticker, Position(record.ticker))
    position.realized += record.realized
    position.fees += record.fee
    position.count, position.cost, position.updated_at = record.position, record.cost, record.at
    found.day.gained(record.happened_ms * MS or record.at, record.realized, record.fee)


def restore(desk: Desk, found: Recall, wall_ns: int) -> None:
    """Go on from what was found; before the first step. Nothing is sent: the first calibration reads and looks up."""
    desk.day = found.day
    desk.day.turn(wall_ns)
    if found.fills_since_ms is None:
        return
    desk.fills_since_ms = found.fills_since_ms
    desk.recalled = True
    desk.positions.restore(found.positions.values())
    desk.fills.remember(
        (_key(f), (f.ticker, f.side.value, f.price, f.count, f.fee), f.traded_ms or f.at // MS) for f in found.fills
    )
    for left in found.unresolved.values():
        expires = left.intent.expiration_s
        if expires is None or wall_ns < expires * NS + LEASE_OVER_NS:
            desk.orders.restore(_order(desk, found, left, wall_ns))
    known = {left.order_id for left in found.unresolved.values()}
    for fill in found.fills[-ORPHANS_KEPT:] if None in known else ():
        if fill.order_id not in known:
            desk.orders.remember_fill(fill.order_id, fill.count)


def _key(fill: FillBooked) -> FillKey:
    return (fill.trade_id, fill.order_id)


def _order(desk: Desk, found: Recall, left: Unresolved, wall_ns: int) -> Order:
    """The order as it was left. Without an exchange id nobody knows whether it exists: in doubt, and looked up once
    nothing sent then can still arrive.
    """
    intent = left.intent
    asked = left.asked
    known = left.order_id is not None and left.state is not OrderState.IN_DOUBT and asked is None
    filled = found.filled.get(left.order_id, 0) if left.order_id else 0
    return Order(
        client_order_id=intent.client_order_id,
        ticker=intent.ticker,
        side=intent.side,
        price=intent.price,
        count=intent.count,
        time_in_force=intent.time_in_force,
        ownership=Ownership.OWN,
        # A person's order stays the person's: the strategy neither moves nor cancels it.
        origin=intent.origin,
        created_ns=desk.now_ns,
        created_at=intent.at,
        updated_at=wall_ns,
        state=OrderState.RESTING if known else OrderState.IN_DOUBT,
        order_id=left.order_id,
        expiration_s=intent.expiration_s,
        filled=filled,
        claimed=max(filled, left.claimed),
        reason="left open by an earlier session",
        asked=(asked.price, asked.count) if asked is not None else None,
        due_ns=0 if known else desk.now_ns + max(0, (asked or intent).at + SETTLE_NS - wall_ns),
    )

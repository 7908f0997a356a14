"""Exits: immediate reduce-only orders, the only kind that cash recovery and liquidation send.

Sized from the position as it is confirmed, priced at the plan's floor: never past flat, never below the floor.
"""

from __future__ import annotations

from core.domain.amounts import Count
from core.domain.commands import PlaceOrder
from core.domain.enums import Origin, TimeInForce
from core.trading.desk import Desk
from core.trading.order import Order
from core.trading.snapshot import LiquidationLine


def send_exit(desk: Desk, line: LiquidationLine, count: Count) -> Order | None:
    """Send an exit for `count` of what `line` can close; None when it was denied, which is told. What another client's
    or a person's order may close already is left to that: an exit beside it could pass flat.
    """
    assert line.limit_price is not None
    count = Count(min(count, desk.risk.reducible(line.ticker, line.side)) or count)
    result = desk.place(
        PlaceOrder(
            origin=Origin.PROCEDURE,
            ticker=line.ticker,
            side=line.side,
            price=line.limit_price,
            count=count,
            time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
            reduce_only=True,
        )
    )
    if isinstance(result, Order):
        return result
    desk.status.log_action_result(desk.wall_ns, "denied", f"{line.ticker}: {result.text}", status="refused")
    return None


def is_working(order: Order) -> bool:
    """An exit in flight or a fill not yet held would make the next size wrong: wait for both."""
    return order.is_open or order.missing > 0

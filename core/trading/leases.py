"""Leases of a person's orders: they stay while the trader lives and end by themselves when it does not.

Every order leaves with an expiry. The strategy replaces its quotes before theirs runs out; what a person placed keeps
its place instead: "queue priority is kept for expiry-only amend". Without permission to trade nothing is renewed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.domain.enums import OrderState, Origin

if TYPE_CHECKING:
    from core.trading.desk import Desk

NS = 1_000_000_000
LEFT_PART = 3


def renew_leases(desk: Desk) -> None:
    """Extend every lease of a person's resting order of which less than a third is left."""
    lease_s = desk.settings.lease_s
    for order in desk.orders.get_open_orders():
        ends_s = order.expiration_s
        if order.origin is Origin.STRATEGY or ends_s is None or order.cancel_wanted:
            continue
        if order.state is not OrderState.RESTING or order.order_id is None:
            continue
        if (ends_s * NS - desk.wall_ns) * LEFT_PART < lease_s * NS and desk.risk.rate_room(desk.now_ns) > 0:
            desk.risk.note_sent(desk.now_ns)
            order.expiration_s = desk.wall_ns // NS + lease_s
            desk.orders.renew_order(order, desk.out, desk.wall_ns)

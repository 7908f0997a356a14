"""The facts that stand for a reply that never came: nothing has left, or nobody knows. One function each, for every
effect, so that no effect is left without its fact.
"""

from __future__ import annotations

from typing import assert_never

from core.domain.effects import (
    Read,
    RestEffect,
    SendAmend,
    SendCancel,
    SendCancels,
    SendDecrease,
    SendGroup,
    SendOrder,
    SendOrders,
)
from core.domain.events import (
    AmendOutcomeUnknown,
    AmendRejected,
    BatchAnswered,
    CancelFailed,
    Event,
    GroupFailed,
    OrderNotSent,
    OrderOutcomeUnknown,
    ReadFailed,
)
from core.domain.text import clean_text


def unsent(effect: RestEffect, reason: str) -> Event:
    """Nothing of `effect` has left this machine. An order that was to be changed stands as it was."""
    match effect:
        case SendOrder():
            return OrderNotSent(client_order_id=effect.client_order_id, reason=reason)
        case SendOrders():
            return BatchAnswered(
                outcomes=tuple(OrderNotSent(client_order_id=o.client_order_id, reason=reason) for o in effect.orders)
            )
        case SendAmend() | SendDecrease():
            return AmendRejected(
                client_order_id=effect.client_order_id,
                order_id=effect.order_id,
                status=0,
                code="not_sent",
                detail=clean_text(reason),
                elapsed_ns=0,
            )
        case _:
            return unknown(effect, f"not sent: {reason}")


def unknown(effect: RestEffect, reason: str, elapsed_ns: int = 0, status: int = 0) -> Event:
    """What leaves nothing out: an order may exist, a change may be done, a cancel has to be sent again."""
    match effect:
        case SendOrder():
            return OrderOutcomeUnknown(client_order_id=effect.client_order_id, reason=reason, elapsed_ns=elapsed_ns)
        case SendOrders():
            return BatchAnswered(
                outcomes=tuple(
                    OrderOutcomeUnknown(client_order_id=o.client_order_id, reason=reason, elapsed_ns=elapsed_ns)
                    for o in effect.orders
                )
            )
        case SendAmend() | SendDecrease():
            return AmendOutcomeUnknown(
                client_order_id=effect.client_order_id, order_id=effect.order_id, reason=reason, elapsed_ns=elapsed_ns
            )
        case SendCancel():
            return cancel_failed(effect, reason, elapsed_ns, status)
        case SendCancels():
            return BatchAnswered(
                outcomes=tuple(cancel_failed(cancel, reason, elapsed_ns, status) for cancel in effect.cancels)
            )
        case SendGroup():
            return GroupFailed(
                act=effect.act, group_id=effect.group_id, status=status, reason=reason, elapsed_ns=elapsed_ns
            )
        case Read():
            return ReadFailed(
                request_id=effect.request_id,
                kind=effect.kind.value,
                status=status,
                reason=clean_text(reason),
                elapsed_ns=elapsed_ns,
            )
        case _:
            assert_never(effect)


def cancel_failed(effect: SendCancel, reason: str, elapsed_ns: int = 0, status: int = 0) -> CancelFailed:
    """A cancel that was refused, limited, lost or not sent; it may be sent again."""
    return CancelFailed(
        client_order_id=effect.client_order_id,
        order_id=effect.order_id,
        status=status,
        reason=clean_text(reason),
        elapsed_ns=elapsed_ns,
    )

"""Batching: what one step sends of a kind goes out in few requests.

A batch costs the tokens of its items, so it saves none of those; it saves round trips, connections and signatures, and
a signature takes longer than everything else on the way out. What it costs is company: a reply that is lost leaves all
its orders in doubt. So a pair goes out as two requests, and a cancel that failed in a batch is sent again alone.
"""

from __future__ import annotations

from core.domain.effects import AnyEffect, SendCancel, SendCancels, SendOrder, SendOrders

WORTH_A_BATCH = 3
# "A batch must fit in the bucket as a whole or it is rejected as a whole": half of the smallest write bucket (100
# tokens) at 10 an order; and at 2 a cancel the fifth of it that only cancels may take, so that none waits for more.
ORDERS_AT_ONCE = 5
CANCELS_AT_ONCE = 10


def gathered(effects: list[AnyEffect]) -> list[AnyEffect]:
    """The same effects in the same order, with orders and cancels in batches where the first of each stood."""
    if len(effects) < WORTH_A_BATCH:
        return effects
    orders = [e for e in effects if isinstance(e, SendOrder)]
    cancels = [e for e in effects if isinstance(e, SendCancel) and not e.alone]
    if len(orders) < WORTH_A_BATCH and len(cancels) < WORTH_A_BATCH:
        return effects
    made: dict[int, AnyEffect | None] = {}
    for first in range(0, len(orders), ORDERS_AT_ONCE):
        some = orders[first : first + ORDERS_AT_ONCE]
        if len(some) >= WORTH_A_BATCH:
            made |= dict.fromkeys(map(id, some)) | {id(some[0]): SendOrders(orders=tuple(some))}
    for first in range(0, len(cancels), CANCELS_AT_ONCE):
        few = cancels[first : first + CANCELS_AT_ONCE]
        if len(few) >= WORTH_A_BATCH:
            made |= dict.fromkeys(map(id, few)) | {id(few[0]): SendCancels(cancels=tuple(few))}
    placed = (made.get(id(effect), effect) for effect in effects)
    return [effect for effect in placed if effect is not None]

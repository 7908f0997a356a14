"""The quote differ: wished quotes against working orders, as few writes as will do.

An order that already stands where it is wished keeps its place in the queue; one that is too large there is made
smaller, which keeps the place too. Another is canceled, and its successor goes out only when it is known to be gone, so
that a side never holds two quotes.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.domain.amounts import Count, Price
from core.domain.commands import AmendOrder, CancelOrder, PlaceOrder
from core.domain.enums import BookSide, Origin
from core.domain.ids import ClientOrderId, Ticker
from core.strategy.base import Quote


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """An open order of ours as the differ needs it. `settled`: resting, with nothing in flight."""

    client_order_id: ClientOrderId
    ticker: Ticker
    side: BookSide
    price: Price
    remaining: Count
    settled: bool
    old: bool


Wish = PlaceOrder | CancelOrder | AmendOrder


def diff(quotes: tuple[Quote, ...], working: tuple[Working, ...]) -> list[Wish]:
    """Cancels first, then what gets smaller, then new orders. `old` orders are replaced before their lease runs out."""
    wished = {(q.ticker, q.side): q for q in quotes}
    cancels: list[Wish] = []
    smaller: list[Wish] = []
    occupied: set[tuple[Ticker, BookSide]] = set()
    for order in working:
        key = (order.ticker, order.side)
        quote = wished.get(key)
        keep = quote is not None and quote.price == order.price and not order.old and key not in occupied
        occupied.add(key)
        if order.settled and not keep:
            cancels.append(CancelOrder(origin=Origin.STRATEGY, client_order_id=order.client_order_id))
        elif order.settled and quote is not None and quote.count < order.remaining:
            smaller.append(
                AmendOrder(
                    origin=Origin.STRATEGY, client_order_id=order.client_order_id, price=quote.price, count=quote.count
                )
            )
    places: list[Wish] = [
        PlaceOrder(origin=Origin.STRATEGY, ticker=q.ticker, side=q.side, price=q.price, count=q.count, post_only=True)
        for key, q in wished.items()
        if key not in occupied
    ]
    return cancels + smaller + places

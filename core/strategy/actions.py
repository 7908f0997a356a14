"""The action space of a policy that picks one of 21: hold, or buy or sell YES or NO in five sizes, as limit orders.

An action is about one side of the book. The side it names is quoted anew at the best price there, the other side stays
as it rests; hold leaves both. Selling never sells more than is held, buying never passes the inventory.
"""

from __future__ import annotations

from core.domain.amounts import Count, contracts, count_text, price_text
from core.domain.enums import BookSide
from core.strategy.base import Decision, MarketView, Quote

SIZES = tuple(contracts(n) for n in (1, 2, 5, 10, 20))
# (words, side of the YES book, only as much as is held that way)
KINDS = (
    ("buy YES", BookSide.BID, False),
    ("sell YES", BookSide.ASK, True),
    ("buy NO", BookSide.ASK, False),
    ("sell NO", BookSide.BID, True),
)
HOLD = 0
ACTIONS = 1 + len(KINDS) * len(SIZES)
_SAID = tuple(f"{words} {count_text(size)}" for words, _side, _closes in KINDS for size in SIZES)


def act(view: MarketView, action: int, inventory: int) -> Decision:
    """What an action wishes in this market now; `inventory` bounds the position in contracts (Count)."""
    if action == HOLD:
        return Decision(quotes=view.resting, said="hold")
    kind, size = divmod(action - 1, len(SIZES))
    _words, side, closes = KINDS[kind]
    said = _SAID[action - 1]
    price = view.best_bid if side is BookSide.BID else view.best_ask
    if price is None:
        return Decision(quotes=view.resting, said=f"{said}: nobody else shows a price there")
    held = view.position * side.sign
    room = -held if closes else inventory - held
    count = Count(min(SIZES[size], room))
    other = tuple(quote for quote in view.resting if quote.side is not side)
    if count <= 0:
        return Decision(quotes=view.resting, said=f"{said}: {'nothing to sell' if closes else 'no room'}")
    quote = Quote(ticker=view.ticker, side=side, price=price, count=count)
    return Decision(quotes=(*other, quote), said=f"{said} @ {price_text(price)}")

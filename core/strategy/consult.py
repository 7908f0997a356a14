"""Asking a strategy: somebody else's code, whose answer is taken only where it is made of what a decision is made of.

Prices and counts that are no plain integers, quotes in another market, words that are no text: past this place they
would be a fault of ours. What the numbers may be is not judged here; the risk gates do that, and tell it.
"""

from __future__ import annotations

from typing import Any

from core.domain.enums import BookSide
from core.strategy.base import Decision, MarketView, Quote, Strategy, Take

WORDS = ("said", "no_bid", "no_ask", "wrong")


def consult(strategy: Strategy, view: MarketView, memory: Any) -> Decision:
    """What the strategy says of this view. Raises what it raises, and TypeError where its answer is none."""
    parameters = strategy.parameters
    decision = strategy.decide(view, memory)
    if strategy.parameters is not parameters:
        strategy.parameters = parameters
        raise TypeError("decide changed its parameters; what a strategy learns belongs into memory")
    if not isinstance(decision, Decision):
        raise TypeError(f"decide returned {type(decision).__name__}, a Decision is needed")
    for name in WORDS:
        if not isinstance(getattr(decision, name), str):
            raise TypeError(f"{name} is {type(getattr(decision, name)).__name__}, text is needed")
    _check("quotes", decision.quotes, Quote)
    _check("takes", decision.takes, Take)
    for quote in decision.quotes:
        if quote.ticker != view.ticker:
            raise TypeError(f"a quote for {str(quote.ticker)[:40]} was wished when asked about {view.ticker}")
    return decision


def _check(name: str, orders: Any, kind: type[Quote | Take]) -> None:
    if not isinstance(orders, tuple | list):
        raise TypeError(f"{name} is {type(orders).__name__}, a tuple is needed")
    for order in orders:
        if not isinstance(order, kind):
            raise TypeError(f"{name} holds {type(order).__name__}, {kind.__name__} is needed")
        if not isinstance(order.ticker, str) or not isinstance(order.side, BookSide):
            raise TypeError(f"{name}: a ticker is text, a side one of BookSide")
        for amount in (order.price, order.count):
            if type(amount) is not int:
                raise TypeError(f"{name}: an amount is {type(amount).__name__}, a plain integer is needed")

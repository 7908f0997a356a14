"""Why a market is traded or not at this moment: every condition on the way from the strategy's wish to a resting order.

Made from what the engine itself decides by, so the answer cannot differ from what happens.
"""

from __future__ import annotations

from core.domain.amounts import Count, count_text, price_text
from core.domain.commands import PlaceOrder
from core.domain.enums import BookSide, MarketStatus, OrderState, Origin, Ownership, Permission
from core.domain.ids import Ticker
from core.engine.engine import Engine
from core.engine.preview import gate_view
from core.market.view import Market
from core.strategy.base import Quote
from core.trading.desk import MS
from core.trading.inquiry import Explanation, GateView, QuoteView
from core.trading.order import Order

ORDER_COST = 10  # "order create: 10 tokens" of the write bucket


def explain(engine: Engine, ticker: Ticker) -> Explanation:
    """The chain for one market, first condition first."""
    desk = engine.desk
    market = desk.markets.get(ticker)
    if market is None:
        unknown = _gate("known market", str(ticker), "listed by the exchange", f"{ticker} is not a known market")
        return Explanation(ticker=ticker, title="", verdict=f"Not traded: {unknown.text}", gates=(unknown,))
    orders = [o for o in desk.orders.open_in(ticker) if o.ownership is not Ownership.FOREIGN]
    gates = (*_market_gates(engine, market, orders), *_trader_gates(engine))
    quotes = tuple(_quote(engine, market, orders, side) for side in BookSide)
    return Explanation(
        ticker=ticker,
        title=market.info.title,
        verdict=_verdict(gates, quotes),
        gates=gates,
        quotes=quotes,
        own_orders=tuple((_words(order), order.origin) for order in orders),
        decisions=engine.actor.decisions.of(ticker),
    )


def _gate(name: str, value: str, limit: str, refused: str = "") -> GateView:
    return GateView(name=name, value=value, limit=limit, text=refused)


def _market_gates(engine: Engine, market: Market, orders: list[Order]) -> tuple[GateView, ...]:
    desk, book, info = engine.desk, market.book, market.info
    most = desk.settings.quote_markets
    quoted = info.ticker in engine.actor.quoted
    not_chosen = f"the strategy quotes the {most} most traded markets of the start, and this is none of them"
    age = f"{(desk.now_ns - book.updated_ns) // MS} ms old" if book.updated_ns else "no book yet"
    doubtful = next((o for o in orders if o.state is OrderState.IN_DOUBT), None)
    doubt = f"{doubtful.client_order_id} is in doubt: the market rests until it is found" if doubtful else ""
    active = info.status is MarketStatus.ACTIVE
    wait = engine.actor.waits_ns(info.ticker, desk.now_ns) // MS
    lost = "" if book.trusted else f"the book is not trusted: {book.reason or 'not whole yet'}"
    resting = f"the market rests {wait} ms between changes" if wait else ""
    return (
        _gate("chosen", "yes" if quoted else "no", f"{most} markets", "" if quoted else not_chosen),
        _gate("status", info.status.value, "active", "" if active else f"the market is {info.status.value}"),
        _gate("book", age, "trusted", lost),
        _gate("in doubt", str(doubtful.client_order_id) if doubtful else "none", "none", doubt),
        _gate("pace", f"{wait} ms to wait", "0", resting),
    )  # fmt: skip


def _trader_gates(engine: Engine) -> tuple[GateView, ...]:
    desk, life = engine.desk, engine.life
    permitted, why = desk.permission()
    doing = life.procedure.name if life.procedure else ""
    trips = desk.breaker
    group = desk.group.state.value
    room = desk.risk.rate_room(desk.now_ns)
    tokens = desk.links.write_tokens
    roads = [
        name for name, up in (("the stream", desk.links.stream_up), ("the client", desk.links.client_up)) if not up
    ]
    off = engine.actor.off
    rows = (
        ("strategy", f"{engine.actor.strategy.name}, {'off' if off else 'on'}", "on",
         f"the strategy is off: {off}" if off else ""),
        ("connected", "down: " + ", ".join(roads) if roads else "stream and client", "both",
         f"{' and '.join(roads)} not connected" if roads else ""),
        ("breaker", trips.value or "closed", trips.limit or "closed",
         f"the breaker is tripped: {trips.reason}" if trips.tripped else ""),
        ("procedure", doing or "none", "none", f"{doing} is under way" if doing else ""),
        ("permission", permitted.name.lower(), "trade", why if permitted is not Permission.TRADE else ""),
        ("order group", group, "settled",
         "" if desk.group.settled else f"the session's order group is {group}: no order leaves before it stands"),
        ("order rate", f"room for {max(room, 0)}/s", f"{desk.risk.limits.orders_per_second}/s",
         "" if room > 0 else "the order rate of this second is used up"),
        ("token budget", "not known" if tokens is None else f"{tokens} write tokens", f"{ORDER_COST} an order",
         "" if tokens is None or tokens >= ORDER_COST else "the exchange's write budget is used up for now"),
    )  # fmt: skip
    return tuple(_gate(*row) for row in rows)


def _quote(engine: Engine, market: Market, orders: list[Order], side: BookSide) -> QuoteView:
    """What is wished on one side, what of the strategy's rests there, and the gates a new order would meet."""
    desk, actor = engine.desk, engine.actor
    view = actor.view(desk, market, orders)
    decision = actor.ask(view)
    wished = next((quote for quote in decision.quotes if quote.side is side), None)
    resting = tuple(_words(o) for o in orders if o.side is side and o.origin is Origin.STRATEGY)
    if wished is None:
        why = decision.why_not(side) or "the strategy wishes none"
        return QuoteView(side=side, wished=None, count=Count(0), resting=resting,
                         gates=(_gate("wish", "none", "a price", why),))  # fmt: skip
    standing = any(o.side is side and o.price == wished.price and o.origin is Origin.STRATEGY for o in orders)
    gates = () if standing else _risk_gates(engine, market, wished)
    return QuoteView(side=side, wished=wished.price, count=wished.count, resting=resting, gates=gates)


def _risk_gates(engine: Engine, market: Market, quote: Quote) -> tuple[GateView, ...]:
    desk = engine.desk
    wish = PlaceOrder(
        origin=Origin.STRATEGY, ticker=quote.ticker, side=quote.side, price=quote.price, count=quote.count,
        post_only=True,
    )  # fmt: skip
    permitted, why = desk.permission()
    return tuple(gate_view(gate) for gate in desk.risk.gates(wish, market, permitted, why, desk.now_ns))


def _words(order: Order) -> str:
    side = "BUY" if order.side is BookSide.BID else "SELL"
    return f"{side} {count_text(Count(order.remaining))} @ {price_text(order.price)} {order.state.value}"


def _verdict(gates: tuple[GateView, ...], quotes: tuple[QuoteView, ...]) -> str:
    refused = next((gate.text for gate in gates if not gate.passed and gate.name != "pace"), "")
    if refused:
        return f"Not traded now: {refused}."
    parts = []
    for quote in quotes:
        word = "bid" if quote.side is BookSide.BID else "ask"
        no = next((gate.text for gate in quote.gates if not gate.passed), "")
        if quote.wished is None or no:
            parts.append(f"no {word}: {no}")
        elif quote.gates:
            parts.append(f"{word} {price_text(quote.wished)} is next")
        else:
            parts.append(f"{word} rests at {price_text(quote.wished)}")
    return f"Traded: {'; '.join(parts)}."

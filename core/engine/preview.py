"""What an order of the operator would do: cost, fees, worst loss, the gates it meets. It looks and changes nothing.

The gates are the very ones that `Desk.place` and `Desk.amend` ask; between the look and the wish they may change, and
then the wish itself is refused.
"""

from __future__ import annotations

from core.domain.amounts import PRICE_SCALE, Count, Money, Price, count_text, div_half_up, worst_loss
from core.domain.commands import AmendOrder, CancelOrder, PlaceOrder
from core.domain.enums import BookSide, Origin, Ownership, Permission
from core.domain.ids import Ticker
from core.market.view import Market
from core.trading.desk import Desk
from core.trading.inquiry import GateView, OrderPreview
from core.trading.liquidation_plan import fee_estimate
from core.trading.order import Order
from core.trading.risk import Gate


def gate_view(gate: Gate) -> GateView:
    text = gate.denial.text if gate.denial else ""
    return GateView(name=gate.name, value=gate.value, limit=gate.limit, text=text)


def refusal_of(gates: tuple[GateView, ...]) -> str:
    return next((gate.text for gate in gates if not gate.passed), "")


def preview_place(desk: Desk, wish: PlaceOrder) -> OrderPreview:
    """A new order as it would fare now."""
    permitted, why = desk.permission()
    market = desk.markets.get(wish.ticker)
    chain = desk.risk.gates(wish, market, permitted, why, desk.now_ns)
    gates = (*(gate_view(gate) for gate in chain), _group_gate(desk))
    return _preview(desk, wish, market, gates, act="place")


def preview_amend(desk: Desk, wish: AmendOrder) -> OrderPreview:
    """A change of a resting order: as if it were a new one in the place of the old."""
    order = desk.orders.get(wish.client_order_id)
    if order is None or order.ownership is Ownership.FOREIGN:
        return _gone("amend", wish.client_order_id, "No such order of ours")
    permitted, why = desk.permission()
    market = desk.markets.get(order.ticker)
    chain = desk.risk.amend_gates(order, wish, market, permitted, why, desk.now_ns)
    replaced = PlaceOrder(ticker=order.ticker, side=order.side, price=wish.price, count=wish.count)
    gates = tuple(gate_view(gate) for gate in chain)
    notes = (
        []
        if order.origin is Origin.OPERATOR
        else ["this quote of the strategy becomes yours; the strategy will quote anew"]
    )
    keeps = wish.price == order.price and wish.count <= order.remaining
    notes.append("keeps its place in the queue" if keeps else "goes to the end of the queue")
    return _preview(desk, replaced, market, gates, act="amend", order=order, notes=tuple(notes))


def preview_cancel(desk: Desk, wish: CancelOrder) -> OrderPreview:
    """The end of an order. No gate stands before a cancel."""
    order = desk.orders.get(wish.client_order_id)
    if order is None or not order.is_open or order.ownership is Ownership.FOREIGN:
        return _gone("cancel", wish.client_order_id, "No such open order of ours")
    market = desk.markets.get(order.ticker)
    held = desk.positions.net(order.ticker)
    again = "the strategy may quote there again: p pauses it"
    return OrderPreview(
        act="cancel",
        ticker=order.ticker,
        title=market.info.title if market else "",
        side=order.side,
        price=order.price,
        count=Count(order.remaining),
        position=Count(held),
        position_after=Count(held),
        client_order_id=order.client_order_id,
        notes=(again,) if order.origin is Origin.STRATEGY else (),
    )


def _gone(act: str, client_order_id: str, text: str) -> OrderPreview:
    return OrderPreview(
        act=act,
        ticker=Ticker(""),
        title="",
        side=BookSide.BID,
        price=Price(0),
        count=Count(0),
        gates=(GateView(name="order", value="gone", limit="open", text=text),),
        refusal=text,
    )


def group_refusal(desk: Desk) -> str:
    """Why no new order may leave for want of the session's order group: panic's one request ends only its members."""
    if desk.permission()[0] is not Permission.TRADE or desk.group.settled:
        return ""
    return f"The session's order group is {desk.group.state}: wait for it"


def _group_gate(desk: Desk) -> GateView:
    state = desk.group.state.value
    return GateView(name="order group", value=state, limit="settled", text=group_refusal(desk))


def _preview(
    desk: Desk,
    wish: PlaceOrder,
    market: Market | None,
    gates: tuple[GateView, ...],
    *,
    act: str,
    order: Order | None = None,
    notes: tuple[str, ...] = (),
) -> OrderPreview:
    takes, value, fee, own = _sweep(desk, wish, market)
    rests = max(0, wish.count - takes)
    held = desk.positions.net(wish.ticker)
    covered = min(_reducible(desk, wish, order), max(0, wish.count))
    opens = max(0, wish.count) - covered
    valid = 0 < wish.price < PRICE_SCALE
    holds = worst_loss(wish.price, Count(opens), buys_yes=wish.side is BookSide.BID) if valid else Money(0)
    maker = fee_estimate(market, wish.price, rests, maker=True) if valid and market is not None else 0
    return OrderPreview(
        act=act,
        ticker=wish.ticker,
        title=market.info.title if market else "",
        side=wish.side,
        price=wish.price,
        count=wish.count,
        takes=Count(takes),
        takes_average=Price(div_half_up(value, takes)) if takes else None,
        rests=Count(rests),
        ahead=Count(_ahead(market, wish, order)),
        holds=holds,
        taker_fee=Money(fee),
        maker_fee=Money(maker),
        worst_loss=Money(_loss(wish, takes, value, covered) + fee + maker) if valid else Money(0),
        position=Count(held),
        position_after=Count(held + wish.side.sign * max(0, wish.count)),
        lease_s=desk.settings.lease_s,
        client_order_id=order.client_order_id if order else None,
        notes=(*notes, *_warnings(own, market)),
        gates=gates,
        refusal=refusal_of(gates),
    )


def _reducible(desk: Desk, wish: PlaceOrder, order: Order | None) -> int:
    """Contracts that only close what is held; an order that is changed does not stand in its own way."""
    held = desk.positions.net(wish.ticker)
    if held * wish.side.sign >= 0:
        return 0
    others = desk.orders.resting_worst(wish.ticker, wish.side) - (order.remaining if order is not None else 0)
    return max(0, abs(held) - others)


def _sweep(desk: Desk, wish: PlaceOrder, market: Market | None) -> tuple[int, int, int, int]:
    """What trades at once against others: contracts, their value, the taker fee; and own contracts in the way."""
    if market is None or not market.book.trusted:
        return 0, 0, 0, 0
    mine: dict[Price, int] = {}
    for order in desk.orders.open_in(wish.ticker):
        if order.side is not wish.side and order.ownership is not Ownership.FOREIGN:
            mine[order.price] = mine.get(order.price, 0) + order.remaining
    takes = value = fee = own = 0
    for price, count in market.book.levels(wish.side.opposite):
        if takes >= wish.count or (price - wish.price) * wish.side.sign > 0:
            break
        own += min(count, mine.get(price, 0))
        taken = min(max(0, count - mine.get(price, 0)), wish.count - takes)
        takes, value, fee = takes + taken, value + price * taken, fee + fee_estimate(market, price, taken)
    return takes, value, fee, own


def _loss(wish: PlaceOrder, takes: int, value: int, covered: int) -> int:
    """What the opening part loses if the market settles against it: the taken at what they cost, the rest at the price.

    Contracts that only close what is held lose nothing more.
    """
    if covered >= wish.count:
        return 0
    spent = value if wish.side is BookSide.BID else PRICE_SCALE * takes - value
    rests = wish.count - takes
    whole = spent + worst_loss(wish.price, Count(rests), buys_yes=wish.side is BookSide.BID)
    return whole * (wish.count - covered) // wish.count


def _ahead(market: Market | None, wish: PlaceOrder, order: Order | None) -> int:
    """Contracts at its price now: all of them are before a newcomer."""
    if market is None:
        return 0
    there = market.book.size(wish.side, wish.price)
    same = order is not None and order.price == wish.price
    return max(0, there - (order.remaining if order is not None and same else 0))


def _warnings(own: int, market: Market | None) -> tuple[str, ...]:
    found = []
    if own:
        found.append(
            f"{count_text(Count(own))} own contracts are in the way: the exchange prevents trading with oneself"
        )
    if market is not None and market.info.fees is None:
        found.append("the fees of this series are not known: taker fee estimated at 7 %, maker fee left out")
    return tuple(found)

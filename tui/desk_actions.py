"""The actions of order entry and of the desk's tables. Part of `tui.actions.ACTIONS`.

Order entry has its own switch: while it is locked, no key of the ladder can come near an order.
"""

from __future__ import annotations

from core.domain.commands import CancelAll
from core.domain.enums import FINAL_ORDER_STATES, Mode, OrderState, Ownership, TraderState
from core.trading.snapshot import OrderView
from tui.action import ON_DESK, Action, Situation, says

LADDER = "ladder"
TABLES = ("positions", "orders", "log")


def own_at_cursor(situation: Situation) -> OrderView | None:
    """Our open order at the price pointed at; of several that of the ticket's side, then the newest."""
    ticket, market = situation.view.ticket, situation.market
    price = ticket.at(market)
    if price is None or situation.view.panel != LADDER:
        return None
    here = [
        order
        for order in situation.snapshot.orders
        if order.ticker == market
        and order.price == price
        and order.ownership is not Ownership.FOREIGN
        and order.state not in FINAL_ORDER_STATES
    ]
    return max(here, key=lambda order: (order.side is ticket.side, order.created_at), default=None)


def _on_ladder(situation: Situation) -> str:
    return "" if situation.view.panel == LADDER else "a key of the book: press 1 first"


def _unlocked(situation: Situation) -> str:
    return _on_ladder(situation) or ("" if situation.view.ticket.unlocked else "order entry is locked: O opens it")


def _entry_blocked(situation: Situation) -> str:
    if situation.view.ticket.unlocked:
        return ""
    if situation.snapshot.identity.mode is Mode.REPLAY:
        return "a tape takes no orders"
    return "the trader is stopping" if situation.state is TraderState.SHUTDOWN else ""


def _preview_blocked(situation: Situation) -> str:
    blocked = _unlocked(situation)
    if blocked:
        return blocked
    if situation.market is None:
        return "no market is shown"
    return "" if situation.view.ticket.at(situation.market) is not None else "point at a price first: up and down"


def _move_blocked(situation: Situation) -> str:
    blocked = _unlocked(situation)
    if blocked or situation.view.ticket.moving:
        return blocked
    order = own_at_cursor(situation)
    if order is None:
        return "point at an own order first: up and down"
    return "" if order.state is OrderState.RESTING else f"the order is {order.state.value}"


def _all_blocked(situation: Situation) -> str:
    own = any(order.ownership is not Ownership.FOREIGN for order in situation.snapshot.orders)
    return "" if own else "no own order is open"


def _taped(situation: Situation) -> str:
    return "a tape cannot be asked" if situation.snapshot.identity.mode is Mode.REPLAY else ""


def _market_known(situation: Situation) -> str:
    if _taped(situation):
        return _taped(situation)
    return "" if situation.market else "no market is shown"


def _find_label(situation: Situation) -> str:
    return "Filter" if situation.view.panel in TABLES else "Find market"


def _sort_blocked(situation: Situation) -> str:
    return "" if situation.view.panel in ("positions", "orders") else "a key of positions and orders: press 2 or 3"


def _lock_label(situation: Situation) -> str:
    return "Lock entry" if situation.view.ticket.unlocked else "Order entry"


def _move_label(situation: Situation) -> str:
    return "Drop move" if situation.view.ticket.moving else "Move"


DESK_ACTIONS: tuple[Action, ...] = (
    Action("order_entry", ("O",), "O", _lock_label, "Order entry: locked or open; only when open can the ladder order",
           "Order entry", footer=6, blocked=_entry_blocked, where=ON_DESK),
    Action("buy", ("left",), "←", says("Buy"), "The ticket buys YES (bid)", "Order entry", footer=4, blocked=_unlocked,
           where=ON_DESK),
    Action("sell", ("right",), "→", says("Sell"), "The ticket sells YES (ask)", "Order entry", footer=5,
           blocked=_unlocked, where=ON_DESK),
    Action("size_up", ("plus",), "+", says("Size"), "One contract more", "Order entry", footer=6, blocked=_unlocked,
           where=ON_DESK),
    Action("size_down", ("minus",), "-", says("Less"), "One contract less", "Order entry", blocked=_unlocked,
           where=ON_DESK),
    Action("ticket", ("enter",), "enter", says("Preview"),
           "Preview the order at the price pointed at: cost, fee, worst loss, every gate; Enter again places it",
           "Order entry", footer=3, blocked=_preview_blocked, where=ON_DESK),
    Action("move_order", ("m",), "m", _move_label,
           "Take the own order pointed at along with the cursor; Enter previews the move", "Order entry", footer=7,
           blocked=_move_blocked, where=ON_DESK),
    Action("cancel_all", ("X",), "X", says("Cancel all"), "Cancel every own order; a running strategy quotes anew",
           "Trading", footer=8, danger=True, blocked=_all_blocked, command=lambda s, i: CancelAll(command_id=i)),
    Action("explain", ("e",), "e", says("Explain"), "Why the bot trades this market or not, gate by gate", "Look",
           footer=10, blocked=_market_known),
    Action("bundle", ("B",), "B", says("Bug bundle"), "Collect what a bug report needs; lists it before it is written",
           "Look", blocked=_taped),
    Action("find", ("slash",), "/", _find_label, "On the book: find a market. On a table: show only rows with words",
           "Look", footer=9, where=ON_DESK),
    Action("sort_rows", ("s",), "s", says("Sort"), "Sort positions or orders by the next column", "Look", footer=12,
           blocked=_sort_blocked, where=ON_DESK),
)  # fmt: skip

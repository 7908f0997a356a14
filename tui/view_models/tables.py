"""Positions and orders as tables. A NO position is shown in NO prices, as the operator would say it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from core.domain.amounts import Price, complement, count_text, money_text, price_text
from core.domain.enums import BookSide, OrderState, Origin, Ownership
from core.trading.snapshot import OrderView, PositionView
from tui.view_models.ages import account_stale, age_text, clock_text, wall_age
from tui.view_models.cells import UNKNOWN, Block, Cell, Column, LazyRows, Line, Row, columns_for, table_head, table_line
from tui.view_models.view_state import Frame

T = TypeVar("T")

POSITION_COLUMNS = (
    Column("MARKET", 0, right=False),
    Column("SIDE", 4, right=False),
    Column("QTY", 7),
    Column("AVG", 6),
    Column("MARK", 6),
    Column("BY", 4, right=False, room=64),
    Column("UNREAL", 10),
    Column("REALIZED", 10, room=74),
    Column("FEES", 8, room=84),
    Column("IF FLAT", 10, room=96),
    Column("SINCE", 5, room=70),
)

# Where a market is decided the basis is a longer word; elsewhere the room goes to other columns.
RESULT_COLUMNS = tuple(
    replace(column, width=len("result"), room=column.room + 2) if column.title == "BY" else column
    for column in POSITION_COLUMNS
)

ORDER_COLUMNS = (
    Column("MARKET", 0, right=False),
    Column("SIDE", 4, right=False),
    Column("PRICE", 6),
    Column("QTY", 7),
    Column("FILLED", 7),
    Column("AGE", 5),
    Column("STATE", 9, right=False),
    Column("WHOSE", 7, right=False, room=66),
    Column("SINCE", 8, room=88),
    Column("ID", 8, right=False, room=84),
    Column("WHY", 22, right=False, room=110),
)

STATE_ROLES = {
    OrderState.PLANNED: "dim",
    OrderState.SENT: "warn",
    OrderState.RESTING: "",
    OrderState.AMENDING: "warn",
    OrderState.CANCELING: "warn",
    OrderState.IN_DOUBT: "alarm",
    OrderState.FILLED: "ok",
    OrderState.REJECTED: "alarm",
}


def signed_role(amount: int) -> str:
    return "gain" if amount > 0 else "loss" if amount < 0 else ""


def order_words(order: OrderView) -> str:
    """BUY or SELL, of YES."""
    return "BUY" if order.side is BookSide.BID else "SELL"


# The orders a table can have, by `s`: its name in the title and the key; None is the table's own.
SORTS: dict[str, tuple[tuple[str, Callable[[Any], Any] | None], ...]] = {
    "positions": (
        ("", None),
        ("size ↓", lambda p: -abs(p.count)),
        ("unrealized ↑", lambda p: p.unrealized),
        ("unrealized ↓", lambda p: -p.unrealized),
        ("realized ↑", lambda p: p.realized),
        ("realized ↓", lambda p: -p.realized),
        ("newest", lambda p: -p.updated_at),
    ),
    "orders": (
        ("", None),
        ("market", lambda o: (o.ticker, o.side.value, -o.price)),
        ("price ↑", lambda o: (o.price, o.ticker)),
        ("price ↓", lambda o: (-o.price, o.ticker)),
        ("newest", lambda o: -o.created_at),
        ("left ↓", lambda o: -o.remaining),
        ("owner", lambda o: (o.origin.value, o.ownership.value, o.ticker)),
    ),
}


def _sorted(rows: list[T], frame: Frame, panel: str) -> list[T]:
    """By the chosen order; stable, so ties stay as they were. Orders in doubt stay first whatever is chosen."""
    _, key = SORTS[panel][frame.view.sort_of(panel)]
    if key is None:
        return rows
    found = sorted(rows, key=key)
    return sorted(found, key=lambda row: getattr(row, "state", None) is not OrderState.IN_DOUBT)


def filtered(rows: Sequence[Row], frame: Frame, panel: str) -> tuple[Sequence[Row], int]:
    """The rows with every word of the filter, and how many it hides."""
    words = frame.view.filter_of(panel).lower().split()
    if not words:
        return rows, 0
    kept = tuple(row for row in rows if all(word in row.copy.lower() for word in words))
    return kept, len(rows) - len(kept)


def choices_text(frame: Frame, panel: str, hidden: int) -> str:
    """The order and the filter in force, for the title: what is hidden is said."""
    name = SORTS[panel][frame.view.sort_of(panel)][0] if panel in SORTS else ""
    words = frame.view.filter_of(panel)
    text = f", by {name}" if name else ""
    return text + (f", /{words} hides {hidden}" if words else "")


def owner_word(order: OrderView) -> str:
    """`you` or `bot` for our own orders, else the exchange's word for whose it is."""
    if order.ownership is not Ownership.OWN:
        return order.ownership.value
    return "bot" if order.origin is Origin.STRATEGY else "you"


def positions_block(frame: Frame) -> Block:
    snapshot = frame.snapshot
    stale = account_stale(snapshot, frame.now_ns)
    held = [position for position in snapshot.positions if position.count or position.realized or position.fees]
    held.sort(key=lambda position: (position.count == 0, position.ticker))
    held = _sorted(held, frame, "positions")
    kind = RESULT_COLUMNS if any(p.mark_basis == "result" for p in held) else POSITION_COLUMNS
    columns = columns_for(kind, frame.width, max((len(position.ticker) for position in held), default=0))
    fine = any((position.average_price or 0) % 100 or (position.mark or 0) % 100 for position in held)
    built = LazyRows(
        [position.ticker for position in held],
        lambda index: _position_row(held[index], frame, columns, fine=fine, stale=bool(stale)),
    )
    rows, hidden = filtered(built, frame, "positions")
    open_count = sum(1 for position in held if position.count)
    badge = f"{open_count} open" if held or snapshot.money.synced_at > 0 else UNKNOWN
    if len(held) > open_count:
        badge += f", {len(held) - open_count} flat"
    badge += choices_text(frame, "positions", hidden)
    return Block(
        title=(("2 Positions", ""),),
        badge=badge,
        head=(table_head(columns) if held else _nothing(frame, "no positions"),),
        rows=rows,
        foot=stale_foot(frame, stale),
    )


def _nothing(frame: Frame, words: str) -> Line:
    """An empty table is only called empty once the account was read."""
    return ((words if frame.snapshot.money.synced_at > 0 else UNKNOWN, "dim"),)


def stale_foot(frame: Frame, stale: str) -> tuple[Line, ...]:
    if not stale:
        return ()
    if frame.snapshot.money.synced_at <= 0:
        return ((("not read yet", "stale"),),)
    age = wall_age(frame.snapshot, frame.now_ns, frame.snapshot.money.synced_at)
    return (((f"STALE {stale}, last read {age_text(age)} ago", "stale"),),)


def _side_price(price: Price | None, *, no: bool, fine: bool) -> str:
    if price is None:
        return UNKNOWN
    return price_text(complement(price) if no else price, fine=fine)


def _position_row(
    position: PositionView, frame: Frame, columns: Sequence[tuple[int, Column]], *, fine: bool, stale: bool
) -> Row:
    no = position.count < 0
    flat = position.count == 0
    known = position.mark is not None or flat
    unrealized = money_text(position.unrealized, sign=True) if known else UNKNOWN
    dim = "dim" if stale or flat else ""
    cells: list[Cell] = [
        (position.ticker, dim),
        ("flat" if flat else "NO" if no else "YES", dim or ("ask" if no else "bid")),
        (count_text(abs(position.count)), dim),  # type: ignore[arg-type]
        (_side_price(position.average_price, no=no, fine=fine), dim),
        (_side_price(position.mark, no=no, fine=fine), dim),
        (
            position.mark_basis if not flat else "",
            "warn" if position.mark_basis == "old" else "own" if position.mark_basis == "result" else "dim",
        ),
        (unrealized, dim or signed_role(position.unrealized)),
        (money_text(position.realized, sign=True), dim or signed_role(position.realized)),
        (money_text(position.fees), "dim"),
        (money_text(position.if_flat, sign=True) if known else UNKNOWN, dim),
        (age_text(wall_age(frame.snapshot, frame.now_ns, position.updated_at)), "dim"),
    ]
    copy = " ".join(f"{column.title}={text}" for column, (text, _) in zip(POSITION_COLUMNS, cells, strict=True) if text)
    return Row(key=position.ticker, line=table_line(columns, cells), copy=copy)


def orders_block(frame: Frame) -> Block:
    """Open orders, in doubt first, then the oldest so that rows hold still; the newest final ones while there is
    room.
    """
    snapshot = frame.snapshot
    stale = account_stale(snapshot, frame.now_ns)
    open_orders = sorted(snapshot.orders, key=lambda order: (order.created_at, order.client_order_id))
    open_orders.sort(key=lambda order: order.state is not OrderState.IN_DOUBT)
    open_orders = _sorted(open_orders, frame, "orders")
    spare = max(frame.rows - len(open_orders), 0)
    finished = sorted(snapshot.finished_orders, key=lambda order: order.updated_at, reverse=True)[:spare]
    shown = [*open_orders, *finished]
    columns = columns_for(ORDER_COLUMNS, frame.width, max((len(order.ticker) for order in shown), default=0))
    fine = any(order.price % 100 for order in shown)
    finals = {order.client_order_id for order in finished}
    built = LazyRows(
        [order.client_order_id for order in shown],
        lambda index: _order_row(
            shown[index], frame, columns, fine=fine, dim=bool(stale) or shown[index].client_order_id in finals
        ),
    )
    rows, hidden_rows = filtered(built, frame, "orders")
    unsure = sum(1 for order in open_orders if order.state is OrderState.IN_DOUBT)
    moving = sum(
        1
        for order in open_orders
        if order.state in (OrderState.SENT, OrderState.PLANNED, OrderState.CANCELING, OrderState.AMENDING)
    )
    badge = f"{len(open_orders)} open" if shown or snapshot.money.synced_at > 0 else UNKNOWN
    badge += f", {moving} pending" if moving else ""
    badge += f", {unsure} IN DOUBT" if unsure else ""
    badge += choices_text(frame, "orders", hidden_rows)
    return Block(
        title=(("3 Orders", ""),),
        badge=badge,
        head=(table_head(columns) if shown else _nothing(frame, "no orders"),),
        rows=rows,
        foot=stale_foot(frame, stale),
    )


def _order_row(order: OrderView, frame: Frame, columns: Sequence[tuple[int, Column]], *, fine: bool, dim: bool) -> Row:
    quiet = "dim" if dim else ""
    side = "bid" if order.side is BookSide.BID else "ask"
    state_role = STATE_ROLES.get(order.state, "dim")
    name = order.order_id or order.client_order_id
    cells: list[Cell] = [
        (order.ticker, quiet),
        (order_words(order), quiet or side),
        (price_text(order.price, fine=fine), quiet),
        (count_text(order.count), quiet),
        (count_text(order.filled), quiet),
        (age_text(wall_age(frame.snapshot, frame.now_ns, order.created_at)), "dim"),
        (order.state.value, state_role if state_role == "alarm" else quiet or state_role),
        (owner_word(order), "own" if owner_word(order) == "you" else "dim" if owner_word(order) == "bot" else "warn"),
        (clock_text(order.created_at), "dim"),
        (name[-8:], "dim"),
        (order.reason, "dim"),
    ]
    copy = " ".join(f"{column.title}={text}" for column, (text, _) in zip(ORDER_COLUMNS, cells, strict=True) if text)
    copy += f" CLIENT={order.client_order_id}"
    return Row(key=order.client_order_id, line=table_line(columns, cells), copy=copy)

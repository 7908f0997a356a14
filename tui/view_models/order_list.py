"""Orders with every column: open ones first and of these the doubtful ones, then the newest finished ones."""

from __future__ import annotations

from collections.abc import Sequence

from core.domain.amounts import Money, count_text, money_text, price_text
from core.domain.enums import FINAL_ORDER_STATES, BookSide, OrderState, Ownership
from core.trading.snapshot import OrderView
from tui.view_models.ages import account_stale, age_text, clock_text, wall_age, wall_now
from tui.view_models.cells import UNKNOWN, Cell, Column, Line, Row, columns_for, table_head, table_line
from tui.view_models.listing import Listing
from tui.view_models.look import Look, record_lines, titled
from tui.view_models.tables import STATE_ROLES, order_words, stale_foot

ORDER_FILTERS = ("all", "open", "in doubt", "finished", "not ours")
ORDER_SORTS = ("", "market", "newest", "size")

COLUMNS = (
    Column("MARKET", 0, right=False),
    Column("SIDE", 4, right=False),
    Column("PRICE", 6),
    Column("QTY", 8),
    Column("FILLED", 8),
    Column("LEFT", 8, room=96),
    Column("STATE", 9, right=False),
    Column("AHEAD", 8, room=104),
    Column("AGE", 5),
    Column("ENDS IN", 7, room=118),
    Column("CHANGED", 7, room=90),
    Column("BY", 8, right=False, room=150),
    Column("OWNER", 7, right=False, room=88),
    Column("PLACED", 8, room=112),
    Column("ORDER ID", 12, right=False, room=120),
    Column("CLIENT ID", 24, right=False, room=160),
    Column("WHY", 30, right=False, room=140),
)


def _kept(order: OrderView, wanted: str) -> bool:
    match wanted:
        case "open":
            return order.state not in FINAL_ORDER_STATES
        case "in doubt":
            return order.state is OrderState.IN_DOUBT
        case "finished":
            return order.state in FINAL_ORDER_STATES
        case "not ours":
            return order.ownership is not Ownership.OWN
        case _:
            return True


def _rank(order: OrderView) -> tuple[int, int, str]:
    """In doubt, then open by age so that rows hold still, then finished, the newest first."""
    if order.state in FINAL_ORDER_STATES:
        return (2, -order.updated_at, order.client_order_id)
    return (0 if order.state is OrderState.IN_DOUBT else 1, order.created_at, order.client_order_id)


_SORTS = {
    "market": lambda order: (order.state in FINAL_ORDER_STATES, order.ticker, order.side, -order.price),
    "newest": lambda order: (-order.created_at, order.client_order_id),
    "size": lambda order: (order.state in FINAL_ORDER_STATES, -order.remaining * order.price, order.client_order_id),
}


def orders_listing(look: Look) -> Listing:
    """The orders the screen shows; the cursor follows the client order id."""
    snapshot = look.snapshot
    every = (*snapshot.orders, *snapshot.finished_orders)
    shown = [
        order
        for order in every
        if _kept(order, look.filter)
        and look.wants(order.ticker, order.client_order_id, order.order_id or "", order.state.value, order.reason)
    ]
    shown.sort(key=_SORTS.get(look.sort, _rank))
    stale = account_stale(snapshot, look.frame.now_ns)
    columns = columns_for(COLUMNS, look.width, max((len(order.ticker) for order in shown), default=0))
    fine = any(order.price % 100 for order in shown)
    named = {str(order.client_order_id): order for order in shown}
    read = snapshot.money.synced_at > 0
    empty = "-" if not read else "no orders" if not every else "no order fits; esc clears"
    return Listing(
        title=titled("Orders", look, plain="all"),
        badge=_badge(look),
        head=(table_head(columns) if shown else ((empty, "dim"),),),
        keys=tuple(named),
        row=lambda index: _row(shown[index], look, columns, fine=fine, stale=bool(stale)),
        foot=stale_foot(look.frame, stale) or (_foot(look),),
        record=lambda key: _record(named[key], look),
    )


def _badge(look: Look) -> str:
    snapshot = look.snapshot
    if snapshot.money.synced_at <= 0:
        return "not read yet"
    doubt = sum(1 for order in snapshot.orders if order.state is OrderState.IN_DOUBT)
    words = f"{len(snapshot.orders)} open" + (f", {doubt} IN DOUBT" if doubt else "")
    return f"{words} · {len(snapshot.finished_orders)} last finished"


def _foot(look: Look) -> Line:
    counters, money = look.snapshot.counters, look.snapshot.money
    words = (
        f"reserved {money_text(money.reserved)}; this session {counters.placed} placed, {counters.filled} filled, "
        f"{counters.canceled} canceled, {counters.rejected} rejected, {counters.denied} denied"
    )
    return ((words, "dim"),)


def _row(order: OrderView, look: Look, columns: Sequence[tuple[int, Column]], *, fine: bool, stale: bool) -> Row:
    quiet = "dim" if stale or order.state in FINAL_ORDER_STATES else ""
    state_role = STATE_ROLES.get(order.state, "dim")
    snapshot, now_ns = look.snapshot, look.frame.now_ns
    cells: list[Cell] = [
        (order.ticker, quiet),
        (order_words(order), quiet or ("bid" if order.side is BookSide.BID else "ask")),
        (price_text(order.price, fine=fine), quiet),
        (count_text(order.count), quiet),
        (count_text(order.filled), quiet),
        (count_text(order.remaining), quiet),
        (order.state.value, state_role if state_role == "alarm" else quiet or state_role),
        (_ahead(order, look.frame.symbols.most), quiet),
        (age_text(wall_age(snapshot, now_ns, order.created_at)), "dim"),
        (_ends(order, look), "dim"),
        (age_text(wall_age(snapshot, now_ns, order.updated_at)), "dim"),
        (order.origin.value, "dim"),
        (order.ownership.value, "warn" if order.ownership is not Ownership.OWN else "dim"),
        (clock_text(order.created_at), "dim"),
        ((order.order_id or "-")[-12:], "dim"),
        (order.client_order_id[-24:], "dim"),
        (order.reason, "dim"),
    ]
    copy = " ".join(f"{column.title}={text}" for column, (text, _) in zip(COLUMNS, cells, strict=True) if text)
    copy += f" ORDER={order.order_id or '-'} CLIENT={order.client_order_id}"
    return Row(order.client_order_id, table_line(columns, cells), copy)


def _ahead(order: OrderView, most: str = "") -> str:
    """The most that can stand before it, marked as a bound; a final order has no queue."""
    if order.ahead is None or order.state in FINAL_ORDER_STATES:
        return UNKNOWN
    return (most if order.ahead else "") + count_text(order.ahead)


def _ends(order: OrderView, look: Look) -> str:
    """When the exchange ends it by itself."""
    if not order.expires_at or order.state in FINAL_ORDER_STATES:
        return UNKNOWN
    left = order.expires_at - wall_now(look.snapshot, look.frame.now_ns)
    return "past" if left <= 0 else age_text(left)


def _when(at: int, look: Look) -> str:
    return f"{clock_text(at)}Z, {age_text(wall_age(look.snapshot, look.frame.now_ns, at))} ago"


def _record(order: OrderView, look: Look) -> tuple[Line, ...]:
    cost = order.price if order.side is BookSide.BID else 10_000 - order.price
    return record_lines(
        [
            ("market", order.ticker),
            ("order", f"{order_words(order)} YES {count_text(order.count)} at {price_text(order.price, fine=True)}"),
            ("filled", f"{count_text(order.filled)} of {count_text(order.count)}"),
            ("still to fill", f"{count_text(order.remaining)}, at most {money_text(Money(cost * order.remaining))}"),
            ("state", order.state.value),
            ("why", order.reason or "-"),
            ("wished for by", order.origin.value),
            ("ahead of it", f"at most {_ahead(order)} contracts" if order.ahead is not None else "not known"),
            ("ends by itself in", _ends(order, look)),
            ("owner", order.ownership.value),
            ("order id", order.order_id or "the exchange has told none yet"),
            ("client order id", order.client_order_id),
            (
                "placed",
                _when(order.created_at, look),
            ),
            (
                "changed",
                _when(order.updated_at, look),
            ),
        ]
    )

"""Positions with every figure: average, mark with its basis and age, what closing would bring, fees, realized, net."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.domain.amounts import Count, Money, Price, complement, count_text, money_text, price_text
from core.domain.ids import Ticker
from core.trading.snapshot import BookView, LiquidationLine, PositionView
from tui.view_models.ages import account_stale, age_text, book_stale, clock_text, wall_age
from tui.view_models.cells import UNKNOWN, Cell, Column, Line, Row, columns_for, packed, table_head, table_line
from tui.view_models.listing import Listing
from tui.view_models.look import Look, record_lines, titled
from tui.view_models.tables import signed_role, stale_foot

POSITION_SORTS = ("", "market", "unrealized", "size", "fees")

COLUMNS = (
    Column("MARKET", 0, right=False),
    Column("SIDE", 4, right=False),
    Column("QTY", 8),
    Column("AVG", 6),
    Column("MARK", 6),
    Column("BY", 6, right=False),
    Column("MARK AGE", 8, room=104),
    Column("UNREAL", 11),
    Column("AT MARK", 11, room=92),
    Column("CLOSE NOW", 11, room=116),
    Column("REALIZED", 11, room=78),
    Column("FEES", 9, room=86),
    Column("NET", 11, room=100),
    Column("AGE", 5, room=128),
)


# Marks at which somebody would trade now; a last trade is only a memory.
_FIRM = ("bid", "ask")


def net(position: PositionView) -> Money:
    """What the market brought in all: realized and unrealized less fees."""
    return Money(position.realized + position.unrealized - position.fees)


_SORTS = {
    "market": lambda position: (position.ticker,),
    "unrealized": lambda position: (position.unrealized, position.ticker),
    "size": lambda position: (-position.cost, position.ticker),
    "fees": lambda position: (-position.fees, position.ticker),
}


def positions_listing(look: Look) -> Listing:
    """Open positions, then those that are flat again; the cursor follows the market."""
    snapshot = look.snapshot
    every = [p for p in snapshot.positions if p.count or p.realized or p.fees]
    shown = [p for p in every if look.wants(p.ticker)]
    shown.sort(key=_SORTS.get(look.sort, lambda position: (position.count == 0, position.ticker)))
    stale = account_stale(snapshot, look.frame.now_ns)
    columns = columns_for(COLUMNS, look.width, max((len(p.ticker) for p in shown), default=0))
    fine = any((p.average_price or 0) % 100 or (p.mark or 0) % 100 for p in shown)
    books = {book.ticker: book for book in snapshot.books}
    plans = {line.ticker: line for line in snapshot.liquidation}
    named = {str(p.ticker): p for p in shown}
    read = snapshot.money.synced_at > 0
    empty = UNKNOWN if not read else "no positions" if not every else "no position fits; esc clears"
    held = sum(1 for p in every if p.count)

    def row(index: int) -> Row:
        position = shown[index]
        ticker = position.ticker
        return _row(position, books.get(ticker), plans.get(ticker), look, columns, fine=fine, stale=bool(stale))

    return Listing(
        title=titled("Positions", look),
        badge=f"{held} open, {len(every) - held} flat" if read else "not read yet",
        head=(table_head(columns) if shown else ((empty, "dim"),),),
        keys=tuple(named),
        row=row,
        foot=(_totals(look, shown, plans), *stale_foot(look.frame, stale)) if shown else stale_foot(look.frame, stale),
        record=lambda key: _record(named[key], books.get(named[key].ticker), plans.get(named[key].ticker), look),
    )


def _totals(look: Look, shown: Sequence[PositionView], plans: Mapping[Ticker, LiquidationLine]) -> Line:
    """Sums over what is shown."""
    marked = Money(sum(p.if_flat for p in shown))
    lines = [plans[p.ticker] for p in shown if p.ticker in plans]
    closing = Money(sum(line.proceeds - line.fees_estimate for line in lines))
    left = Count(sum(line.residue for line in lines))
    amounts = (
        ("unrealized", Money(sum(p.unrealized for p in shown)), True),
        ("at mark", marked, False),
        ("realized", Money(sum(p.realized for p in shown)), True),
        ("fees", Money(sum(p.fees for p in shown)), False),
        ("close now", closing, False),
    )
    parts: list[Line] = [(("sum", "head"),)]
    for name, amount, signed in amounts:
        role = signed_role(amount) if signed else ""
        parts.append(((name + " ", "dim"), (money_text(amount, sign=signed), role)))
    if left:
        parts.append(((f"{count_text(left)} contracts find no buyer now", "warn"),))
    return packed(parts, look.width)


def own_price(price: Price | None, *, no: bool, fine: bool) -> str:
    """A YES price as the holder says it: in NO prices for a NO position."""
    if price is None:
        return UNKNOWN
    return price_text(complement(price) if no else price, fine=fine)


def _mark_age(position: PositionView, book: BookView | None, look: Look) -> tuple[str, str]:
    """How old the mark is: of the book it comes from; a last trade's age is not known."""
    if position.mark is None or book is None or position.mark_basis not in _FIRM:
        return UNKNOWN, "dim"
    stale = book_stale(book, look.snapshot.feed, look.snapshot, look.frame.now_ns)
    return age_text(look.frame.now_ns - book.updated_ns), "stale" if stale else "dim"


def _closing(plan: LiquidationLine | None) -> str:
    """What closing over the book would bring after the estimated fee; `-` where nothing can be closed now."""
    if plan is None or not plan.closable:
        return UNKNOWN
    return money_text(Money(plan.proceeds - plan.fees_estimate), sign=False) + ("*" if plan.residue else "")


def _row(
    position: PositionView,
    book: BookView | None,
    plan: LiquidationLine | None,
    look: Look,
    columns: Sequence[tuple[int, Column]],
    *,
    fine: bool,
    stale: bool,
) -> Row:
    no, flat = position.count < 0, position.count == 0
    known = position.mark is not None or flat
    dim = "dim" if stale or flat else ""
    age, age_role = _mark_age(position, book, look)
    total = net(position)
    cells: list[Cell] = [
        (position.ticker, dim),
        ("flat" if flat else "NO" if no else "YES", dim or ("ask" if no else "bid")),
        (count_text(Count(abs(position.count))), dim),
        (own_price(position.average_price, no=no, fine=fine), dim),
        (own_price(position.mark, no=no, fine=fine), dim),
        (
            "" if flat else position.mark_basis,
            "warn" if position.mark_basis in ("last", "old", "none") and not flat else "dim",
        ),
        (age, age_role),
        (money_text(position.unrealized, sign=True) if known else UNKNOWN, dim or signed_role(position.unrealized)),
        (money_text(position.if_flat) if known else UNKNOWN, dim),
        (_closing(plan), dim),
        (money_text(position.realized, sign=True), dim or signed_role(position.realized)),
        (money_text(position.fees), "dim"),
        (money_text(total, sign=True) if known else UNKNOWN, dim or signed_role(total)),
        (age_text(wall_age(look.snapshot, look.frame.now_ns, position.updated_at)), "dim"),
    ]
    copy = " ".join(f"{column.title}={text}" for column, (text, _) in zip(COLUMNS, cells, strict=True) if text)
    return Row(position.ticker, table_line(columns, cells), copy)


def _record(
    position: PositionView, book: BookView | None, plan: LiquidationLine | None, look: Look
) -> tuple[Line, ...]:
    no = position.count < 0
    age, _ = _mark_age(position, book, look)
    known = position.mark is not None or not position.count
    pairs = [
        ("market", position.ticker),
        ("position", f"{'NO' if no else 'YES'} {count_text(Count(abs(position.count)))}" if position.count else "flat"),
        ("average", own_price(position.average_price, no=no, fine=True)),
        ("cost", money_text(position.cost, places=4)),
        ("mark", f"{own_price(position.mark, no=no, fine=True)} by {position.mark_basis}, age {age}"),
        ("unrealized", money_text(position.unrealized, sign=True, places=4) if known else UNKNOWN),
        ("realized", money_text(position.realized, sign=True, places=4)),
        ("fees", money_text(position.fees, places=4)),
        ("net", money_text(net(position), sign=True, places=4) if known else UNKNOWN),
        ("at mark", f"{money_text(position.if_flat, places=4)} before fees" if known else UNKNOWN),
        ("last change", f"{age_text(wall_age(look.snapshot, look.frame.now_ns, position.updated_at))} before, "
                        f"{clock_text(position.updated_at)}Z"),
    ]  # fmt: skip
    if plan is not None:
        pairs += [
            ("close now", f"{_closing(plan)} after about {money_text(plan.fees_estimate)} of fees"),
            ("closable", f"{count_text(plan.closable)}, {count_text(plan.residue)} would stay"),
            ("slippage", money_text(plan.slippage)),
            ("note", plan.note or "-"),
        ]
    return record_lines(pairs)

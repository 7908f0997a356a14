"""Profit and loss: equity at mark and if everything were closed now, the drawdown, each market, each day."""

from __future__ import annotations

from collections.abc import Sequence

from core.domain.amounts import Count, Money, count_text, money_text
from core.trading.snapshot import DayView, PositionView
from tui.view_models.ages import account_stale, age_text, clock_text, date_text, wall_age
from tui.view_models.cells import UNKNOWN, Line, Row, fit, number, packed, spread
from tui.view_models.chart import braille, stars, timed
from tui.view_models.listing import Listing
from tui.view_models.look import Look, titled
from tui.view_models.position_list import net
from tui.view_models.tables import signed_role

AXIS = 11


def _amount(name: str, value: Money, *, sign: bool = False, role: str = "") -> Line:
    return ((f"{name} ", "dim"), (money_text(value, sign=sign), role))


def _figures(look: Look, stale: bool) -> tuple[Line, ...]:
    money, snapshot = look.snapshot.money, look.snapshot
    quiet = "dim" if stale else ""
    closing = Money(sum(line.proceeds - line.fees_estimate for line in snapshot.liquidation))
    left = Count(sum(line.residue for line in snapshot.liquidation))
    unmarked = sum(1 for p in snapshot.positions if p.count and p.mark is None)
    peak = max(value for _, value in _curve(look))
    flat: Line = _amount("equity if flat", Money(money.cash + money.reserved + closing), role=quiet or "strong")
    notes: list[Line] = []
    if left:
        notes.append(((f"{count_text(left)} contracts find no buyer now: counted as nothing in it", "warn"),))
    if unmarked:
        notes.append(((f"{unmarked} positions without a mark: counted at cost", "warn"),))
    total = Money(money.realized + money.unrealized - money.fees)
    return (
        packed((
            _amount("equity at mark", money.portfolio, role=quiet or "strong"),
            flat,
            _amount("drawdown now", Money(money.portfolio - peak), role=quiet),
            _amount("worst", Money(-abs(money.max_drawdown)), role=quiet),
        ), look.width, ("   ", "")),
        packed((
            _amount("day", money.day, sign=True, role=quiet or signed_role(money.day)),
            _amount("realized", money.realized, sign=True, role=quiet or signed_role(money.realized)),
            _amount("unrealized", money.unrealized, sign=True, role=quiet or signed_role(money.unrealized)),
            _amount("fees", money.fees, role=quiet),
            _amount("net", total, sign=True, role=quiet or signed_role(total)),
        ), look.width, ("   ", "")),
        *notes,
    )  # fmt: skip


def _curve(look: Look) -> tuple[tuple[int, Money], ...]:
    """The kept points and this moment: the curve ends at the figure above it."""
    snapshot = look.snapshot
    return (*snapshot.equity, (snapshot.taken_at, snapshot.money.portfolio))


def drawdowns(equity: tuple[tuple[int, Money], ...]) -> list[int]:
    """How far each point lies below the highest before it; 0 or negative."""
    peak: int | None = None
    found: list[int] = []
    for _, value in equity:
        peak = value if peak is None else max(peak, value)
        found.append(value - peak)
    return found


def _chart(look: Look, values: list[int], rows: int, role: str, low: int, high: int) -> list[Line]:
    """Curve with its highest, lowest and zero named."""
    symbols = look.frame.symbols
    width = look.width - AXIS - 2
    draw = braille if symbols.braille else stars
    drawn = draw(values, width, rows, low, high)
    zero = rows - 1 - (0 - low) * (rows - 1) // max(high - low, 1)
    labels = {rows - 1: money_text(Money(low), sign=True), 0: money_text(Money(high), sign=True), zero: "$0.00"}
    return [
        ((number(labels.get(y, ""), AXIS), "dim"), (f" {symbols.axis}", "dim"), (text, role))
        for y, text in enumerate(drawn)
    ]


def _charts(look: Look, rows: int, stale: bool) -> tuple[Line, ...]:
    """Equity since the start and the drawdown under it, over the same time."""
    equity = _curve(look)
    if len(equity) < 2 or look.width < 30:
        return ((("no history yet", "dim"),),)
    start = equity[0][1]
    points = (look.width - AXIS - 2) * 2
    values = timed([(at, value - start) for at, value in equity], points)
    upper = rows * 2 // 3
    role = "dim" if stale else signed_role(values[-1]) or "strong"
    fallen = timed([(at, fall) for (at, _), fall in zip(equity, drawdowns(equity), strict=True)], points)
    first, last = clock_text(equity[0][0]), clock_text(equity[-1][0])
    lines: list[Line] = [(("equity at mark, change since the first reading of this session", "head"),)]
    lines += _chart(look, values, upper - 1, role, min(*values, 0), max(*values, 0))
    lines.append((("drawdown: below the highest so far", "head"),))
    lines += _chart(look, fallen, rows - upper - 2, "dim" if stale else "ask", min(*fallen, 0), 0)
    lines.append(spread(((" " * (AXIS + 2) + first, "dim"),), ((last, "dim"),), look.width))
    return tuple(lines)


def _money_cells(realized: Money, unrealized: Money | None, fees: Money, total: Money | None) -> Line:
    cells: list[tuple[str, str]] = [(number(money_text(realized, sign=True), 13), signed_role(realized))]
    for amount in (unrealized,):
        text = UNKNOWN if amount is None else money_text(amount, sign=True)
        cells.append((number(text, 13), signed_role(amount or 0)))
    cells.append((number(money_text(fees), 11), "dim"))
    text = UNKNOWN if total is None else money_text(total, sign=True)
    return (*cells, (number(text, 13), signed_role(total or 0)))


def _market_line(position: PositionView, name: int) -> Line:
    known = position.mark is not None or not position.count
    return (
        (fit(position.ticker, name), ""),
        *_money_cells(
            position.realized, position.unrealized if known else None, position.fees, net(position) if known else None
        ),
    )


def _day_line(day: DayView, name: int) -> Line:
    words = f"{date_text(day.at)}  {day.placed} orders, {day.fills} fills"
    total = Money(day.realized - day.fees)
    return ((fit(words, name), ""), *_money_cells(day.realized, None, day.fees, total))


def pnl_listing(look: Look) -> Listing:
    """Figures and charts above; markets by net result, then days, as rows."""
    snapshot, money = look.snapshot, look.snapshot.money
    read = money.synced_at > 0
    stale = bool(account_stale(snapshot, look.frame.now_ns))
    figures = _figures(look, stale) if read else ((("the account was not read yet", "stale"),),)
    rows = look.frame.height - 3 - len(figures) - max(5, look.frame.height // 4)
    charts = _charts(look, min(rows, 26), stale) if read and rows >= 9 else ()
    name = max(min(look.width - 50, 44), 12)
    head: Line = ((fit("", name) + f"{'REALIZED':>13}{'UNREALIZED':>13}{'FEES':>11}{'NET':>13}", "head"),)
    traded = [p for p in snapshot.positions if p.count or p.realized or p.fees]
    traded.sort(key=lambda position: (net(position), position.ticker))
    keys = ("markets", *(p.ticker for p in traded), "days", *(f"day {day.at}" for day in reversed(snapshot.days)))

    def row(index: int) -> Row:
        line = _line(index, traded, snapshot.days, name)
        return Row(keys[index], line, "".join(text for text, _ in line))

    age = age_text(wall_age(snapshot, look.frame.now_ns, money.synced_at))
    return Listing(
        title=titled("P&L", look),
        badge="not read yet" if not read else f"STALE {age}" if stale else f"compared with the exchange {age} ago",
        head=(*figures, *charts, head),
        keys=keys,
        row=row,
    )


def _line(index: int, traded: Sequence[PositionView], days: Sequence[DayView], name: int) -> Line:
    """Row `index`: a heading, the markets, a heading, the days with the newest first."""
    if index == 0:
        return ((f"by market, worst first ({len(traded)})", "head"),)
    if index <= len(traded):
        return _market_line(traded[index - 1], name)
    if index == len(traded) + 1:
        return (("by day (UTC): booked, without what is unrealized", "head"),)
    return _day_line(days[len(traded) + 1 - index], name)

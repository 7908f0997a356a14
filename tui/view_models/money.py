"""P&L: the day's result with its parts, a chart of the portfolio since the start, and the risk meters."""

from __future__ import annotations

from functools import lru_cache

from core.domain.amounts import Money, count_text, money_text
from core.trading.snapshot import LimitView, MoneyView
from tui.view_models.ages import account_stale, age_text, clock_text, wall_age
from tui.view_models.cells import UNKNOWN, Block, Line, fit, number, packed, spread
from tui.view_models.chart import braille, stars, timed
from tui.view_models.symbols import Symbols
from tui.view_models.tables import signed_role
from tui.view_models.view_state import Frame

AXIS = 10


def read_once(frame: Frame) -> bool:
    """Whether the account has been read at all; before that no amount is known."""
    return frame.snapshot.money.synced_at > 0


def signed(frame: Frame, amount: Money) -> str:
    """Money with arrow and sign: `▲ +$8.40`; `-` while the account was never read."""
    if not read_once(frame):
        return UNKNOWN
    text = money_text(amount, sign=True)
    arrow = {"+": frame.symbols.up, "-": frame.symbols.down}.get(text[0], frame.symbols.middle)
    return f"{arrow} {text}"


def money_block(frame: Frame) -> Block:
    """The panel; `frame.height` decides how much of it is chart."""
    snapshot, money = frame.snapshot, frame.snapshot.money
    stale = account_stale(snapshot, frame.now_ns)
    read = age_text(wall_age(snapshot, frame.now_ns, money.synced_at))
    compared = f"compared {read} ago" if frame.width >= 44 else f"read {read}"
    inside = max(frame.height - 2, 0)
    figures = _figures(money, frame.width, frame.height, read=read_once(frame), stale=bool(stale))
    meters = _meters(frame, 1 if inside < 14 else 2) if frame.width < 100 else ()
    words = (*figures, *meters)
    rows = inside - len(words)
    chart = _chart(frame, rows, stale=bool(stale)) if rows >= 3 else ()
    return Block(
        title=(("4 P&L ", ""), ("day ", "dim"), (signed(frame, money.day), "dim" if stale else signed_role(money.day))),
        badge="not read yet" if not read_once(frame) else f"STALE {read}" if stale else compared,
        head=tuple((*chart, *words)[:inside]),
    )


def _pair(name: str, text: str, role: str, width: int, names: int) -> Line:
    return ((f"{name:<{names}}", "dim"), (number(text, width - names), role))


@lru_cache(maxsize=4)
def _figures(money: MoneyView, across: int, height: int, *, read: bool, stale: bool) -> tuple[Line, ...]:
    """Named amounts in as many columns as the width allows; `read`: the account was read."""
    quiet = "dim" if stale else ""
    amounts: list[tuple[str, str, str]] = [
        ("day", money_text(money.day, sign=True), quiet or signed_role(money.day)),
        ("portfolio", money_text(money.portfolio), quiet),
        ("realized", money_text(money.realized, sign=True), quiet or signed_role(money.realized)),
        ("unrealized", money_text(money.unrealized, sign=True), quiet or signed_role(money.unrealized)),
        ("fees", money_text(Money(-money.fees), sign=True) if money.fees else money_text(money.fees), quiet),
        ("exposure", money_text(money.exposure), quiet),
        ("cash", money_text(money.cash), quiet),
        ("reserved", money_text(money.reserved), quiet),
        ("worst drop", money_text(Money(-abs(money.max_drawdown))) if money.max_drawdown else "$0.00", quiet),
        ("drift", money_text(money.drift, sign=bool(money.drift)), "warn" if money.drift else quiet),
    ]
    per_line = max(min((across + 3) // 24, 5), 1)
    if not read:
        amounts = [(name, UNKNOWN, "dim") for name, _, _ in amounts]
    gap, names = 3, 11
    if height < 14 and per_line < 3:
        amounts = [item for item in amounts if item[0] not in ("reserved", "worst drop", "day", "drift")]
        if per_line == 1 and across >= 38 and max(len(text) for _, text, _ in amounts) <= (across - 2) // 2 - 9:
            short = {"unrealized": "unreal.", "portfolio": "total"}
            amounts = [(short.get(name, name), text, role) for name, text, role in amounts]
            gap, names, per_line = 2, 9, 2
    width = (across - gap * (per_line - 1)) // per_line
    lines: list[Line] = []
    for start in range(0, len(amounts), per_line):
        line: list[tuple[str, str]] = []
        for position, (name, text, role) in enumerate(amounts[start : start + per_line]):
            if position:
                line.append((" " * gap, ""))
            line.extend(_pair(name, text, role, width, names))
        lines.append(tuple(line))
    return tuple(lines)


def _chart(frame: Frame, rows: int, *, stale: bool) -> tuple[Line, ...]:
    """Portfolio against its first value, with the highest, lowest and the zero line named."""
    equity = frame.snapshot.equity
    if len(equity) < 2 or frame.width - AXIS - 2 < 8:
        empty: list[Line] = [()] * rows
        empty[rows // 2] = (("no history yet".center(frame.width), "dim"),)
        return tuple(empty)
    return _curve(equity, frame.width, rows, frame.symbols, stale=stale)


@lru_cache(maxsize=4)
def _curve(
    equity: tuple[tuple[int, Money], ...], across: int, rows: int, symbols: Symbols, *, stale: bool
) -> tuple[Line, ...]:
    """The lines of the chart, `across` cells wide; kept, because the panel is drawn more often than the curve grows."""
    width = across - AXIS - 2
    with_times = rows >= 6
    height = rows - 1 if with_times else rows
    start = equity[0][1]
    values = [value - start for _, value in equity]
    low, high = min(*values, 0), max(*values, 0)
    draw, points = (braille, 2 * width) if symbols.braille else (stars, width)
    drawn = draw([value - start for value in timed(equity, points)], width, height, low, high)
    zero = height - 1 - (0 - low) * (height - 1) // max(high - low, 1)
    role = "dim" if stale else signed_role(values[-1]) or "strong"
    lines: list[Line] = []
    for y, text in enumerate(drawn):
        label = ""
        if y == zero:
            label = "$0.00"
        elif y == 0:
            label = money_text(Money(high), sign=True)
        elif y == height - 1:
            label = money_text(Money(low), sign=True)
        cells: list[tuple[str, str]] = [(number(label, AXIS), "dim"), (f" {symbols.axis}", "dim")]
        if y == zero:
            cells.extend(_over_zero(text, symbols.zero, role))
        else:
            cells.append((text, role))
        lines.append(tuple(cells))
    if with_times:
        first, last = clock_text(equity[0][0]), clock_text(equity[-1][0])
        lines.append(spread(((" " * (AXIS + 2) + first, "dim"),), ((last, "dim"),), across))
    return tuple(lines)


def _over_zero(text: str, sign: str, role: str) -> list[tuple[str, str]]:
    """The zero line under the curve."""
    cells: list[tuple[str, str]] = []
    for mark in text:
        kind = "dim" if mark == " " else role
        shown = sign if mark == " " else mark
        if cells and cells[-1][1] == kind:
            cells[-1] = (cells[-1][0] + shown, kind)
        else:
            cells.append((shown, kind))
    return cells


def fullness(limit: LimitView) -> str:
    """`OVER` a limit, `FULL` at it, `near` it, "" else."""
    if limit.used > limit.limit:
        return "OVER"
    percent = 100 * limit.used // limit.limit
    return "FULL" if percent >= 100 else "near" if percent >= 80 else ""


def meter(frame: Frame, limit: LimitView, width: int) -> Line:
    """`exposure ▮▮▮▮▯▯▯▯ 57%  $68.80 of $120.00`; near or over the limit it says so."""
    return _meter(limit, width, frame.symbols)


@lru_cache(maxsize=64)
def _meter(limit: LimitView, width: int, symbols: Symbols) -> Line:
    if limit.limit <= 0:
        return ((f"{fit(limit.name, 14)} {limit.used_text} (no limit)", "dim"),)
    percent = 100 * limit.used // limit.limit
    full = min(max(percent * 10 // 100, 0), 10)
    role = "alarm" if percent >= 100 else "warn" if percent >= 80 else ""
    word = f" {fullness(limit)}" if fullness(limit) else ""
    cells: Line = (
        (fit(limit.name, 14) + " ", "dim"),
        (symbols.full * full, role or "bid"),
        (symbols.empty * (10 - full), "dim"),
        (f" {percent:>3}%{word}", role),
    )
    amount: Line = ((f"{limit.used_text} of {limit.limit_text}", "dim"),)
    return packed((cells, amount), width)


# The first limits are what is at stake; the others are paces, and on the risk screen.
DESK_LIMITS = 6


def _meters(frame: Frame, most: int) -> tuple[Line, ...]:
    """The tightest limits."""
    ranked = sorted(
        frame.snapshot.limits[:DESK_LIMITS],
        key=lambda limit: -(limit.used * 1000 // limit.limit if limit.limit > 0 else -1),
    )
    return tuple(meter(frame, limit, frame.width) for limit in ranked[:most])


def risk_block(frame: Frame) -> Block:
    """Limits, breaker, session counts and the health of each system; only where there is much room."""
    snapshot = frame.snapshot
    counters, breaker = snapshot.counters, snapshot.breaker
    lines: list[Line] = [meter(frame, limit, frame.width) for limit in snapshot.limits[:DESK_LIMITS]]
    word = "TRIPPED " + breaker.reason if breaker.tripped else "closed"
    lines.append(
        (("breaker        ", "dim"), (word, "alarm" if breaker.tripped else "ok"),
         (f"  {breaker.errors} of {breaker.errors_limit} errors", "dim"))
    )  # fmt: skip
    lines.append(
        (("orders         ", "dim"),
         (f"{counters.placed} placed, {counters.canceled} canceled, {counters.rejected} rejected, "
          f"{counters.denied} denied", ""))
    )  # fmt: skip
    contracts = count_text(counters.fill_contracts)
    lines.append((("fills          ", "dim"), (f"{counters.fills}, {contracts} contracts in all", "")))
    lines.append(
        (("stream         ", "dim"),
         (f"{counters.gaps} gaps, {counters.resyncs} resyncs, {counters.reconnects} reconnects", ""))
    )  # fmt: skip
    lines.append(())
    for component in snapshot.components:
        sign, role = {
            "healthy": (frame.symbols.done, "ok"), "degraded": (frame.symbols.running, "warn"),
        }.get(component.status, (frame.symbols.failed, "alarm"))  # fmt: skip
        age = age_text(None if component.last_ns is None else frame.now_ns - component.last_ns)
        left: Line = ((f"{sign} {component.name}: ", role), (f"{component.status} {component.detail}".strip(), ""))
        lines.append(spread(left, ((age, "dim"),), frame.width))
    return Block(title=(("risk and health", ""),), head=tuple(lines[: max(frame.height - 2, 0)]))

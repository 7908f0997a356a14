"""Risk: every limit with its value and meter, what is permitted and why, the breaker and what it did before."""

from __future__ import annotations

from core.trading.snapshot import LimitView
from tui.view_models.ages import age_text, clock_text, wall_age
from tui.view_models.cells import Line, Row, fit, number, packed
from tui.view_models.listing import Listing
from tui.view_models.look import Look, titled
from tui.view_models.money import fullness
from tui.view_models.state import permission

NAME, BAR, AMOUNT = 16, 20, 14


def limit_line(limit: LimitView, look: Look) -> Line:
    """`exposure  ▮▮▮▮▮▯▯▯▯▯  57%  $68.80 of $120.00  $51.20 free`; full and near are said in words."""
    symbols = look.frame.symbols
    if limit.limit <= 0:
        value = number(limit.used_text, AMOUNT)
        return ((fit(limit.name, NAME), ""), (" " * (BAR + 6), ""), (value, ""), (" (no limit)", "dim"))
    percent = 100 * limit.used // limit.limit
    full = min(max(BAR * limit.used // limit.limit, 0), BAR)
    role = "alarm" if percent >= 100 else "warn" if percent >= 80 else "bid"
    word = f"  {fullness(limit)}" if fullness(limit) else ""
    return (
        (fit(limit.name, NAME), ""),
        (symbols.full * full, role),
        (symbols.empty * (BAR - full), "dim"),
        (number(f"{percent}%", 6), role if word else ""),
        (number(limit.used_text, AMOUNT), ""),
        (f" of {limit.limit_text}", "dim"),
        (word, role),
    )


def _breaker_head(look: Look) -> tuple[Line, ...]:
    breaker = look.snapshot.breaker
    if not breaker.tripped:
        return (
            (("breaker         ", ""), ("closed", "ok"),
             (f"  {breaker.errors} of {breaker.errors_limit} errors in its shortest window", "dim")),
        )  # fmt: skip
    age = age_text(wall_age(look.snapshot, look.frame.now_ns, breaker.tripped_at or 0))
    return (
        (("breaker         ", ""), (" TRIPPED ", "alarm"), (f" {age} ago: {breaker.reason}", "strong")),
        ((f"                value {breaker.value}, limit {breaker.limit}; only reducing orders pass; b resets", ""),),
    )


def risk_listing(look: Look) -> Listing:
    """Limits above, the breaker's history as rows, newest first."""
    snapshot = look.snapshot
    counters, money = snapshot.counters, snapshot.money
    read = money.synced_at > 0
    why = snapshot.state.permission_reason
    limits: tuple[Line, ...] = tuple(limit_line(limit, look) for limit in snapshot.limits)
    head: list[Line] = [
        packed(((("permitted       ", ""),), permission(snapshot, reason=False), ((why, "dim"),)), look.width),
        (),
        *(limits if read else ((("limits: the account was not read yet", "stale"),),)),
        (),
        *_breaker_head(look),
        ((f"orders          {counters.placed} placed, {counters.denied} denied by us, {counters.rejected} rejected by "
          "the exchange", ""),),
        (),
        (("BREAKER HISTORY", "head"),),
    ]  # fmt: skip
    events = snapshot.breaker.events
    if not events:
        head.append((("nothing was counted, it has not moved", "dim"),))
    return Listing(
        title=titled("Risk", look),
        badge=f"picture {age_text(look.frame.now_ns - snapshot.taken_ns)} old",
        head=tuple(head),
        keys=tuple(_key(events, index) for index in range(len(events))),
        row=lambda index: _event_row(events, index, look),
    )


def _key(events: tuple[tuple[int, str], ...], index: int) -> str:
    """The newest first; the key stays with its event while older ones fall off."""
    at, words = events[-1 - index]
    return f"{at} {words}"


def _event_row(events: tuple[tuple[int, str], ...], index: int, look: Look) -> Row:
    at, words = events[-1 - index]
    age = age_text(wall_age(look.snapshot, look.frame.now_ns, at))
    role = "alarm" if words.startswith("tripped") else "ok" if words.startswith("reset") else ""
    line: Line = ((f"{clock_text(at)}  {age:>5} ago  ", "dim"), (words, role))
    return Row(_key(events, index), line, f"{clock_text(at)}Z breaker {words}")

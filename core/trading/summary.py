"""The debug summary: the trader in a dozen lines, for a chat or a bug report; and the rows of the status history.

Rendered from a snapshot alone. At most 80 columns; nothing in it is secret, and what is not known says so.
"""

from __future__ import annotations

from collections.abc import Iterable

from core.domain.amounts import money_text
from core.domain.enums import TraderState
from core.trading.snapshot import ActivityView, ComponentView, StatusEntry, TraderSnapshot, TransitionView
from core.trading.timetext import NS, age_text, clock_text, date_text, tenths_text

WIDTH = 80
ACTIVITY_SHOWN = 8
HEAD = "=== TRADER STATUS ==="
FOOT = "================"
BUSY = frozenset({TraderState.READY, TraderState.ACTING})
MARKS = {"healthy": "✅", "active": "✅", "syncing": "✅", "degraded": "⚠️", "error": "❌"}
ASCII_MARKS = {"✅": "[ok]", "⚠️": "[degraded]", "❌": "[ERROR]"}
_FOLD = str.maketrans({"→": ">", "…": "~", "·": "-", "¢": "c"})
# What an activity is called where the trader's own word is shorter.
KINDS = {"fill": "fill_processed", "calibration": "state_sync", "sync": "state_sync"}


def render_summary(snapshot: TraderSnapshot, wall_ns: int, *, ascii_only: bool = False) -> str:
    """The whole summary. `wall_ns` is now, so that a picture that is no longer renewed is told apart."""
    lines = [HEAD, _state(snapshot)]
    if wall_ns - snapshot.taken_at > 10 * NS:
        lines.append(f"Picture: {age_text(wall_ns - snapshot.taken_at)} old")
    lines += ["", "Services:", *(_service(snapshot, c) for c in snapshot.components)]
    if not snapshot.components:
        lines.append("none yet")
    lines += ["", *_money(snapshot), "", "Recent Activity:"]
    lines += [_activity(a) for a in recent(snapshot.activity)] or ["none yet"]
    lines += ["", _last_error(snapshot), FOOT]
    text = "\n".join(_fit(line) for line in lines) + "\n"
    if not ascii_only:
        return text
    for mark, word in ASCII_MARKS.items():
        text = text.replace(mark, word)
    return text.translate(_FOLD).encode("ascii", "replace").decode()


def last_move(transitions: tuple[TransitionView, ...]) -> TransitionView | None:
    """The last move that was more than a flip between READY and ACTING."""
    found = (t for t in reversed(transitions) if not (t.source in BUSY and t.target in BUSY))
    return next(found, None)


def recent(activity: tuple[ActivityView, ...], limit: int = ACTIVITY_SHOWN) -> list[ActivityView]:
    """What happened last, newest first."""
    return list(activity[-limit:][::-1])


def activity_kind(activity: ActivityView) -> str:
    return KINDS.get(activity.kind, activity.kind)


def _fit(line: str) -> str:
    return line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"


def _state(s: TraderSnapshot) -> str:
    last = last_move(s.transitions)
    moved = f"{last.source} → {last.target} ({last.reason})" if last else "none"
    return f"State: {s.state.label} ({tenths_text(s.taken_ns - s.state.entered_ns)}s) | Last: {moved}"


def _service(s: TraderSnapshot, c: ComponentView) -> str:
    mark = MARKS.get(c.status, MARKS["error"])
    positions = sum(1 for p in s.positions if p.count)
    words = {
        "OrderService": f"{_own_open(s)} pending, {s.counters.placed_today} placed today",
        "PositionTracker": f"{positions} positions, last update {_ago(s, c.last_ns)}",
        "StateSync": f"synced {_synced(s)}, drift: {money_text(s.money.drift)}",
    }
    return f"{mark} {c.name}: {words.get(c.name, c.detail)}"


def _own_open(s: TraderSnapshot) -> int:
    return sum(1 for o in s.orders if o.ownership != "foreign")


def _ago(s: TraderSnapshot, at_ns: int | None) -> str:
    return "never" if at_ns is None else f"{short_age(s.taken_ns - at_ns)} ago"


def _synced(s: TraderSnapshot) -> str:
    return f"{short_age(s.taken_at - s.money.synced_at)} ago" if s.money.synced_at else "never"


def short_age(age_ns: int) -> str:
    """`30s`, `5m`, `3h`, `2d`: the largest unit alone."""
    seconds = max(0, age_ns) // NS
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _money(s: TraderSnapshot) -> list[str]:
    held = sum(1 for p in s.positions if p.count)
    portfolio = money_text(s.money.portfolio) if s.money.synced_at else "not known before calibration"
    m, b = s.money, s.breaker
    lines = [f"Portfolio: {portfolio} | Positions: {held} markets | Orders: {_own_open(s)} open"]
    if m.synced_at:
        lines.append(
            f"P&L: realized {money_text(m.realized, sign=True)}, unrealized {money_text(m.unrealized, sign=True)},"
            f" fees {money_text(m.fees)} | Day: {money_text(m.day, sign=True)}"
        )
    breaker = f"TRIPPED ({b.reason})" if b.tripped else "closed"
    i = s.identity
    lines.append(f"{i.mode.upper()}, {i.product} {i.version} | In doubt: {s.counters.in_doubt} | Breaker: {breaker}")
    return lines


def _activity(a: ActivityView) -> str:
    took = "" if a.elapsed_ns is None else f" ({tenths_text(a.elapsed_ns)}s)"
    line = f"{clock_text(a.at)} - {activity_kind(a)}: {a.text}"
    return line[: WIDTH - 1 - len(took)] + "…" + took if len(line) + len(took) > WIDTH else line + took


def _last_error(s: TraderSnapshot) -> str:
    if not s.errors:
        return "Last Error: None"
    e = s.errors[-1]
    context = f" ({e.context})" if e.context else ""
    recovery = f" → {e.recovery}" if e.recovery else ""
    return f"Last Error: {clock_text(e.at)} {e.error}{context}{recovery}"


# ---- status history ----------------------------------------------------------------------------------------------

HISTORY_HEAD = f"{'TIME (UTC)':<14} {'STATE':<22} {'FOR':>6} {'PORTFOLIO':>12} {'DAY':>10} {'POS':>3} {'ORD':>3} OK"


def history_lines(entries: Iterable[StatusEntry]) -> list[str]:
    """The status history as a table, a row each, at most 80 columns, plain ASCII."""
    return [HISTORY_HEAD, *(history_row(e) for e in entries)]


def history_row(e: StatusEntry) -> str:
    """One row of that table."""
    portfolio = "-" if e.portfolio is None else money_text(e.portfolio)
    day = "-" if e.day is None else money_text(e.day, sign=True)
    health = {"healthy": "ok", "degraded": "deg"}.get(e.health, "ERR")
    return (
        f"{date_text(e.at)[5:]} {clock_text(e.at)} {e.label:<22.22} {short_age(e.seconds_in_state * NS):>6}"
        f" {portfolio:>12} {day:>10} {e.positions:>3} {e.orders:>3} {health}"
    )

"""The status panel: the trader as text that can be pasted into a bug report. Complete, at most 80 columns, no secret.

Rendered from a snapshot alone, so that the copy key, the `status` command and the status file say the same.
"""

from __future__ import annotations

from core.domain.amounts import Count, Money, Price, complement, count_text, money_text, price_text
from core.domain.enums import BookSide, OrderState
from core.trading.snapshot import OrderView, PositionView, ScreenGauges, TraderSnapshot
from core.trading.summary import render_summary
from core.trading.timetext import age_text, clock_text, millis_text, seconds_text, time_text

WIDTH = 80
NS = 1_000_000_000
TRANSITIONS_SHOWN = 5
ERRORS_SHOWN = 10
ACTIVITY_SHOWN = 10

_UNICODE = {"tl": "╔", "tr": "╗", "bl": "╚", "br": "╝", "h": "═", "v": "║", "l": "╠", "r": "╣"}
_ASCII = {"tl": "+", "tr": "+", "bl": "+", "br": "+", "h": "-", "v": "|", "l": "+", "r": "+"}
_FOLD = str.maketrans({"→": ">", "…": "~", "·": "-", "¢": "c"})


def render_panel(snapshot: TraderSnapshot, wall_ns: int, *, ascii_only: bool = False, rows: int | None = 40) -> str:
    """The whole panel. `wall_ns` is now, so that a picture's age is told. `rows` caps markets, positions and orders,
    each by itself.
    """
    parts = (
        _head(snapshot, wall_ns),
        _state(snapshot),
        _risk(snapshot),
        _feed(snapshot),
        _money(snapshot),
        _markets(snapshot, rows),
        _positions(snapshot, rows),
        _orders(snapshot, rows),
        _history(snapshot),
        _errors(snapshot),
    )
    marks = _ASCII if ascii_only else _UNICODE
    inner = WIDTH - 2
    lines = [marks["tl"] + marks["h"] * inner + marks["tr"]]
    for index, part in enumerate(parts):
        if index:
            lines.append(marks["l"] + marks["h"] * inner + marks["r"])
        lines += [marks["v"] + f" {piece}".ljust(inner) + marks["v"] for line in part for piece in _wrap(line)]
    lines.append(marks["bl"] + marks["h"] * inner + marks["br"])
    text = "\n".join(lines) + "\n"
    return text.translate(_FOLD).encode("ascii", "replace").decode() if ascii_only else text


def status_text(snapshot: TraderSnapshot, wall_ns: int, form: str = "panel", *, ascii_only: bool = False) -> str:
    """The status in one of its forms: `panel` for a clipboard, `whole` with every row, or the short `summary`."""
    if form == "summary":
        return render_summary(snapshot, wall_ns, ascii_only=ascii_only)
    return render_panel(snapshot, wall_ns, ascii_only=ascii_only, rows=None if form == "whole" else 40)


def _head(s: TraderSnapshot, wall_ns: int) -> list[str]:
    i = s.identity
    tripped = "TRIPPED" if s.breaker.tripped else "closed"
    build = f", revision {i.revision}" if i.revision else ""
    runs = ", ".join(f"{name} {version}" for name, version in (("Python", i.python), ("Textual", i.screen)) if version)
    offset = s.feed.gauges.clock_offset_ms
    clock = "not known" if offset is None else "less than 1 s" if abs(offset) <= 1000 else f"{offset // 1000:+d} s"
    day = money_text(s.money.day, sign=True)
    return [
        f"{s.state.label} | {i.mode.upper()} | day {day} | breaker {tripped} | {time_text(s.taken_at)}",
        f"{i.product} {i.version}, {i.exchange}, account …{i.account or '-'}, strategy {i.strategy}"
        + (f", seed {i.seed}" if i.seed is not None else ""),
        f"pid {i.pid or '-'}{f' on {i.host}' if i.host else ''}, up {age_text(s.taken_at - i.started_at)},"
        f" picture {age_text(wall_ns - s.taken_at)} old",
        f"{runs or 'Python -'}{build}; exchange clock ahead of ours: {clock}",
        f"Config {i.config_hash or '-'}, log {_tail(i.log_file, 55) or '-'}",
    ]


def _state(s: TraderSnapshot) -> list[str]:
    state = s.state
    lines = [
        f"State: {state.label} ({age_text(s.taken_ns - state.entered_ns)}), because: {state.reason}",
        f"May: {state.permission.name.lower().replace('_', ' ')}"
        + (f" ({state.permission_reason})" if state.permission_reason else ""),
    ]
    if state.waiting_for:
        lines.append(f"Waits for: {state.waiting_for}")
    if s.calibration:
        steps = ", ".join(f"{c.step} {c.status}{seconds_text(c.elapsed_ns)}" for c in s.calibration)
        lines.append(f"Calibration: {steps}")
    lines += [
        f"  {clock_text(t.at)} {t.source} ({t.seconds_in_source} s) → {t.target} ({t.reason})"
        + (f" x{t.folded}" if t.folded else "")
        for t in s.transitions[-TRANSITIONS_SHOWN:]
    ]
    pending = [f"{a.name} ({age_text(s.taken_at - a.at)})" for a in s.actions if a.is_open]
    doing = (s.state.procedure or "none") + _progress(s)
    lines.append(f"Procedure: {doing}; pending actions: {', '.join(pending) or 'none'}")
    return lines


def _progress(s: TraderSnapshot) -> str:
    told = s.progress
    if told is None:
        return ""
    left = count_text(Count(told.contracts - told.contracts_done))
    where = (
        f"{told.positions_left} of {told.positions} positions, {left} of {count_text(told.contracts)} contracts left"
    )
    return f", {told.phase} for {age_text(s.taken_ns - told.began_ns)}: {where}, {told.orders_left} orders open"


def _risk(s: TraderSnapshot) -> list[str]:
    b = s.breaker
    line = f"Breaker: closed, {b.errors} of {b.errors_limit} errors"
    if b.tripped:
        line = f"Breaker: TRIPPED {clock_text(b.tripped_at or 0)}: {b.reason} (value {b.value}, limit {b.limit})"
    if not b.tripped and b.tripped_at is not None:
        line += f"; tripped last {clock_text(b.tripped_at)}: {b.reason}"
    limits = ", ".join(f"{m.name} {m.used_text} of {m.limit_text}" for m in s.limits)
    return [line, f"Limits: {limits or '-'}"]


def _feed(s: TraderSnapshot) -> list[str]:
    f, c = s.feed, s.counters
    stream = "up" if f.stream_up else "DOWN"
    rest = "up" if f.rest_up else "DOWN"
    latency = "-" if f.rest_latency_us is None else millis_text(f.rest_latency_us)
    g = f.gauges
    lag = " / ".join("-" if us is None else millis_text(us) for us in (g.loop_lag_p50_us, f.loop_lag_p99_us))
    calls = ", ".join(f"{c.call} {millis_text(c.p50_us)} / {millis_text(c.p99_us)}" for c in g.latency)
    return [
        f"Stream: {stream}, connection {f.stream_epoch}, last message {_ago(s, f.last_message_ns)},"
        f" last sequence {max((b.seq for b in s.books), default=0)}, gaps {c.gaps}, resyncs {c.resyncs}",
        f"REST: {rest}, last reply {_ago(s, f.last_reply_ns)}, latency {latency}, tokens {_n(f.read_tokens)} read"
        f" {_n(f.write_tokens)} write" + _failed_writes(s),
        f"REST p50 / p99: {calls or '-'}; limited {g.limited}, retries {g.retries}",
        f"Last REST error: {g.last_error or 'none'}",
        f"Screen: {_screen(g.screen)}",
        f"Loop lag p50 / p99: {lag}, refused frames {c.refused_frames}, reconnects {c.reconnects}",
        *(f"  {h.name}: {h.status}, {_ago(s, h.last_ns)}: {h.detail}" for h in s.components),
    ]


def _failed_writes(s: TraderSnapshot) -> str:
    count = s.feed.failed_writes
    return f", {count} writes failed, last {_ago(s, s.feed.failed_write_ns)}" if count else ""


def _screen(screen: ScreenGauges | None) -> str:
    if screen is None:
        return "none"
    return f"{screen.rate_hz} pictures a second, {screen.left_out} left out, {screen.backlog} frames not taken yet"


def _money(s: TraderSnapshot) -> list[str]:
    if not s.money.synced_at:
        return ["Portfolio: not known yet (not calibrated)"]
    m = s.money
    return [
        f"Portfolio: {money_text(m.portfolio)} = cash {money_text(m.cash)} + reserved {money_text(m.reserved)}"
        f" + positions {money_text(Money(m.portfolio - m.cash - m.reserved))}",
        f"P&L: realized {money_text(m.realized, sign=True)}, unrealized {money_text(m.unrealized, sign=True)},"
        f" fees {money_text(m.fees)}, day {money_text(m.day, sign=True)}",
        f"Exposure: {money_text(m.exposure)}, worst drawdown {money_text(m.max_drawdown)},"
        f" compared {clock_text(m.synced_at)}, drift {money_text(m.drift, places=6)}",
        f"Today (UTC): realized {money_text(m.day_realized, sign=True)}, fees {money_text(m.day_fees)},"
        f" {m.day_fills} fills, {s.counters.placed_today} orders placed",
    ]


def _markets(s: TraderSnapshot, rows: int | None) -> list[str]:
    lines = []
    for b in s.books:
        bid = f"{count_text(b.bids[0][1])}@{price_text(b.bids[0][0])}" if b.bids else "-"
        ask = f"{count_text(b.asks[0][1])}@{price_text(b.asks[0][0])}" if b.asks else "-"
        trust = "" if b.trusted else f" UNTRUSTED: {b.untrusted_reason}"
        spread = f" ({price_text(Price(b.asks[0][0] - b.bids[0][0]))})" if b.bids and b.asks else ""
        lines.append(f"  {b.ticker}: {bid} / {ask}{spread}, {_ago(s, b.updated_ns or None)}{trust}")
    return [f"MARKETS ({len(s.books)}):", *_capped(lines, rows)]


def _positions(s: TraderSnapshot, rows: int | None) -> list[str]:
    held = [p for p in s.positions if p.count]
    return [f"POSITIONS ({len(held)}):", *_capped([_position(p) for p in held], rows)]


def _position(p: PositionView) -> str:
    """A holder of NO thinks in NO prices: both prices and the count are those of the side held."""
    outcome = "YES" if p.count > 0 else "NO"
    average, mark = (
        None if price is None else (price if p.count > 0 else complement(price)) for price in (p.average_price, p.mark)
    )
    bought = "-" if average is None else f"${price_text(average)}"
    marked = "no mark" if mark is None else f"{p.mark_basis} ${price_text(mark)}"
    held = count_text(Count(abs(p.count)))
    return f"  {p.ticker}: {held} @ {bought} ({outcome}) {marked} {money_text(p.unrealized, sign=True)}"


def _orders(s: TraderSnapshot, rows: int | None) -> list[str]:
    lines = [f"ORDERS ({len(s.orders)}):", *_capped([_order(s, o) for o in s.orders], rows)]
    doubt = [o for o in s.orders if o.state is OrderState.IN_DOUBT]
    if doubt:
        found = [f"  {o.client_order_id}, {age_text(s.taken_at - o.updated_at)}: {o.reason or '-'}" for o in doubt]
        lines += [f"IN DOUBT ({len(doubt)}), by client id:", *_capped(found, rows)]
    return lines


def _order(s: TraderSnapshot, o: OrderView) -> str:
    word = "BUY" if o.side is BookSide.BID else "SELL"
    name = (o.order_id or o.client_order_id)[:8]
    own = "" if o.ownership == "own" else f" {o.ownership}"
    return (
        f"  {name}: {o.ticker} {word} {count_text(o.remaining)}@{price_text(o.price)} [{o.state}]{own}"
        f" {count_text(o.filled)}/{count_text(o.count)} filled, {age_text(s.taken_at - o.created_at)}"
    )


def _history(s: TraderSnapshot) -> list[str]:
    c = s.counters
    lines = [
        f"Orders: {c.placed} placed, {c.accepted} accepted, {c.denied} denied, {c.rejected} rejected,"
        f" {c.canceled} canceled, {c.filled} filled; {c.fills} fills",
        "Recent activity:",
    ]
    for a in s.activity[-ACTIVITY_SHOWN:]:
        lines.append(f"  {clock_text(a.at)} {a.kind}: {a.text}{seconds_text(a.elapsed_ns)}")
    if s.exit:
        e = s.exit
        rest = "unknown" if e.resting_after_stop is None else str(e.resting_after_stop)
        lines.append(f"Exit: {e.reason}, code {e.code}, own orders resting {rest}")
        lines += [f"  not verified: {name}" for name in e.unverified]
    return lines


def _errors(s: TraderSnapshot) -> list[str]:
    if not s.errors:
        return ["Last error: none"]
    lines = [f"Errors ({len(s.errors)}):"]
    for e in s.errors[-ERRORS_SHOWN:]:
        recovery = f" → {e.recovery}" if e.recovery else ""
        context = f" ({e.context})" if e.context else ""
        lines.append(f"  {clock_text(e.at)} {e.severity}: {e.error}{context}{recovery}")
    return lines


def _capped(lines: list[str], rows: int | None) -> list[str]:
    if rows is None or len(lines) <= rows:
        return lines
    return [*lines[:rows], f"  … {len(lines) - rows} more"]


def _wrap(line: str) -> list[str]:
    """A long line as several, nothing of it lost."""
    width = WIDTH - 3
    if len(line) <= width:
        return [line]
    cut = line.rfind(" ", 20, width)
    cut = cut if cut > 0 else width
    return [line[:cut], *_wrap("    " + line[cut:].strip())]


def _tail(path: str, width: int) -> str:
    """The end of a path, which tells more than its beginning."""
    return path if len(path) <= width else "…" + path[1 - width :]


def _ago(s: TraderSnapshot, at_ns: int | None) -> str:
    return "never" if at_ns is None else f"{age_text(s.taken_ns - at_ns)} ago"


def _n(value: int | None) -> str:
    return "-" if value is None else str(value)

"""The lines that are always there: header, notices, alarm, and the one-column screen of very small terminals."""

from __future__ import annotations

from core.domain.amounts import count_text, money_text, price_text
from core.domain.enums import Mode
from core.trading.snapshot import ActionView, TraderSnapshot
from tui.view_models.ages import (
    age_text,
    book_stale,
    clock_text,
    picture_age,
    rest_stale,
    span_text,
    stream_stale,
    wall_age,
    wall_now,
)
from tui.view_models.cells import UNKNOWN, Line, cut, packed, spread
from tui.view_models.money import signed
from tui.view_models.state import breaker, permission, shown_label, state_role, time_in_state
from tui.view_models.tables import signed_role
from tui.view_models.view_state import Frame, chosen_book

MODE_WORDS = {
    Mode.PAPER: "PAPER",
    Mode.DEMO: "DEMO",
    Mode.LIVE: "LIVE",
    Mode.REPLAY: "REPLAY",
}


def mode_cell(snapshot: TraderSnapshot) -> Line:
    """The mode as a word on its own ground; paper says what it trades with."""
    mode = snapshot.identity.mode
    note = {
        Mode.PAPER: " fresh simulated account",
        Mode.DEMO: " demo exchange",
        Mode.LIVE: " REAL MONEY",
        Mode.REPLAY: " recorded tape",
    }[mode]
    return ((f" {MODE_WORDS[mode]} ", mode.value), (note, "strong" if mode is Mode.LIVE else "dim"))


def _road(name: str, up: bool, stale: bool, detail: str, frame: Frame) -> Line:
    if not up:
        return ((f"{name} {frame.symbols.failed} DOWN", "alarm"),)
    if stale:
        return ((f"{name} STALE {detail}", "stale"),)
    return ((f"{name} ", "dim"), (f"{frame.symbols.full} ", "ok"), (detail, ""))


def stream_line(frame: Frame) -> Line:
    feed = frame.snapshot.feed
    age = None if feed.last_message_ns is None else frame.now_ns - feed.last_message_ns
    return _road("ws", feed.stream_up, stream_stale(feed, frame.now_ns), age_text(age), frame)


def rest_line(frame: Frame, *, latency: bool = True) -> Line:
    feed = frame.snapshot.feed
    age = None if feed.last_reply_ns is None else frame.now_ns - feed.last_reply_ns
    detail = age_text(age)
    if latency and feed.rest_latency_us is not None and not rest_stale(feed, frame.now_ns):
        detail += f" {_millis(feed.rest_latency_us)}"
    return _road("rest", feed.rest_up, rest_stale(feed, frame.now_ns), detail, frame)


def _millis(micros: int) -> str:
    return f"{micros // 1000}ms" if micros >= 10_000 else f"{micros // 1000}.{micros // 100 % 10}ms"


def behind_line(frame: Frame) -> Line:
    age = picture_age(frame.snapshot, frame.now_ns)
    return ((f" SCREEN STALE {age_text(age)} ", "alarm"),) if age is not None else ()


def header_line(frame: Frame) -> Line:
    """Mode, roads to the exchange, clock; the wider the screen the more of the rest."""
    snapshot, identity, feed = frame.snapshot, frame.snapshot.identity, frame.snapshot.feed
    clock: Line = ((clock_text(wall_now(snapshot, frame.now_ns)) + "Z ", "strong"),)
    lag = feed.loop_lag_p99_us
    parts: list[Line] = [
        mode_cell(snapshot),
        behind_line(frame),
        stream_line(frame),
        rest_line(frame),
    ]
    if frame.width >= 110:
        parts += [
            (("acct ", "dim"), (f"{frame.symbols.ellipsis}{identity.account}" if identity.account else UNKNOWN, "")),
            (("lag p99 ", "dim"), (_millis(lag) if lag is not None else UNKNOWN, "")),
            ((f"ui {frame.rate_hz} Hz", "dim" if frame.rate_hz >= 4 else "warn"),),
        ]
    if frame.width >= 150:
        read = UNKNOWN if feed.read_tokens is None else str(feed.read_tokens)
        write = UNKNOWN if feed.write_tokens is None else str(feed.write_tokens)
        parts += [
            (("strategy ", "dim"), (identity.strategy or UNKNOWN, "")),
            (("tokens ", "dim"), (f"r {read} w {write}", "")),
            (("exchange ", "dim"), (identity.exchange or UNKNOWN, "")),
            (("up ", "dim"), (span_text(wall_now(snapshot, frame.now_ns) - identity.started_at), "")),
            ((f"v{identity.version}", "dim"),),
        ]
    name: Line = ((" KALSHI TRADER", "title"),) if frame.width >= 110 else ()
    room = frame.width - 11
    return spread(packed((name, *parts), room), clock, frame.width)


_STATUS_ROLES = {"pending": "own", "done": "ok", "refused": "warn", "failed": "alarm"}


def shown_action(snapshot: TraderSnapshot, dismissed: int) -> ActionView | None:
    """The newest wish whose result the operator has not put away."""
    waiting = [action for action in snapshot.actions if action.command_id > dismissed or action.status == "pending"]
    return max(waiting, key=lambda action: action.command_id, default=None)


def notice_line(frame: Frame) -> Line:
    """The newest result of an action, or a word of the console; stays until dismissed or followed by a newer one."""
    snapshot, view = frame.snapshot, frame.view
    action = shown_action(snapshot, view.dismissed)
    if view.notice is not None and (action is None or action.command_id <= view.notice.after):
        return cut(((" " + view.notice.text, view.notice.role), ("  esc dismisses", "dim")), frame.width)
    if action is None:
        return _newest_activity(frame)
    age = age_text(wall_age(snapshot, frame.now_ns, action.at))
    role = _STATUS_ROLES.get(action.status, "warn")
    more = sum(1 for item in snapshot.actions if item.status == "pending" and item is not action)
    tail = f"  +{more} pending" if more else ""
    hint = "" if action.status == "pending" else "  esc dismisses"
    text = f" {action.text}" if action.text else ""
    left: Line = ((f" {action.name} ", "strong"), (action.status.upper(), role), (text, ""))
    return spread(left, ((f"{tail}  {age} ago{hint} ", "dim"),), frame.width)


def _newest_activity(frame: Frame) -> Line:
    """With no result to show, the last thing that happened."""
    newest = max(frame.snapshot.activity, key=lambda item: item.at, default=None)
    if newest is None:
        return ()
    return cut(((f" {clock_text(newest.at)}   {newest.kind} {newest.text}", "dim"),), frame.width)


def alarm_line(frame: Frame) -> Line:
    """The standing alarm; without one the newest error, so that it is never only in the log."""
    snapshot = frame.snapshot
    if snapshot.alarm:
        return cut(((" ALARM ", "alarm"), (" " + snapshot.alarm, "strong")), frame.width)
    newest = max(snapshot.errors, key=lambda error: error.at, default=None)
    if newest is None:
        return ((" no alarm", "dim"),)
    word = "E" if newest.severity == "error" else "W"
    role = "alarm" if newest.severity == "error" else "warn"
    recovery = f" -> {newest.recovery}" if newest.recovery else ""
    line: Line = (
        (f" {clock_text(newest.at)} ", "dim"),
        (word, role),
        (f" {newest.error} {newest.context}".rstrip(), ""),
        (recovery, "ok"),
    )
    return cut(line, frame.width)


def small_lines(frame: Frame) -> list[Line]:
    """Everything that matters in one column of text, most important first, for screens under 80x24."""
    snapshot, money = frame.snapshot, frame.snapshot.money
    spent = span_text(time_in_state(snapshot, frame.now_ns))
    acted = frame.view.notice is not None or shown_action(snapshot, frame.view.dismissed) is not None
    known = money.synced_at > 0
    lines: list[Line] = [
        packed(
            (mode_cell(snapshot)[:1], ((shown_label(snapshot), state_role(snapshot)), (f" {spent}", ""))), frame.width
        ),
        (("day ", "dim"), (signed(frame, money.day), signed_role(money.day))),
        (("^k", "key"), (" PANIC: cancel all and pause", "")),
    ]
    if snapshot.alarm:
        lines.append((("ALARM ", "alarm"), (snapshot.alarm, "")))
    if acted:
        lines.append(notice_line(frame))
    behind = behind_line(frame)
    if behind:
        lines.append(behind)
    held = [position for position in snapshot.positions if position.count]
    book = chosen_book(snapshot, frame.view.market)
    lines += [
        breaker(snapshot),
        permission(snapshot),
        packed((stream_line(frame), rest_line(frame, latency=False)), frame.width),
        ((f"orders {len(snapshot.orders)}  positions {len(held)}" if known else "orders -  positions -", ""),),
        (("exposure ", "dim"), (money_text(money.exposure) if known else UNKNOWN, "")),
    ]
    if book is not None:
        stale = book_stale(book, snapshot.feed, snapshot, frame.now_ns)
        bid = price_text(book.bids[0][0]) if book.bids else UNKNOWN
        ask = price_text(book.asks[0][0]) if book.asks else UNKNOWN
        lines.append(
            ((f"{book.ticker} ", "dim"), (bid, "bid"), ("/", "dim"), (ask, "ask"), (" STALE" if stale else "", "stale"))
        )
    for position in held:
        side = "YES" if position.count > 0 else "NO"
        lines.append(
            ((f"{side} {count_text(abs(position.count))} ", ""), (position.ticker, "dim"))  # type: ignore[arg-type]
        )
    lines.append((("p", "key"), (" pause/resume ", ""), ("q", "key"), (" quit ", ""), ("?", "key"), (" help", "")))
    return [cut(line, frame.width) for line in lines]

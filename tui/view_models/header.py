"""The lines that are always there: header, notices, alarm, and the one-column screen of very small terminals."""

from __future__ import annotations

from dataclasses import dataclass

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
    stream_word,
    wall_age,
    wall_now,
)
from tui.view_models.cells import UNKNOWN, Line, cut, joined, packed, plain, spread, width_of, wrapped
from tui.view_models.money import signed
from tui.view_models.state import breaker, overrun, permission, progress, shown_label, state_role, time_in_state
from tui.view_models.tables import signed_role
from tui.view_models.view_state import Frame, chosen_book

LOW_TOKENS = 20
FAR_CLOCK_MS = 500
SLOW_LAG_US = 100_000

MODE_WORDS = {
    Mode.PAPER: "PAPER",
    Mode.DEMO: "DEMO",
    Mode.LIVE: "LIVE",
    Mode.REPLAY: "REPLAY",
}


def mode_cell(snapshot: TraderSnapshot, *, note: bool = True) -> Line:
    """The mode as a word on its own ground; with `note` also what it trades with. Real money is always said."""
    mode = snapshot.identity.mode
    if not note and mode is not Mode.LIVE:
        return ((f" {MODE_WORDS[mode]} ", mode.value), (" fresh" if _fresh(snapshot) else "", "dim"))
    words = _mode_note(mode, fresh=_fresh(snapshot))
    return ((f" {MODE_WORDS[mode]} ", mode.value), (words, "strong" if mode is Mode.LIVE else "dim"))


def _fresh(snapshot: TraderSnapshot) -> bool:
    """Paper on its own exchange begins anew each time; a standing exchange keeps its account."""
    return snapshot.identity.mode is Mode.PAPER and not snapshot.identity.exchange.startswith("standing")


def _mode_note(mode: Mode, *, fresh: bool) -> str:
    return {
        Mode.PAPER: " fresh simulated account" if fresh else " standing simulated exchange",
        Mode.DEMO: " demo exchange",
        Mode.LIVE: " REAL MONEY",
        Mode.REPLAY: " recorded tape",
    }[mode]


_WORD_ROLES = {"DOWN": "alarm", "STALE": "stale", "quiet": "warn"}


def _road(name: str, word: str, detail: str, frame: Frame, *, doubt: bool = False) -> Line:
    if word == "DOWN":
        return ((f"{name} {frame.symbols.failed} DOWN", "alarm"),)
    if word:
        return ((f"{name} {word} {detail}", _WORD_ROLES[word]),)
    sign = f"{frame.symbols.full} " if frame.width >= 110 else ""
    return ((f"{name} ", "dim"), (sign, "warn" if doubt else "ok"), (detail, ""))


def stream_line(frame: Frame) -> Line:
    feed = frame.snapshot.feed
    age = None if feed.last_message_ns is None else frame.now_ns - feed.last_message_ns
    return _road("ws", stream_word(feed, frame.now_ns), age_text(age), frame)


def rest_line(frame: Frame, *, latency: bool = True, failures: bool = True) -> Line:
    """The last reply of any kind, and the writes that failed: reads may go well while no order gets through."""
    feed = frame.snapshot.feed
    age = None if feed.last_reply_ns is None else frame.now_ns - feed.last_reply_ns
    word = "DOWN" if not feed.rest_up else "STALE" if rest_stale(feed, frame.now_ns) else ""
    detail = age_text(age)
    if latency and feed.rest_latency_us is not None and not word:
        detail += f" {_millis(feed.rest_latency_us)}"
    failed = failed_writes(frame.snapshot, frame.now_ns) if failures else ""
    return (*_road("rest", word, detail, frame, doubt=bool(failed)), *(((f" {failed}", "alarm"),) if failed else ()))


def failed_writes(snapshot: TraderSnapshot, now_ns: int) -> str:
    """`3 writes failed 4s`: how many of late, and how long ago the last one."""
    count, at_ns = snapshot.feed.failed_writes, snapshot.feed.failed_write_ns
    if not count or at_ns is None:
        return ""
    return f"{count} write{'' if count == 1 else 's'} failed {age_text(now_ns - at_ns)}"


def _millis(micros: int) -> str:
    return f"{micros // 1000}ms" if micros >= 10_000 else f"{micros // 1000}.{micros // 100 % 10}ms"


def behind_line(frame: Frame) -> Line:
    age = picture_age(frame.snapshot, frame.now_ns)
    return ((f" SCREEN STALE {age_text(age)} ", "alarm"),) if age is not None else ()


def offset_text(offset_ms: int | None) -> str:
    """The exchange's clock against ours. It tells whole seconds only, so less than one is no offset known."""
    if offset_ms is None:
        return UNKNOWN
    return "<1s" if abs(offset_ms) <= 1000 else f"{offset_ms // 1000:+d}s"


def _gauges(frame: Frame, *, short: bool) -> list[Line]:
    """Account, token budget, clock offset, loop lag, rate of this screen."""
    identity, feed = frame.snapshot.identity, frame.snapshot.feed
    tokens = "/".join(UNKNOWN if count is None else str(count) for count in (feed.read_tokens, feed.write_tokens))
    offset, lag = feed.gauges.clock_offset_ms, feed.loop_lag_p99_us
    names = ("", "tok ", "clk ", "lag ", "") if short else ("acct ", "tokens r/w ", "clock ", "lag p99 ", "ui ")
    account = f"{frame.symbols.ellipsis}{identity.account}" if identity.account else UNKNOWN
    rate = f"{frame.rate_hz}Hz" if short else f"{frame.rate_hz} Hz"
    low = feed.write_tokens is not None and feed.write_tokens < LOW_TOKENS
    off = offset is not None and abs(offset) > FAR_CLOCK_MS
    slow = lag is not None and lag > SLOW_LAG_US
    texts = (
        (account, ""),
        (tokens, "warn" if low else ""),
        (offset_text(offset), "warn" if off else ""),
        (UNKNOWN if lag is None else f"{lag // 1000}ms" if short else _millis(lag), "warn" if slow else ""),
        (rate, "" if frame.rate_hz >= 4 else "warn"),
    )
    return [((name, "dim"), cell) for name, cell in zip(names, texts, strict=True)]


def header_line(frame: Frame) -> Line:
    """Mode, roads to the exchange, clock, gauges; the wider the screen the more of the rest."""
    snapshot, identity, width = frame.snapshot, frame.snapshot.identity, frame.width
    clock: Line = ((clock_text(wall_now(snapshot, frame.now_ns)) + "Z ", "strong"),)
    short = width < 130
    parts: list[Line] = [
        mode_cell(snapshot, note=width >= 110),
        behind_line(frame),
        stream_line(frame),
        rest_line(frame, latency=width >= 110),
        *_gauges(frame, short=short),
    ]
    if width >= 150:
        parts += [
            (("strategy ", "dim"), (identity.strategy or UNKNOWN, "")),
            (("exchange ", "dim"), (identity.exchange or UNKNOWN, "")),
            (("up ", "dim"), (span_text(wall_now(snapshot, frame.now_ns) - identity.started_at), "")),
            ((f"v{identity.version}", "dim"),),
        ]
    name: Line = ((" KALSHI TRADER", "title"),) if width >= 130 else ()
    separator = ("  ", "") if width >= 110 else (" ", "")
    return spread(packed((name, *parts), width - 11, separator), clock, width)


_STATUS_ROLES = {"pending": "own", "running": "own", "done": "ok", "refused": "warn", "failed": "alarm"}


def shown_action(snapshot: TraderSnapshot, dismissed: frozenset[int]) -> ActionView | None:
    """The wish to show, of those whose result the operator has not put away: one that failed before all others, else
    the one that moved last.
    """
    waiting = [action for action in snapshot.actions if action.is_open or action.command_id not in dismissed]
    return max(waiting, key=lambda action: (action.status == "failed", action.at, action.command_id), default=None)


NOTICE_ROWS = 3
SMALL_NOTICE_ROWS = 5


@dataclass(frozen=True, slots=True)
class _Told:
    """What the notice says: a name and a status before the text, and what may be left out behind it."""

    text: str
    role: str
    name: str = ""
    status: str = ""
    tail: str = ""

    @property
    def whole(self) -> str:
        return " ".join(word for word in (self.name, self.status, self.text) if word)


def _told(frame: Frame) -> _Told | None:
    """The newest result of an action, or a word of the console; stays until dismissed or followed by a newer one."""
    snapshot, view = frame.snapshot, frame.view
    action = shown_action(snapshot, view.dismissed)
    if view.notice is not None and (action is None or action.at <= view.notice.at):
        return _Told(view.notice.text, view.notice.role, tail="esc dismisses")
    if action is None:
        return None
    more = sum(1 for item in snapshot.actions if item.is_open and item is not action)
    tail = f"+{more} running  " if more else ""
    tail += f"{age_text(wall_age(snapshot, frame.now_ns, action.at))} ago"
    tail += "" if action.is_open else "  esc dismisses"
    return _Told(action.text, _STATUS_ROLES.get(action.status, "warn"), action.name, action.status.upper(), tail)


def notice_line(frame: Frame) -> Line:
    """The notice on one line, cut where it does not fit."""
    told = _told(frame)
    if told is None:
        return _newest_activity(frame)
    tail: Line = ((f"  {told.tail} ", "dim"),)
    if not told.name:
        return cut(((f" {told.text}", told.role), *tail), frame.width)
    text = f" {told.text}" if told.text else ""
    return spread(((f" {told.name} ", "strong"), (told.status, told.role), (text, "")), tail, frame.width)


def notice_lines(frame: Frame, most: int = NOTICE_ROWS) -> list[Line]:
    """The notice in as many lines as it needs, at most so many: a reason or a path that is cut helps nobody."""
    told = _told(frame)
    if told is None or len(told.whole) + len(told.tail) + 4 <= frame.width:
        return [notice_line(frame)]
    lines = wrapped(told.whole, max(frame.width - 2, 10), told.role)
    if len(lines) > most:
        lines = [*lines[: most - 1], cut((*lines[most - 1], (" …", told.role)), frame.width - 2)]
    if width_of(lines[-1]) + len(told.tail) + 4 <= frame.width:
        lines[-1] = (*lines[-1], (f"  {told.tail}", "dim"))
    return [((" ", ""), *line) for line in lines]


def _newest_activity(frame: Frame) -> Line:
    """With no result to show, the last thing that happened."""
    newest = max(reversed(frame.snapshot.activity), key=lambda item: item.at, default=None)
    if newest is None:
        return ()
    return cut(((f" {clock_text(newest.at)}   {newest.kind} {newest.text}", "dim"),), frame.width)


def alarm_line(frame: Frame) -> Line:
    """The standing alarm; without one the newest error, so that it is never only in the log."""
    snapshot = frame.snapshot
    newest = max(reversed(snapshot.errors), key=lambda error: error.at, default=None)
    if snapshot.alarm:
        open_errors = [error.at for error in snapshot.errors if error.severity == "error" and not error.recovery]
        at = snapshot.breaker.tripped_at or max(open_errors, default=0)
        when = f" {clock_text(at)}" if at else ""
        return cut(((" ALARM ", "alarm"), (when, "dim"), (" " + snapshot.alarm, "strong")), frame.width)
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


def _roads(frame: Frame) -> list[Line]:
    """Both roads on one line, where they fit on one."""
    stream, rest = stream_line(frame), rest_line(frame, latency=False)
    if width_of(stream) + width_of(rest) + 2 <= frame.width:
        return [joined((stream, rest))]
    failed = failed_writes(frame.snapshot, frame.now_ns)
    alone = rest_line(frame, latency=False, failures=False)
    return [joined((stream, alone)), ((failed, "alarm"),)] if failed else [stream, rest]


def small_lines(frame: Frame) -> list[Line]:
    """Everything that matters in one column of text, most important first, for screens under 80x24."""
    snapshot, money = frame.snapshot, frame.snapshot.money
    spent = span_text(time_in_state(snapshot, frame.now_ns))
    acted = frame.view.notice is not None or shown_action(snapshot, frame.view.dismissed) is not None
    over = overrun(snapshot, frame.now_ns)
    known = money.synced_at > 0
    lines: list[Line] = [
        packed(
            (
                mode_cell(snapshot)[:1],
                ((shown_label(snapshot), state_role(snapshot)), (f" {spent}", "")),
                ((over, "alarm"),) if over else (),
            ),
            frame.width,
        ),
        (("day ", "dim"), (signed(frame, money.day), signed_role(money.day))),
        (("^k", "key"), (" PANIC: cancel all and pause", "")),
    ]
    lines += wrapped(plain(progress(snapshot)), frame.width, "strong")
    if snapshot.alarm:
        lines += wrapped(f"ALARM {snapshot.alarm}", frame.width, "alarm")[:2]
    if acted:
        lines += notice_lines(frame, SMALL_NOTICE_ROWS)
    behind = behind_line(frame)
    if behind:
        lines.append(behind)
    held = [position for position in snapshot.positions if position.count]
    book = chosen_book(snapshot, frame.view.market)
    lines += [
        breaker(snapshot, frame.width),
        permission(snapshot),
        *_roads(frame),
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

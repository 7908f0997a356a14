"""Ages and times as text, and the rules for when something counts as stale."""

from __future__ import annotations

from datetime import UTC, datetime

from core.domain.enums import MarketStatus, TraderState
from core.trading.snapshot import BookView, FeedView, TraderSnapshot
from tui.view_models.cells import UNKNOWN, Line

SECOND_NS = 1_000_000_000
PICTURE_STALE_NS = 2 * SECOND_NS
STREAM_QUIET_NS = 3 * SECOND_NS
STREAM_STALE_NS = 15 * SECOND_NS
REST_STALE_NS = 75 * SECOND_NS

_DISCONNECTED = frozenset({TraderState.STARTUP, TraderState.IDLE, TraderState.INITIALIZING, TraderState.ERROR})


def age_text(age_ns: int | None) -> str:
    """`0.2s`, `12s`, `4m`, `3h`, `2d`; `-` when not known."""
    if age_ns is None:
        return UNKNOWN
    tenths = max(age_ns, 0) // 100_000_000
    if tenths < 100:
        return f"{tenths // 10}.{tenths % 10}s"
    seconds = tenths // 10
    for limit, size, unit in ((100, 1, "s"), (6_000, 60, "m"), (172_800, 3_600, "h")):
        if seconds < limit:
            return f"{seconds // size}{unit}"
    return f"{seconds // 86_400}d"


def span_text(span_ns: int) -> str:
    """Time in a state: `0:41`, `12:03`, `3:11:40`, `2d 03:11`."""
    seconds = max(span_ns, 0) // SECOND_NS
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days}d {hour:02d}:{minute:02d}"
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minutes}:{second:02d}"


def clock_text(at: int) -> str:
    """Wall time of `at` (Unix ns) as `12:03:11`, UTC; `-` for 0, which means never."""
    if at <= 0:
        return UNKNOWN
    return datetime.fromtimestamp(at // SECOND_NS, tz=UTC).strftime("%H:%M:%S")


def date_text(at: int) -> str:
    """The UTC day of `at` (Unix ns) as `2026-01-31`."""
    return datetime.fromtimestamp(at // SECOND_NS, tz=UTC).strftime("%Y-%m-%d")


def wall_now(snapshot: TraderSnapshot, now_ns: int) -> int:
    """Wall time at monotonic `now_ns`, by the snapshot's pair of times."""
    return snapshot.taken_at + (now_ns - snapshot.taken_ns)


def wall_age(snapshot: TraderSnapshot, now_ns: int, at: int) -> int | None:
    """Age of a wall time, None for 0 (never)."""
    return None if at <= 0 else max(wall_now(snapshot, now_ns) - at, 0)


def picture_age(snapshot: TraderSnapshot, now_ns: int) -> int | None:
    """Age of the picture itself when it has stopped changing for too long, else None."""
    age = now_ns - snapshot.taken_ns
    return age if age > PICTURE_STALE_NS and snapshot.exit is None else None


def stream_stale(feed: FeedView, now_ns: int) -> bool:
    return not feed.stream_up or feed.last_message_ns is None or now_ns - feed.last_message_ns > STREAM_STALE_NS


def stream_word(feed: FeedView, now_ns: int) -> str:
    """`DOWN`, `STALE`, or `quiet`: longer without a word than is normal, not yet long enough to be taken for lost; ""
    while it talks.
    """
    if not feed.stream_up:
        return "DOWN"
    if stream_stale(feed, now_ns):
        return "STALE"
    assert feed.last_message_ns is not None
    return "quiet" if now_ns - feed.last_message_ns > STREAM_QUIET_NS else ""


def rest_stale(feed: FeedView, now_ns: int) -> bool:
    return not feed.rest_up or feed.last_reply_ns is None or now_ns - feed.last_reply_ns > REST_STALE_NS


def book_stale(book: BookView, feed: FeedView, snapshot: TraderSnapshot, now_ns: int) -> str:
    """Why the book must not be taken for live, or ""."""
    if picture_age(snapshot, now_ns) is not None:
        return "screen behind"
    if book.updated_ns <= 0:
        return "no data yet"
    if book.status != MarketStatus.ACTIVE:
        return f"market {book.status}"
    if not book.trusted:
        return book.untrusted_reason or "not trusted"
    if not feed.stream_up:
        return "stream down"
    if stream_stale(feed, now_ns):
        return "stream silent"
    return ""


def account_stale(snapshot: TraderSnapshot, now_ns: int) -> str:
    """Why positions, orders and money must not be taken for live, or ""."""
    if picture_age(snapshot, now_ns) is not None:
        return "screen behind"
    if snapshot.state.state in _DISCONNECTED:
        return f"trader in {snapshot.state.state.value}"
    if rest_stale(snapshot.feed, now_ns) and stream_stale(snapshot.feed, now_ns):
        return "exchange unreachable"
    if not snapshot.feed.stream_up:
        return "stream down"
    return ""


def stale_line(reason: str, age_ns: int | None) -> Line:
    """`STALE 12s: stream down`."""
    return ((f"STALE {age_text(age_ns)}: {reason}", "stale"),)
